"""Reports on many runs: why some failed first, every set in order, and a page that stays small and fits."""

import html
import json
import re
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest

from dbjobs.api.models import Run, TaskRun
from dbjobs.output.reports import render_report
from dbjobs.output.reports.model import Report, ReportedRun
from dbjobs.runs.failures import FailedTask
from tests.output.given import HOST, STARTED, payload, task
from tests.support.hostile import TEXTS
from tests.support.readers import read_html, read_junit

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

ERRORS = ("KeyError: 'FR'", "KeyError: 'FR'", "ValueError: day 17 is out of range")
TRACE = "Traceback (most recent call last):\n" + '  File "/Workspace/load.py", line 42, in load\n' * 40


def report_of(number: int, *, labels: list[str] | None = None, has_runs: bool = True) -> Report:
    """Of every 20 sets one failed, and of every 100 one was refused; the last 5 % were not started."""
    names = labels or [f"day={date(2020, 1, 1) + timedelta(index)}" for index in range(number)]
    runs, not_started = [], {}
    for index, label in enumerate(names):
        if index % 100 == 50:
            not_started[label] = "refused: the day is closed"
        elif index >= number * 0.95 or not has_runs:
            not_started[label] = "not started"
        else:
            runs.append(_run(index, label))
    return Report(tuple(runs), STARTED + 20.0 * number, "", not_started, names)


