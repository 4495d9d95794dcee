"""Reports: what happened, as files that people and machines read."""

import re
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dbjobs.api.models import Run
from dbjobs.http.response import Payload
from dbjobs.output.reports import render_report
from dbjobs.output.reports.gantt import make_chart
from dbjobs.output.reports.model import Report, ReportedRun
from dbjobs.runs.failures import FailedTask
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Received, Reply, by_endpoint
from tests.support.hostile import OUTPUT, TEXTS, hostile_run
from tests.support.payloads import RUN_ID, run, state, task
from tests.support.readers import read_html, read_junit

AT = 1_767_225_600_000
"""When the runs here begin: 2026-01-01, in epoch milliseconds."""


def timed(key: str, result: str | None, start: int, end: int, **more: Any) -> Payload:
    """A task that went on from `start` to `end`, in seconds after the beginning."""
    times: Payload = {"start_time": AT + start * 1000, "end_time": AT + end * 1000}
    return task(key, "TERMINATED" if result else "RUNNING", result, **times, **more)


URL = "https://adb-1.2.azuredatabricks.net/?o=1#job/7/run/8"
FLAKY = [
    timed("fetch", "FAILED", 0, 3, run_id=11),
    timed("fetch", "SUCCESS", 5, 9, run_id=12, attempt_number=1, setup_duration=1000),
]
FAILED = run(
    "INTERNAL_ERROR",
    "FAILED",
    *FLAKY,
    timed("clean_a", "FAILED", 9, 21, run_id=13, after=("fetch",)),
    task("report", "TERMINATED", "UPSTREAM_FAILED", after=("clean_a",)),
    start_time=AT,
    end_time=AT + 21_000,
    run_page_url=URL,
)
OUTPUTS = {
    11: {"error": "ConnectionResetError: gone", "error_trace": "Traceback\n  gone"},
    13: {"error": "ValueError: 5 < 6 & 7", "error_trace": "Traceback\n  ValueError: 5 < 6 & 7"},
}


def report_of(
    *payloads: Payload, outputs: Any = None, note: str = "", labels: tuple[str, ...] = ()
) -> Report:
    named = [*labels, *[""] * len(payloads)]
    runs = [
        ReportedRun(payload["run_id"], Run(payload), _failures(Run(payload), outputs or {}), label)
        for payload, label in zip(payloads, named, strict=False)
    ]
    return Report(tuple(runs), AT / 1000 + 60, note)


def _failures(run: Run, outputs: dict[int, Payload]) -> dict[int, FailedTask]:
    tasks = {task.run_id: task for task in run.attempts}
    return {key: FailedTask(tasks[key].task_key, tasks[key], outputs[key]) for key in outputs if key in tasks}


# JUnit


def test_junit_has_a_suite_a_run_and_a_case_a_task() -> None:
    suite = read_junit(render_report(report_of(FAILED, outputs=OUTPUTS), ".xml"))[0]
    fetch, clean, report = suite.findall("testcase")

    assert (suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("skipped")) == (
        "nightly",
        "3",
        "1",
        "1",
    )
    assert suite.get("time") == "21.000"
    assert [(case.get("name"), case.get("time")) for case in (fetch, clean, report)] == [
        ("fetch", "4.000"),
        ("clean_a", "12.000"),
        ("report", "0.000"),
    ]
    failure = clean[0]
    assert (failure.tag, failure.get("type"), failure.get("message")) == (
        "failure",
        "FAILED",
        "your code: ValueError: 5 < 6 & 7",
    )
    assert "Traceback\n  ValueError: 5 < 6 & 7" in (failure.text or "")
    assert fetch[0].tag == "flakyFailure", "the first attempt"
    assert report[0].tag == "skipped"


