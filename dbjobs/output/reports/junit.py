"""JUnit XML: a suite a run, a case a task, as Jenkins, GitLab and Azure DevOps read it.

It keeps to junit-10.xsd of the xUnit plugin of Jenkins:
https://github.com/jenkinsci/xunit-plugin/tree/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd
"""

import re
from collections import Counter
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from dbjobs.api.models import TaskRun
from dbjobs.api.states import Outcome
from dbjobs.common.plain_text import clean_text
from dbjobs.output.formatting import AnyRun, format_utc
from dbjobs.output.reports.model import Failure, Report, ReportedRun, ReportedTask
from dbjobs.output.truncation import short_line

SKIPPED = (Outcome.UPSTREAM_FAILED, Outcome.EXCLUDED, Outcome.NEVER_RAN)
"""Not run, for reasons that lie elsewhere; of a whole run only the case is meant, never its end."""

_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""What `clean_text` leaves and XML 1.0 does not allow: https://www.w3.org/TR/xml/#charsets"""


def render_junit(report: Report) -> str:
    """The report as a document of `<testsuites>`."""
    names = _distinct_names(report.runs)
    suites = [_suite(run, name, report.made_at) for run, name in zip(report.runs, names, strict=True)]
    if report.not_started:
        suites.append(_suite_of_not_started(report))
    root = ET.Element("testsuites", {"name": _line(report.title), **_sum(suites)})
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _distinct_names(runs: Iterable[ReportedRun]) -> list[str]:
    """The job's name and the run's parameters, and `#2` for the second of the same.

    Run ids would be distinct, too, but CI systems trace a test over time by its name.
    """
    names = [" ".join(filter(None, [_line(run.title), _line(run.label)])) for run in runs]
    numbers: Counter[str] = Counter()
    distinct = []
    for name in names:
        numbers[name] += 1
        distinct.append(f"{name} #{numbers[name]}" if numbers[name] > 1 else name)
    return distinct


def _suite(run: ReportedRun, name: str, now: float) -> ET.Element:
    class_name = name.replace(".", "_")  # systems make folders of dots
    cases = [_case(task, class_name, now) for task in run.tasks]
    if not any(_is_bad(case) for case in cases) and (not cases or not run.is_good):
        cases.append(_case_of_run(run, class_name, now))
    suite = ET.Element("testsuite", {"name": name, "id": str(run.run_id), **_counts(cases)})
    suite.set("time", _seconds(run.run, now))
    if run.run and run.run.start_time:
        suite.set("timestamp", format_utc(run.run.start_time / 1000).partition(".")[0])
    if run.run and run.run.run_page_url:
        suite.set("url", _line(run.run.run_page_url))
    suite.append(_properties(run))
    suite.extend(cases)
    return suite


def _suite_of_not_started(report: Report) -> ET.Element:
    """A case for each parameter set that has no run: an error if it was refused, else skipped."""
    name = f"{_line(report.runs[0].title)} (not started)"
    cases = []
    for label, reason in report.not_started.items():
        case = ET.Element("testcase", name=_line(label), classname=name.replace(".", "_"), time="0.000")
        tag = "error" if reason.startswith("refused") else "skipped"
        ET.SubElement(case, tag, {"type": tag, "message": _line(reason)})
        cases.append(case)
    suite = ET.Element("testsuite", {"name": name, "id": "not-started", **_counts(cases), "time": "0.000"})
    suite.extend(cases)
    return suite


def _counts(cases: Iterable[ET.Element]) -> dict[str, str]:
    cases = list(cases)
    tags = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {name: sum(case.find(tag) is not None for case in cases) for name, tag in tags.items()}
    return {name: str(number) for name, number in {"tests": len(cases), **counts}.items()}


def _sum(suites: Iterable[ET.Element]) -> dict[str, str]:
    suites = list(suites)
    return {
        name: str(sum(int(suite.get(name, 0)) for suite in suites))
        for name in ("tests", "failures", "errors")
    }


def _is_bad(case: ET.Element) -> bool:
    return case.find("failure") is not None or case.find("error") is not None


def _properties(run: ReportedRun) -> ET.Element:
    facts = {
        "run_id": str(run.run_id),
        "job_id": str((run.run and run.run.job_id) or ""),
        "run_page_url": (run.run and run.run.run_page_url) or "",
        "life_cycle_state": (run.run and run.run.life_cycle_state) or "",
        "result_state": (run.run and run.run.result_state) or "",
        "parameters": run.label,
    }
    properties = ET.Element("properties")
    for name, value in facts.items():
        if value:
            ET.SubElement(properties, "property", name=name, value=_line(value))
    return properties


def _case(task: ReportedTask, class_name: str, now: float) -> ET.Element:
    newest = task.task
    case = ET.Element(
        "testcase",
        name=_line(newest.task_key),
        classname=class_name,
        time=_seconds(newest, now),
    )
    if task.failure:
        _add(case, "failure", newest.shown_state, task.failure)
    elif newest.outcome in SKIPPED:
        ET.SubElement(case, "skipped", type=_line(newest.shown_state), message=_line(newest.message))
    elif not newest.outcome or not newest.outcome.is_good:
        ET.SubElement(case, "error", type=_line(newest.shown_state), message=_line(_unfinished(newest)))
    case.extend(_earlier(task))
    return case


def _unfinished(task: AnyRun) -> str:
    return task.message or ("canceled" if task.is_ended else "the wait ended before this did")


def _earlier(task: ReportedTask) -> Iterable[ET.Element]:
    """Attempts that failed before: of a task that made it in the end they show that it is flaky."""
    is_flaky = task.task.outcome is not None and task.task.outcome.is_good
    for attempt in task.attempts[:-1]:
        if attempt.failure:
            element = ET.Element("flakyFailure" if is_flaky else "rerunFailure")
            _describe(element, attempt.task.shown_state, attempt.failure)
            ET.SubElement(element, "stackTrace").text = _body(attempt.failure)
            yield element


def _case_of_run(run: ReportedRun, class_name: str, now: float) -> ET.Element:
    """Stands for a run without tasks, and for one whose end no task explains."""
    case = ET.Element("testcase", name=_line(run.title), classname=class_name, time=_seconds(run.run, now))
    if run.failed_tasks and run.failed_tasks[0].failure:
        _add(case, "failure", run.state, run.failed_tasks[0].failure)
    elif not run.is_good:
        message = run.message or (_unfinished(run.run) if run.run else "the run was never seen")
        ET.SubElement(case, "error", type=_line(run.state), message=_line(message))
    return case


def _add(case: ET.Element, tag: str, state: str, failure: Failure) -> None:
    element = ET.SubElement(case, tag)
    _describe(element, state, failure)
    element.text = _body(failure)


def _describe(element: ET.Element, state: str, failure: Failure) -> None:
    element.set("type", _line(state))
    element.set("message", _line(failure.error.partition("\n")[0] or state))


def _body(failure: Failure) -> str:
    left_out = f"… {failure.lines_left_out:,} lines before" if failure.lines_left_out else ""
    return _text("\n".join(filter(None, [failure.error, left_out, failure.trace])))


def _seconds(run: AnyRun | TaskRun | None, now: float) -> str:
    seconds = run.seconds_at(now * 1000) if run and (run.end_time or not run.is_ended) else None
    return f"{seconds or 0:.3f}"


def _line(text: str) -> str:
    return _NOT_XML.sub("\ufffd", short_line(text))


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", clean_text(text))