def _run(index: int, label: str) -> ReportedRun:
    state = "TERMINATED FAILED" if index % 20 == 3 else "TERMINATED SUCCESS"
    start, end = 10.0 * index, 10.0 * index + 95
    load = {**task("load", state, start=start, end=end, setup_duration=20_000), "run_id": 10 * (1000 + index)}
    publish = task("publish", "TERMINATED SUCCESS", ("load",), start=end, end=end + 1)
    run = Run(payload(state, load, publish, run_id=1000 + index, start=start, end=end + 1))
    error = ERRORS[index // 20 % len(ERRORS)]
    failed = FailedTask("load", TaskRun(load), {"error": error, "error_trace": f"{TRACE}{error}"})
    return ReportedRun(run.run_id, run, {10 * (1000 + index): failed} if "FAILED" in state else {}, label)


def text_of(fragment: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", fragment))


def test_the_page_has_totals_then_failures_by_cause_then_every_set_in_order() -> None:
    page = render_report(report_of(100), ".html")
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    causes = [text_of(title) for title in re.findall(r"<h3>(.*?)</h3>", page)][:4]
    grid = re.search(r'<ol class="grid">(.*?)</ol>', page, re.DOTALL)

    assert "89 succeeded, 5 failed, 1 refused, 5 not started" in page
    assert "<h1>100 sets of nightly load</h1>" in page
    assert headings[:4] == ["What failed", "6 parameter sets without a run", "Sets in order", "In detail"]
    assert headings[-1] == "All sets"
    assert causes == [
        "✗ 4 sets: your code: KeyError: 'FR'",
        "✗ 1 set: your code: ValueError: day 17 is out of range",
        "R 1 set refused: the day is closed",
        "· 5 sets not started",
    ]
    assert grid is not None
    expected = "".join(
        "R" if index == 50 else "·" if index >= 95 else "✗" if index % 20 == 3 else "✓"
        for index in range(100)
    )
    assert re.sub(r"\s", "", text_of(grid[1])) == expected


def test_every_set_leads_to_its_row_and_its_row_to_the_page_of_its_run() -> None:
    page = read_html(render_report(report_of(200), ".html"))
    ids = [attrs["id"] for _, attrs in page.tags if attrs.get("id")]
    links = list(page.attributes("href"))

    assert len(ids) == len(set(ids)) == 200
    assert {link[1:] for link in links if link.startswith("#")} == set(ids)
    for index in (0, 3, 151):
        assert f"{HOST}/?o=1234567890123456#job/77310284417/run/{1000 + index}" in links


def test_a_thousand_sets_are_a_page_of_less_than_a_megabyte() -> None:
    report = report_of(1000)
    longest = report_of(1000, labels=[f"region=eu-west-{n % 7}, month=2026-{n:04}" for n in range(1000)])

    for one in (report, longest):
        assert len(render_report(one, ".html").encode()) < 1_000_000
        assert len(render_report(one, ".md").encode()) < 200_000


def test_of_many_runs_the_first_of_each_cause_have_a_section() -> None:
    page = render_report(report_of(1000), ".html")

    assert page.count('<details class="run failed"') == 2 * 3
    assert page.count('<details class="run failed" open>') == 1
    assert "The first runs of each cause: 6 of 941" in text_of(page)


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("number", [3, 60, 1000])
@pytest.mark.skipif(CHROMIUM is None, reason="it takes a browser to lay out a page")
def test_nothing_sticks_out_of_the_page_in_a_browser(number: int, width: int, tmp_path: Path) -> None:
    """Measured in a frame of that width: how wide its contents are, and how far down each part begins."""
    hostile = [f"day={n}, text={text}" for n, text in enumerate(TEXTS)] if number == 3 else None
    page = render_report(report_of(number, labels=hostile), ".html")
    content = json.dumps(page).replace("</", r"<\/")
    wrapper = f"""<!doctype html><meta charset="utf-8"><iframe width="{width}" height="900"></iframe>
<p id="measured"></p>
<script>
const frame = document.querySelector("iframe");
frame.onload = () => {{
  const inside = frame.contentDocument;
  const out = [...inside.querySelectorAll("main *")].filter(
    (one) => one.getBoundingClientRect().right > {width} + 1 && !one.closest("pre, svg"));
  document.querySelector("p").textContent = JSON.stringify({{
    width: inside.documentElement.scrollWidth,
    cells: inside.querySelectorAll(".grid li").length,
    out: out.slice(0, 5).map((one) => one.outerHTML.slice(0, 200)),
  }});
}};
frame.srcdoc = {content};
</script>"""
    file = tmp_path / "wrapper.html"
    file.write_text(wrapper, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom"]
    done = subprocess.run(
        [str(CHROMIUM), *options, f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    measured = json.loads(html.unescape(done.stdout.partition('<p id="measured">')[2].partition("</p>")[0]))

    assert measured["cells"] == (len(hostile) if hostile else number)
    assert measured["out"] == []
    assert measured["width"] <= width


def test_a_summary_for_a_pipeline_has_the_grid_and_what_did_not_go_well() -> None:
    page = render_report(report_of(200), ".md")
    rows = [line for line in page.splitlines() if line.startswith(("| ✗", "| ✓"))]

    assert "178 succeeded, 10 failed, 2 refused, 10 not started." in page
    assert re.search(r"^- ✗ \*\*7 sets: your code: KeyError: 'FR'\*\*: \[2020\\-01-04\]\(<https", page, re.M)
    assert len(re.findall(r"^2020-\d\d-\d\d  [✓✗R·]{50}$", page, re.M)) == 4
    assert len(rows) == 10, "those that went well are in the grid"
    assert "gantt" not in page
    assert page.count("Traceback") == 2, "an example of each cause"


def test_a_backfill_that_started_nothing_is_reported_too() -> None:
    report = report_of(120, has_runs=False)
    junit = read_junit(render_report(report, ".xml"))
    page, summary = render_report(report, ".html"), render_report(report, ".md")

    assert (junit.get("tests"), junit.get("errors")) == ("120", "1")
    for text in (page, summary):
        assert "1 refused, 119 not started" in text
        assert "120 sets" in text


@pytest.mark.parametrize("form", [".html", ".md", ".xml"])
def test_whatever_labels_say_they_are_text(form: str) -> None:
    report = report_of(len(TEXTS), labels=[f"n={n}, {text}" for n, text in enumerate(TEXTS)])
    text = render_report(report, form)

    if form == ".xml":
        read_junit(text)
    if form == ".html":
        tags = {tag for tag, _ in read_html(text).tags}
        assert not tags & {"script", "img", "iframe"}
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