@pytest.mark.parametrize(
    ("payload", "tag"),
    [
        (run("TERMINATED", "SUCCESS"), None),
        (run("TERMINATED", "SUCCESS", timed("a", "SUCCESS", 0, 1)), None),
        (run("TERMINATED", "SUCCESS_WITH_FAILURES", timed("a", "FAILED", 0, 1)), "failure"),
        (run("TERMINATED", "FAILED"), "failure"),
        (run("TERMINATED", "TIMEDOUT", timed("a", "TIMEDOUT", 0, 1)), "failure"),
        (run("TERMINATED", "CANCELED", timed("a", "CANCELED", 0, 1)), "error"),
        (run("SKIPPED", None), "error"),
        (run("INTERNAL_ERROR", None, timed("a", "SUCCESS", 0, 1)), "error"),
        (run("RUNNING", None, timed("a", None, 0, 1)), "error"),
        (run("QUEUED", None), "error"),
        (run("TERMINATED", "EVICTED", timed("a", "EXCLUDED", 0, 1)), "error"),
    ],
    ids=lambda value: str(value if value is None or isinstance(value, str) else value["state"]),
)
def test_junit_is_red_exactly_if_something_is_not_well(payload: Payload, tag: str | None) -> None:
    suite = read_junit(render_report(report_of(payload), ".xml"))[0]

    bad = [part.tag for part in suite.iter() if part.tag in ("failure", "error")]
    assert bad == ([tag] if tag else [])
    assert int(suite.get("failures", 0)) + int(suite.get("errors", 0)) == len(bad)
    assert int(suite.get("tests", 0)) >= 1, "Jenkins takes a suite without cases for a fault"


def test_runs_of_one_job_are_told_apart_by_names_that_last() -> None:
    def names(first_id: int) -> list[str]:
        payloads = [{**FAILED, "run_id": first_id + number} for number in range(3)]
        suites = read_junit(render_report(report_of(*payloads, labels=("", "", "day=2026.01")), ".xml"))
        cases = [
            (case.get("classname"), case.get("name")) for suite in suites for case in suite.iter("testcase")
        ]
        assert len(set(cases)) == len(cases) == 9
        return [suite.get("name", "") for suite in suites]

    assert names(1) == names(100) == ["nightly", "nightly #2", "nightly day=2026.01"]


NESTED = {
    "1": run(
        "TERMINATED", "FAILED", task("each", "TERMINATED", "FAILED", run_id=10, for_each_task={}), run_id=1
    ),
    "10": run(run_id=10)
    | {
        "iterations": [
            task("call", "TERMINATED", "SUCCESS", run_id=11),
            task("call", "TERMINATED", "FAILED", run_id=12, run_job_task={"job_id": 7}),
        ]
    },
    "2": run(
        "TERMINATED", "FAILED", task("inner", "TERMINATED", "FAILED", run_id=20, for_each_task={}), run_id=2
    ),
    "20": run(run_id=20) | {"iterations": [task("one", "TERMINATED", "FAILED", run_id=21)]},
}
NESTED_OUTPUTS = {
    "10": {"error": "1 iteration failed"},
    "12": {"run_job_output": {"run_id": 2}},
    "20": {},
    "21": {"error": "no such city: Bonnn"},
}


def test_the_cause_below_for_each_and_run_job_tasks_is_told_everywhere(
    dbjobs: Dbjobs, serve: Serve, tmp_path: Path
) -> None:
    def reply(request: Received) -> Reply:
        answers = NESTED if request.endpoint == "runs/get" else NESTED_OUTPUTS
        return Reply(body=answers[request.query["run_id"]])

    server = serve(reply)
    files = {form: tmp_path / f"r.{form}" for form in ("xml", "md", "html")}
    reports = ["--junit", files["xml"], "--report", files["md"], "--report", files["html"]]
    done = dbjobs("runs", "wait", 1, "--ci", "none", *map(str, reports))

    assert done.exit_code == 10
    for told in (done.stderr, *(file.read_text() for file in files.values())):
        for words in (
            "1 iteration failed",
            "each[1] > 2 > inner[0]: no such city: Bonnn",
        ):
            assert words in unescape(told)
    assert "warning" not in done.stderr
    assert len(server.received) < 12, "each is asked for once"


