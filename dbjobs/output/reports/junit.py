"""JUnit XML: a suite per run, a case per task, as Jenkins, GitLab and Azure DevOps read it.

It conforms to junit-10.xsd of the xUnit plugin of Jenkins:
https://github.com/jenkinsci/xunit-plugin/tree/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd
"""

import re
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from dbjobs.api.states import Outcome
from dbjobs.common.plain_text import clean_text
from dbjobs.output.formatting import AnyRun, format_utc, join_facts
from dbjobs.output.reports.model import Report, ReportedFailure, ReportedRun, ReportedTask
from dbjobs.output.truncation import short_line

SKIPPED = (Outcome.UPSTREAM_FAILED, Outcome.EXCLUDED, Outcome.NEVER_RAN)
"""Outcomes of a task that was not run because of others; for a whole run they are errors."""

_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""What `clean_text` leaves and XML 1.0 does not allow: https://www.w3.org/TR/xml/#charsets"""


def render_junit(report: Report) -> str:
    """The report as a document of `<testsuites>`.

    A suite is named after the job and the run's parameters, with ` #2` for the second of the same.
    Run ids would be distinct, too, but CI systems trace a test over time by its name.
    """
    suites: list[ET.Element] = []
    numbers: Counter[str] = Counter()
    for run in report.runs:
        name = join_facts(_line(run.title), _line(run.label), separator=" ")
        numbers[name] += 1
        number = f" #{numbers[name]}" if numbers[name] > 1 else ""
        suites.append(_suite(run, name + number, report.made_at))
    if report.not_started:
        suites.append(_suite_of_not_started(report))
    totals = {
        total: str(sum(int(suite.get(total, 0)) for suite in suites))
        for total in ("tests", "failures", "errors")
    }
    root = ET.Element("testsuites", {"name": _line(report.title), **totals})
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(run: ReportedRun, name: str, now: float) -> ET.Element:
    """A run with a case per task, and one for itself if it has no tasks or none explains its outcome."""
    class_name = name.replace(".", "_")  # systems make folders of dots
    cases = [_case(task, class_name, now) for task in run.tasks]
    has_bad_case = any(case.find(tag) is not None for case in cases for tag in ("failure", "error"))
    if not has_bad_case and not (cases and run.is_good):
        case = _new_case(run.title, class_name, _seconds(run.run, now))
        if run.failed_tasks and run.failed_tasks[0].failure:
            _add_failure(case, "failure", run.state, run.failed_tasks[0].failure)
        elif not run.is_good:
            message = run.message or (_unfinished(run.run) if run.run else "the run was never seen")
            ET.SubElement(case, "error", type=_line(run.state), message=_line(message))
        cases.append(case)
    suite = ET.Element("testsuite", {"name": name, "id": str(run.run_id), **_counts(cases)})
    suite.set("time", _seconds(run.run, now))
    if run.run and run.run.start_time:
        suite.set("timestamp", format_utc(run.run.start_time / 1000).partition(".")[0])
    if run.run and run.run.run_page_url:
        suite.set("url", _line(run.run.run_page_url))
    facts = {
        "run_id": str(run.run_id),
        "job_id": str((run.run and run.run.job_id) or ""),
        "run_page_url": (run.run and run.run.run_page_url) or "",
        "life_cycle_state": (run.run and run.run.life_cycle_state) or "",
        "result_state": (run.run and run.run.result_state) or "",
        "parameters": run.label,
        "repairs": "; ".join(run.repairs),
    }
    properties = ET.SubElement(suite, "properties")
    for fact, value in facts.items():
        if value:
            ET.SubElement(properties, "property", name=fact, value=_line(value))
    suite.extend(cases)
    return suite


def _suite_of_not_started(report: Report) -> ET.Element:
    """A case for each parameter set that has no run: an error if it was refused, else skipped."""
    name = f"{_line(report.job_name)} (not started)"
    cases = []
    for label, reason in report.not_started.items():
        case = _new_case(label, name.replace(".", "_"), "0.000")
        tag = "error" if reason.startswith("refused") else "skipped"
        ET.SubElement(case, tag, {"type": tag, "message": _line(reason)})
        cases.append(case)
    suite = ET.Element("testsuite", {"name": name, "id": "not-started", **_counts(cases), "time": "0.000"})
    suite.extend(cases)
    return suite


def _counts(cases: Sequence[ET.Element]) -> dict[str, str]:
    tags = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {name: str(sum(case.find(tag) is not None for case in cases)) for name, tag in tags.items()}
    return {"tests": str(len(cases)), **counts}


def _case(task: ReportedTask, class_name: str, now: float) -> ET.Element:
    """A task with its failed attempts: earlier ones show that a task that succeeded in the end is flaky."""
    newest, state = task.task, task.task.shown_state
    is_good = newest.outcome is not None and newest.outcome.is_good
    case = _new_case(newest.task_key, class_name, _seconds(newest, now))
    if task.failure:
        _add_failure(case, "failure", state, task.failure)
    elif newest.outcome in SKIPPED:
        ET.SubElement(case, "skipped", type=_line(state), message=_line(newest.message))
    elif not is_good:
        ET.SubElement(case, "error", type=_line(state), message=_line(_unfinished(newest)))
    for attempt in task.attempts[:-1]:
        if attempt.failure:
            tag = "flakyFailure" if is_good else "rerunFailure"
            element = _add_failure(case, tag, attempt.task.shown_state, attempt.failure)
            ET.SubElement(element, "stackTrace").text, element.text = element.text, None
    return case


def _new_case(name: str, class_name: str, seconds: str) -> ET.Element:
    return ET.Element("testcase", name=_line(name), classname=class_name, time=seconds)


def _unfinished(run: AnyRun) -> str:
    return run.message or ("canceled" if run.is_ended else "the wait ended before this did")


def _add_failure(case: ET.Element, tag: str, state: str, failure: ReportedFailure) -> ET.Element:
    message = _line(failure.error.partition("\n")[0] or state)
    left_out = f"… {failure.lines_left_out:,} lines before" if failure.lines_left_out else ""
    text = join_facts(failure.error, left_out, failure.trace, separator="\n")
    element = ET.SubElement(case, tag, {"type": _line(state), "message": message})
    element.text = _NOT_XML.sub("\ufffd", clean_text(text))
    return element


def _seconds(run: AnyRun | None, now: float) -> str:
    seconds = run.seconds_at(now * 1000) if run and (run.end_time or not run.is_ended) else None
    return f"{seconds or 0:.3f}"


def _line(text: str) -> str:
    return _NOT_XML.sub("\ufffd", short_line(text))