REPAIRED_AT_ONCE = run(
    "TERMINATED", "SUCCESS", timed("load", "FAILED", 0, 9), timed("load", "SUCCESS", 9, 20)
)
HOURS = 7 * 3600
REPAIRED = run(
    "TERMINATED",
    "SUCCESS",
    timed("fetch", "SUCCESS", 0, 300, run_id=1),
    timed("load", "FAILED", 300, 400, run_id=2),
    timed("load", "SUCCESS", HOURS, HOURS + 100, run_id=3, attempt_number=1),
    start_time=AT,
    end_time=AT + (HOURS + 100) * 1000,
)
EACH = task("each", "TERMINATED", "FAILED", run_id=10, for_each_task={}, start_time=AT, end_time=AT + 90_000)
CHILD = timed("start", "SUCCESS", 90, 120, run_id=11, run_job_task={"job_id": 9})
WITH_PARTS = {
    "1": run("TERMINATED", "FAILED", EACH, CHILD, run_id=1, start_time=AT, end_time=AT + 120_000),
    "10": run(run_id=10)
    | {
        "iterations": [
            timed("call", "FAILED" if index in (7, 60) else "SUCCESS", index, index + 1, run_id=100 + index)
            for index in range(70)
        ]
    },
    "2": run("TERMINATED", "SUCCESS", timed("inner", "SUCCESS", 91, 119), run_id=2, run_name="copy | tables")
    | {"start_time": AT + 91_000, "end_time": AT + 119_000, "run_page_url": f"{URL}2"},
}
PART_OUTPUTS = {
    "10": {"error": "2 iterations failed"},
    "107": {"error": "no such city: Bonnn"},
    "160": {"error": "no such city: Kölnn"},
    "11": {"run_job_output": {"run_id": 2}},
}


def test_iterations_and_child_runs_have_rows_of_their_own(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, tmp_path: Path
) -> None:
    def reply(request: Received) -> Reply:
        answers = WITH_PARTS if request.endpoint == "runs/get" else PART_OUTPUTS
        return Reply(body=answers[request.query["run_id"]])

    server = serve(reply)
    html, md = tmp_path / "r.html", tmp_path / "r.md"
    done = dbjobs("runs", "report", 1, "--ci", "none", "--report", html, "--report", md)

    assert done.exit_code == 0
    page = html.read_text("utf-8")
    check_page(page)
    check_markdown(md.read_text("utf-8"))
    names = list(map(unescape, re.findall(r'(?s)<tr class="\w+ part">.*?<bdi>(.*?)</bdi>', page)))
    assert {"each[0]", "each[7]", "each[60]"} <= {*names}, "the failed ones in any case"
    assert len([name for name in names if name.startswith("each[")]) == 25
    assert "25 of 70 shown" in read_html(page).text
    assert names[-1] == "start > 2 copy | tables"
    assert f"{URL}2".replace("&", "&amp;") in page, "a link to the run that was started"
    lines = md.read_text("utf-8").splitlines()
    assert any(re.match(r"\| ✗ \| ↳ each\\\[7\\\] \| FAILED \| 1s \|", line) for line in lines)
    assert any("↳ [start" in line and f"(<{URL}2>) | SUCCESS | 28s |" in line for line in lines)
    assert len(server.received) < 12, "each is asked for once"


def test_repairs_are_told_as_passes(dbjobs: Dbjobs, serve: Serve, clock: FakeClock, tmp_path: Path) -> None:
    states = {"FAILED": state("TERMINATED", "FAILED"), "SUCCESS": state("TERMINATED", "SUCCESS")}
    history = [
        {"id": 5, "type": "REPAIR", "start_time": AT + HOURS * 1000, "end_time": AT + (HOURS + 100) * 1000}
        | {"state": states["SUCCESS"]},
        {"type": "ORIGINAL", "start_time": AT, "end_time": AT + 400_000, "state": states["FAILED"]},
    ]

    def reply(request: Received) -> Reply:
        if request.endpoint == "runs/get":
            has_history = request.query.get("include_history") == "true"
            return Reply(body={**REPAIRED, **({"repair_history": history} if has_history else {})})
        return Reply(body={"error": "ValueError: too early"})

    serve(reply)
    html, md = tmp_path / "r.html", tmp_path / "r.md"
    done = dbjobs("runs", "wait", RUN_ID, "--ci", "none", "--report", html, "--report", md)

    assert done.exit_code == 0
    page, text = html.read_text("utf-8"), md.read_text("utf-8")
    rows = re.findall(r'(?s)<tr class="(\w+) pass">.*?<bdi>(.*?)</bdi>.*?"took">(.*?)<', page)
    assert rows == [("failed", "first run", "6m40s"), ("good", "repair 1", "1m40s")]
    assert "6h53m without activity" in page
    passes = [line.split(" | ") for line in text.splitlines() if re.search("first run|repair 1 ", line)]
    assert [cells[1:4] for cells in passes] == [
        ["first run", "FAILED", "6m40s"],
        ["repair 1", "SUCCESS", "1m40s"],
    ]


def test_jobs_that_start_each_other_without_end_are_left_in_time(dbjobs: Dbjobs, serve: Serve) -> None:
    calls = [
        task(f"t{number}", "TERMINATED", "FAILED", run_id=100 + number, run_job_task={})
        for number in range(9)
    ]
    answers = {
        "runs/get": run("TERMINATED", "FAILED", *calls),
        "runs/get-output": {"run_job_output": {"run_id": RUN_ID}},
    }
    server = serve(by_endpoint(answers))
    assert dbjobs("runs", "wait", RUN_ID, "--ci", "none").exit_code == 10
    assert len(server.received) < 80


def test_a_run_that_was_never_seen_is_an_error() -> None:
    report = Report((ReportedRun(5, error="no contact"),), 0)

    case = read_junit(render_report(report, ".xml")).find(".//error")
    assert case is not None
    assert case.get("message") == "no contact"
    assert "no contact" in render_report(report, ".md")
    assert "no contact" in read_html(render_report(report, ".html")).text


ANY_TEXT = st.text(st.characters(), max_size=30) | st.sampled_from(TEXTS[:-1])


@given(
    name=ANY_TEXT, message=ANY_TEXT, error=ANY_TEXT, result=st.sampled_from(["FAILED", "SUCCESS", "CANCELED"])
)
def test_whatever_a_job_says_every_report_is_whole(name: str, message: str, error: str, result: str) -> None:
    failing = timed("a", result, 0, 1, run_id=11)
    failing |= {"task_key": name, "state": state("TERMINATED", result, message)}
    payload = run("TERMINATED", result, failing, run_name=name, run_page_url=message)
    report = report_of(payload, outputs={11: {"error": error, "error_trace": message}}, note=name)

    read_junit(render_report(report, ".xml"))
    check_page(render_report(report, ".html"))
    check_markdown(render_report(report, ".md"))


# HTML

OWN_TAGS = re.compile(
    "html|head|meta|title|style|body|main|header|footer|p|h[123]|span|bdi|dl|div|dt|dd|a|section|article"
    "|pre|details|summary|table|thead|tbody|tr|th|td|svg|g|rect|line|text|small|b|code|ol|li"
)


def check_page(text: str) -> None:
    """Nothing runs, nothing is fetched, nothing stands where text of a job put it."""
    page = read_html(text)
    titles = sum(tag == "title" for tag, _ in page.tags)

    assert all(OWN_TAGS.fullmatch(tag) for tag, _ in page.tags)
    assert titles >= 1
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    links = list(page.attributes("href"))
    assert all(re.match(r"https?://|#s\d+$", url) for url in links)
    assert not list(page.attributes("src"))
    images = [attrs for tag, attrs in page.tags if tag == "svg" and attrs.get("aria-hidden") != "true"]
    assert all(attrs.get("aria-label") for attrs in images if attrs.get("role") == "img"), "read aloud, too"
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


def test_the_page_tells_what_happened_and_why() -> None:
    text = render_report(report_of(FAILED, outputs=OUTPUTS), ".html")
    page = read_html(text)

    check_page(text)
    assert "INTERNAL_ERROR FAILED" in page.text
    assert "ValueError: 5 < 6 & 7" in page.text
    assert "Traceback\n  gone" in page.text, "earlier attempts are told of, too"
    assert list(page.attributes("href")) == [URL]
    assert "default-src 'none'" in text


DETAILED: Payload = {
    **FAILED,
    "trigger": "PERIODIC",
    "creator_user_name": "ann@example.com",
    "job_parameters": [{"name": "day", "value": "2026-01-01"}, {"name": "mode", "value": "full"}],
    "git_source": {"git_url": "https://github.com/acme/lake", "git_snapshot": {"used_commit": "1a2b3c4"}},
    "job_clusters": [{"job_cluster_key": "small", "new_cluster": {"node_type_id": "i3.xlarge"}}],
    "tasks": [{**task, "job_cluster_key": "small", "run_page_url": URL} for task in FAILED["tasks"]],
}


@pytest.mark.parametrize("form", [".html", ".md"])
def test_a_report_says_what_was_run_by_whom_on_what_and_when(form: str) -> None:
    text = render_report(report_of(DETAILED, outputs=OUTPUTS), form)
    words = read_html(text).text if form == ".html" else MarkdownIt().enable("table").render(text)

    for fact in (
        "PERIODIC",
        "ann@example.com",
        "day=2026-01-01",
        "mode=full",
        "1a2b3c4",
        "job cluster small: i3.xlarge",
        "2026-01-01 00:00:00+00:00",
        "2026-01-01 00:00:21+00:00",
        f"dbjobs runs repair {RUN_ID} --rerun-failed",
    ):
        assert fact in unescape(words), fact
    assert text.count(URL.replace("&", "&amp;") if form == ".html" else URL) >= 3, "a link for each task"


@pytest.mark.parametrize(
    "payload",
    [
        run("TERMINATED", "SUCCESS", timed("a", "SUCCESS", 0, 1)),
        run("RUNNING", None, timed("a", "FAILED", 0, 1), timed("b", None, 1, 2)),
        run("TERMINATED", "FAILED"),
        {**FAILED, "job_id": None},
        run("SKIPPED", None, task("a", "SKIPPED")),
    ],
    ids=["good", "active", "2.0", "without a job", "never ran"],
)
def test_a_run_that_cannot_be_repaired_has_no_command_for_it(payload: Payload) -> None:
    for form in (".html", ".md"):
        assert "runs repair" not in render_report(report_of(payload), form)


def test_what_a_task_waited_for_is_drawn_lighter_and_explained() -> None:
    waiting = timed("load", "SUCCESS", 0, 100, queue_duration=30_000, setup_duration=20_000)
    text = render_report(report_of(run("TERMINATED", "SUCCESS", waiting)), ".html")

    bars = re.findall(r'<rect class="(\w+)" x="([\d.]+)%"[^>]* width="([\d.]+)%"', text)
    assert bars == [("queue", "0.0", "30.000"), ("light", "30.0", "20.000"), ("work", "50.0", "50.000")]
    assert "queue 30s, setup 20s" in text, "in the tooltip, too"
    for words in ("waiting in the queue", "waiting for compute", "running"):
        assert words in read_html(text).text
    assert "legend" not in render_report(report_of(REPAIRED_AT_ONCE), ".html").partition("</style>")[2]


def test_a_task_of_less_than_a_second_has_a_duration_and_a_place_on_the_axis() -> None:
    quick = [timed(f"t{number}", "SUCCESS", 0, 0) for number in range(3)]
    for number, one in enumerate(quick):
        one |= {"start_time": AT + 200 * number, "end_time": AT + 200 * number + 150}
    text = render_report(report_of(run("TERMINATED", "SUCCESS", *quick)), ".html")

    assert text.count(">0.1s<") >= 3
    assert "0s</td>" not in text
    starts = re.findall(r'<rect class="work" x="([\d.]+)%"[^>]* rx', text)
    assert [round(float(start) * 0.55) for start in starts] == [0, 20, 40]
    assert "| 0.1s |" in render_report(report_of(run("TERMINATED", "SUCCESS", *quick)), ".md")


def test_the_time_between_a_failure_and_its_repair_is_folded() -> None:
    text = render_report(report_of(REPAIRED), ".html")

    assert read_html(text).text.count("6h53m without activity") >= 1
    bars = re.findall(r'<rect class="work" x="([\d.]+)%"[^>]* width="([\d.]+)%" rx', text)
    shares = [(float(left), float(width)) for left, width in bars]
    assert [round(width, 1) for _, width in shares] == [58.2, 19.4, 19.4], "300, 100 and 100 of 97 percent"
    assert round(sum(shares[2])) == 100
    labels = re.findall(r"<text[^>]*>([^<]*)<", text)
    assert labels[0] == "0s"
    assert "7h" in labels, "the repair begins seven hours after the start"

    blocks = render_report(report_of(REPAIRED), ".md").split("```mermaid")[1:]
    assert ["load attempt 2" in block for block in blocks] == [False, True]


@given(
    times=st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**6)), min_size=1, max_size=20),
    moment=st.integers(0, 12 * 10**6),
)
def test_whatever_is_folded_time_goes_from_left_to_right(times: list[tuple[int, int]], moment: int) -> None:
    tasks = [
        timed(f"t{number}", "SUCCESS", start, start + took) for number, (start, took) in enumerate(times)
    ]
    runs = Run(run("TERMINATED", "SUCCESS", *tasks)).tasks
    chart = make_chart(runs, AT / 1000)
    assert chart is not None

    ends = [task.end_time or 0 for task in runs]
    moments = sorted([*(task.start_time or 0 for task in runs), *ends, AT + moment * 1000])
    shares = [chart.share(one) for one in moments]
    assert shares == sorted(shares)
    assert all(0 <= share <= 100 for share in shares)
    if chart.seconds > 0.1:  # else all of it is too short to be drawn to scale
        assert chart.share(max(ends)) > 99.9
    assert [tick.share for tick in chart.ticks] == sorted(tick.share for tick in chart.ticks)
    assert len(chart.ticks) <= 8 + 2 * len(chart.gaps)
    assert not [gap for gap in chart.gaps for task in runs if gap[0] < (task.start_time or 0) < gap[1]]


def test_every_color_of_text_can_be_read_on_every_ground() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1, in the light and in the dark theme."""
    style = files("dbjobs.output.reports").joinpath("page.css").read_text("utf-8")
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{([^}]*)\}", style)
    ]
    light, dark = themes
    assert light.keys() == dark.keys()
    for theme in themes:
        for ground in ("paper", "wash", "failed-wash"):
            for ink in ("ink", "soft", "good", "failed", "active", "stopped", "other"):
                lighter, darker = sorted((luminance(theme[ink]), luminance(theme[ground])), reverse=True)
                assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (ink, ground, theme[ink])


def luminance(color: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_timeline_is_to_scale() -> None:
    text = render_report(report_of(FAILED, outputs=OUTPUTS), ".html")

    bars = [
        (float(left), float(width))
        for left, width in re.findall(r'<rect class="work" x="([\d.]+)%"[^>]* width="([\d.]+)%"', text)
    ]
    seconds = [(round(left * 0.21, 1), round(width * 0.21, 1)) for left, width in bars]
    assert seconds == [(0, 3), (6, 3), (9, 12)], "attempt 1, attempt 2 after a second of setup, clean_a"
    assert [float(x) for x in re.findall(r'<text x="([\d.]+)%', text)][-1] <= 100


def test_of_several_runs_the_failed_ones_stand_first() -> None:
    good = run(
        "TERMINATED", "SUCCESS", timed("a", "SUCCESS", 0, 9), run_id=5, start_time=AT, end_time=AT + 9000
    )
    text = render_report(report_of(good, FAILED, labels=("day=1", "day=2")), ".html")

    check_page(text)
    assert [tag for tag, attrs in read_html(text).tags if tag == "details" and "open" in attrs] == ["details"]
    assert text.index('details class="run failed"') < text.index('details class="run good"')
    assert "1 FAILED" in text
    assert "day=2" in text


def test_many_runs_and_tasks_stay_readable_sizes() -> None:
    tasks = [timed(f"task_{number}", "SUCCESS", number, number + 5) for number in range(300)]
    one = report_of(run("TERMINATED", "SUCCESS", *tasks))
    many = report_of(*(run("TERMINATED", "FAILED", *tasks[:40], run_id=number) for number in range(1, 61)))

    assert len(render_report(one, ".html")) < 500_000
    for report in (one, many):
        check_page(render_report(report, ".html"))
        assert len(render_report(report, ".md").encode()) < 1_000_000, "GitHub takes a mebibyte"


# Markdown

MARKDOWN_TAGS = re.compile(
    "h2|h3|p|em|strong|table|thead|tbody|tr|th|td|pre|code|details|summary|a|blockquote|ul|li"
)


def check_markdown(text: str) -> None:
    """Rendered, it has the structure that dbjobs gave it, and none that came in with text."""
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    links = re.findall(r'href="([^"]*)"', rendered)
    raw = re.findall(r"<(\w+)", re.sub(r"(?s)<code.*?</code>", "", rendered))

    assert all(MARKDOWN_TAGS.fullmatch(tag) for tag in raw)
    assert all(link.startswith(("http://", "https://")) for link in links)
    assert rendered.count("<details") == rendered.count("</details") == text.count("\n<details>")
    assert rendered.count("<h2") == 1


def test_the_markdown_is_what_it_was() -> None:
    golden = Path(__file__).parent / "reports" / "failed.md"
    text = render_report(report_of(FAILED, outputs=OUTPUTS, note="interrupted"), ".md")

    check_markdown(text)
    assert text == golden.read_text("utf-8")


def test_a_gantt_has_no_line_that_mermaid_could_take_for_its_own() -> None:
    text = render_report(report_of(hostile_run(), outputs={}), ".md")
    gantt = text.partition("```mermaid\n")[2].partition("\n```")[0].splitlines()

    assert gantt[:3] == ["gantt", "    dateFormat x", "    axisFormat %H:%M:%S"]
    for line in gantt[3:]:
        assert re.fullmatch(r"    [✗✓●] [^:#;<>%{}]* :(done, |crit, |active, )?\d+, \d+", line), line


# A hostile job


def test_a_hostile_job_harms_no_report(tmp_path: Path) -> None:
    payload = hostile_run()
    outputs = {RUN_ID + place + 1: OUTPUT for place in range(len(TEXTS))}
    report = report_of(payload, outputs=outputs, labels=(TEXTS[6],))
    several = report_of(payload, {**payload, "run_id": 5}, outputs=outputs)
    many = report_of(*({**payload, "run_id": number} for number in range(30)), outputs=outputs)

    assert len(render_report(many, ".md").encode()) < 1_000_000, "GitHub takes a mebibyte"
    for one in (report, several):
        read_junit(render_report(one, ".xml"))
        check_page(render_report(one, ".html"))
        check_markdown(render_report(one, ".md"))
        assert len(render_report(one, ".md").encode()) < 1_000_000
        for extension in (".xml", ".html"):
            assert len(render_report(one, extension)) < 5_000_000, "of a megabyte line the beginning is shown"


# Files

SERVED = {"runs/get": FAILED, "runs/get-output": OUTPUTS[13]}


@pytest.fixture
def served(serve: Serve, clock: FakeClock) -> None:
    serve(by_endpoint(SERVED))


@pytest.mark.usefixtures("served")
def test_a_wait_writes_the_reports_that_were_asked_for(dbjobs: Dbjobs, tmp_path: Path) -> None:
    junit, page, text = tmp_path / "new" / "j.xml", tmp_path / "r.html", tmp_path / "r.md"
    page.write_text("of the day before")

    done = dbjobs("runs", "wait", RUN_ID, "--junit", junit, "--report", page, "--report", text)

    assert done.exit_code == 10
    assert read_junit(junit.read_text("utf-8")).find(".//failure") is not None
    check_page(page.read_text("utf-8"))
    check_markdown(text.read_text("utf-8"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("served")
def test_a_report_that_cannot_be_written_is_a_warning(dbjobs: Dbjobs, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = dbjobs(
        *("runs", "wait", RUN_ID, "--junit", tmp_path / "file" / "j.xml", "--report", tmp_path / "r.md")
    )

    assert done.exit_code == 10
    assert f"warning: {tmp_path / 'file' / 'j.xml'} could not be written: " in done.stderr
    assert (tmp_path / "r.md").exists(), "the other one is"


@pytest.mark.parametrize(
    ("options", "replies", "code", "words"),
    [
        (("--timeout", "1s"), {"runs/get": run("RUNNING")}, 124, "the time limit has passed"),
        (("--max-outage", "1s"), {"runs/get": [run("RUNNING"), Reply(reset=True)]}, 6, "no contact for"),
        ((), {"runs/get": Reply(404, {"message": "no such run"})}, 4, "no such run"),
        ((), {"runs/get": FAILED, "runs/get-output": Reply(500)}, 10, "clean"),
    ],
    ids=["timeout", "outage", "gone", "no output"],
)
def test_the_reports_are_written_whatever_the_ending(
    dbjobs: Dbjobs,
    serve: Serve,
    clock: FakeClock,
    tmp_path: Path,
    options: tuple[str, ...],
    replies: dict[str, Any],
    code: int,
    words: str,
) -> None:
    serve(by_endpoint(replies))

    files = ("--report", tmp_path / "r.md", "--junit", tmp_path / "j.xml", "--report", tmp_path / "r.html")
    done = dbjobs("runs", "wait", RUN_ID, *files, *options)

    assert done.exit_code == code
    assert words in (tmp_path / "r.md").read_text("utf-8")
    assert read_junit((tmp_path / "j.xml").read_text("utf-8")).find(".//testcase/*") is not None
    check_page((tmp_path / "r.html").read_text("utf-8"))


def test_a_name_that_says_no_form_is_wrong_usage(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(Reply())

    done = dbjobs("runs", "now", 1, "--wait", "--report", "run.pdf")

    assert done.exit_code == 2
    assert "its name ends in .html or .md" in done.stderr
    assert server.received == []


@pytest.mark.usefixtures("served")
def test_the_reports_of_an_ended_run_can_be_made_later(dbjobs: Dbjobs, tmp_path: Path) -> None:
    junit = tmp_path / "j.xml"

    page = dbjobs("runs", "report", RUN_ID)
    made = dbjobs("runs", "report", RUN_ID, "--junit", junit)

    assert (page.exit_code, made.exit_code) == (0, 0), "whatever the outcome"
    assert page.stdout.startswith("## ✗ nightly: INTERNAL_ERROR FAILED\n")
    assert made.lines == [str(junit)]
    read_junit(junit.read_text("utf-8"))
    refused = dbjobs("runs", "report", RUN_ID, "--junit", junit / "x.xml")
    assert refused.exit_code == 2, "here the file is what was wanted"
