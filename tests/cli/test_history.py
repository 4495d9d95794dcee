"""`jobs history`: what a job's past runs have in common, from one request."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from dbjobs.http.response import Payload
from tests.conftest import Dbjobs, Serve
from tests.output.test_reports import check_page
from tests.support.fakes import Received, Reply, Script, by_endpoint
from tests.support.past_runs import daily_runs, past_run, past_task
from tests.support.payloads import JOB_ID, run, task
from tests.support.readers import Page, read_html

HOSTILE = "\x1b[31mred\x1b[0m\nline[/x] \u202egpj.exe " + "x" * 200
NOT_FOUND = Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Job 7 does not exist."})


def listing(*runs: Payload) -> Script:
    return by_endpoint({"runs/list": {"runs": list(runs)}})


def rising(count: int, factor: float, since: int, seed: int = 1) -> list[float]:
    """Durations with a spread of 5 %, that take `factor` times as long from one of them on."""
    generator = random.Random(seed)
    return [300 * generator.lognormvariate(0, 0.05) * (factor if day >= since else 1) for day in range(count)]


def document(dbjobs: Dbjobs, *args: object) -> Any:
    done = dbjobs("jobs", "history", JOB_ID, "-o", "json", *args)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_one_request_reads_25_runs_with_their_tasks(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(listing(*daily_runs({"load": rising(25, 1, 0), "report": rising(25, 1, 0, 2)})))
    done = dbjobs("jobs", "history", JOB_ID)
    assert done.exit_code == 0
    (request,) = server.received
    assert request.endpoint == "runs/list"
    assert (request.query["job_id"], request.query["limit"]) == (str(JOB_ID), "25")
    assert request.query["expand_tasks"] == "true"
    assert done.lines[0] == "nightly"
    rows = {line.split()[0]: line for line in done.lines if "✓" in line}
    assert rows["load"].count("✓") == rows["└─"].count("✓") == 25
    assert "25 of 25, 100 % (between 87 % and 100 % with 95 % confidence)" in done.stdout
    assert "critical path  load, report" in done.stdout
    assert "Changes" not in done.stdout, "chance explains what there is"


def test_two_requests_are_enough_for_a_name(dbjobs: Dbjobs, serve: Serve) -> None:
    jobs = {"jobs": [{"job_id": JOB_ID, "settings": {"name": "nightly"}}]}
    server = serve(by_endpoint({"list": jobs, "runs/list": {"runs": daily_runs({"load": [60]})}}))
    assert dbjobs("jobs", "history", "nightly").exit_code == 0
    assert [request.endpoint for request in server.received] == ["list", "runs/list"]


def test_a_change_is_told_with_its_run_its_date_and_the_settings_that_changed(
    dbjobs: Dbjobs, serve: Serve
) -> None:
    runs = daily_runs({"load": rising(25, 1.4, since=17), "report": rising(25, 1, 0, 2)})
    for payload in runs:
        workers = 8 if payload["run_id"] < 1017 else 4
        payload["tasks"][0]["new_cluster"] = {"num_workers": workers}
        payload["job_parameters"] = [{"name": "day", "value": str(payload["run_id"])}]
    serve(listing(*runs))
    told = dbjobs("jobs", "history", JOB_ID).stdout
    assert "load takes 3" in told
    assert (
        "longer since run 1017 (2025-12-18), when settings changed"
        " (tasks[load].new_cluster.num_workers from 8 to 4): " in told
    )
    assert ", mostly execution\n" in told
    (change,) = document(dbjobs)["tasks"][0]["changes"]
    assert change["run_id"] == 1017
    assert 1.3 < change["ratio"] < 1.5
    assert change["settings"] == [{"path": "tasks[load].new_cluster.num_workers", "old": 8, "new": 4}]
    assert change["part"] == "execution"


def test_a_change_without_a_cause_is_about_where_it_is(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(listing(*daily_runs({"load": rising(25, 0.7, since=10)})))
    told = dbjobs("jobs", "history", JOB_ID).stdout
    assert re.search(r"load takes (2|3). % less since about run 10(09|10|11) ", told)
    assert "settings changed" not in told


def test_a_task_that_succeeds_when_tried_again_as_it_was_is_flaky(dbjobs: Dbjobs, serve: Serve) -> None:
    """One that was mended before it was tried again is not."""

    def tried_twice(day: int, **second: Any) -> Payload:
        failed = past_task("load", 30, "FAILED", notebook_task={"notebook_path": "/load"})
        again = {"attempt_number": 1, "notebook_task": {"notebook_path": "/load"}, **second}
        return past_run(day, failed, past_task("load", 60, starts=40, **again))

    mended = tried_twice(2, notebook_task={"notebook_path": "/load_mended"})
    serve(listing(mended, tried_twice(1), past_run(0, past_task("load"))))
    done = dbjobs("jobs", "history", JOB_ID)
    told = (
        "load failed and then succeeded with the same settings in 1 of 3 runs, last in run 1001 (2025-12-02)"
    )
    assert told in done.stdout
    (task_history,) = document(dbjobs)["tasks"]
    assert task_history["flaky_run_ids"] == [1001]
    assert [one["attempts"] for one in task_history["runs"]] == [1, 2, 2]
    (row,) = (line for line in done.lines if line.startswith("load "))
    assert "✓↻✓" in row


def test_failures_are_grouped_by_cause(dbjobs: Dbjobs, serve: Serve) -> None:
    def failed(day: int, message: str) -> Payload:
        load = past_task("load", 30, "FAILED", message=message)
        held_back = task("report", "SKIPPED", "UPSTREAM_FAILED", after=("load",), start_time=1, end_time=1)
        return past_run(day, load, held_back, result_state="FAILED")

    serve(
        listing(
            failed(3, "Cluster 0412-abcdef12 was lost after 12 s"),
            failed(2, "no such table"),
            failed(1, "Cluster 0411-99abcdef was lost after 3 s"),
            past_run(0, past_task("load"), past_task("report", after=("load",), starts=60)),
        )
    )
    told = dbjobs("jobs", "history", JOB_ID).stdout
    assert "1 of 4, 25 % (between 5 % and 70 % with 95 % confidence)" in told
    assert (
        "load FAILED 2 times, last in run 1003 (2025-12-04): Cluster 0412-abcdef12 was lost after 12 s"
        in told
    )
    assert "load FAILED once, in run 1002 (2025-12-03): no such table" in told
    report = document(dbjobs)["tasks"][1]
    assert (report["success"]["succeeded"], report["success"]["failed"]) == (1, 0), "it had no chance to fail"


def test_slack_is_what_a_task_may_take_longer(dbjobs: Dbjobs, serve: Serve) -> None:
    tasks = [
        past_task("extract", 60),
        past_task("long", 100, after=("extract",), starts=60),
        past_task("short", 40, after=("extract",), starts=60),
        past_task("report", 20, after=("long", "short"), starts=160),
        past_task("alone", 10),
    ]
    serve(listing(*(past_run(day, *tasks) for day in (2, 1, 0))))
    history = document(dbjobs)
    assert history["critical_path"] == ["extract", "long", "report"]
    slack = {one["task_key"]: one["slack"] for one in history["tasks"]}
    assert slack == {"extract": 0, "long": 0, "short": 60, "report": 0, "alone": 170}
    assert history["durations"] == {"p50": 180, "p95": 180, "last": 180, "trend": None}
    assert history["parts"]["setup"] == {"p50": 30, "p95": 30}
    assert history["parts"]["execution"] == {"p50": 150, "p95": 150}


# Jobs with an unusual past


def test_a_job_without_runs_has_no_history(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(by_endpoint({"runs/list": {}, "get": {"job_id": JOB_ID, "settings": {"name": "new"}}}))
    done = dbjobs("jobs", "history", JOB_ID)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"job {JOB_ID} has no runs\n")
    assert document(dbjobs)["runs"] == []


@pytest.mark.parametrize("listed", [NOT_FOUND, {}], ids=["refused", "empty"])
def test_a_job_that_does_not_exist_is_an_error(dbjobs: Dbjobs, serve: Serve, listed: Any) -> None:
    """Whether or not its list of runs is."""
    serve(by_endpoint({"runs/list": listed, "get": NOT_FOUND}))
    done = dbjobs("jobs", "history", "7")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "Job 7 does not exist" in done.stderr


def test_one_run_is_a_history(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(listing(past_run(0, past_task("load"))))
    assert (
        "1 of 1, 100 % (between 21 % and 100 % with 95 % confidence)"
        in dbjobs("jobs", "history", JOB_ID).stdout
    )


def test_runs_that_failed_or_go_on_have_no_durations(dbjobs: Dbjobs, serve: Serve) -> None:
    going_on = run(
        "RUNNING", None, task("load", "RUNNING", start_time=1), run_id=1003, start_time=4_000_000_000_000
    )
    failed = [past_run(day, past_task("load", 30, "FAILED"), result_state="FAILED") for day in (1, 0)]
    canceled = past_run(2, past_task("load", 30, "CANCELED"), result_state="CANCELED")
    serve(listing(going_on, canceled, *failed))
    done = dbjobs("jobs", "history", JOB_ID)
    assert "0 of 2, 0 % (between 0 % and 66 %" in done.stdout
    assert "not counted  1 CANCELED, 1 RUNNING" in done.stdout
    assert "took" not in done.stdout
    (row,) = (line for line in done.lines if line.startswith("load "))
    assert "✗✗■●" in row
    assert document(dbjobs)["durations"] is None


def test_tasks_that_came_and_went_stand_where_they_were(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(
        listing(
            past_run(2, past_task("load"), past_task("new", after=("load",), starts=60)),
            past_run(1, past_task("load"), past_task("old", after=("load",), starts=60)),
            past_run(0, past_task("load"), past_task("old", after=("load",), starts=60)),
        )
    )
    done = dbjobs("jobs", "history", JOB_ID)
    (new,) = (line for line in done.lines if line.startswith("└─ new "))
    (old,) = (line for line in done.lines if line.startswith("old (removed)"))
    assert "  ✓" in new
    assert "✓✓ " in old
    assert [(one["task_key"], one["is_current"]) for one in document(dbjobs)["tasks"]] == [
        ("load", True),
        ("new", True),
        ("old", False),
    ]


def test_in_api_2_0_runs_have_no_tasks(dbjobs: Dbjobs, serve: Serve) -> None:
    times: Payload = {"setup_duration": 10_000, "execution_duration": 50_000}
    server = serve(listing(*(past_run(day, **times) for day in (1, 0))))
    done = dbjobs("jobs", "history", JOB_ID, "--api-version", "2.0")
    assert done.exit_code == 0
    assert "expand_tasks" not in server.received[0].query
    assert "setup 10s, execution 50s (medians)" in done.stdout
    assert "whole run" in done.stdout


def by_pages(runs: list[Payload]) -> Script:
    def reply(request: Received) -> Reply:
        start = int(request.query.get("page_token", 0))
        end = start + int(request.query["limit"])
        token = {"next_page_token": str(end)} if end < len(runs) else {}
        return Reply(body={"runs": runs[start:end], **token})

    return reply


@pytest.mark.parametrize(("limit", "read", "requests"), [(3, 3, 1), (60, 60, 3), (0, 80, 4), (1000, 80, 4)])
def test_a_limit_says_how_many_runs_are_read(
    dbjobs: Dbjobs, serve: Serve, limit: int, read: int, requests: int
) -> None:
    server = serve(by_pages(daily_runs({"load": rising(80, 1, 0)})))
    done = dbjobs("jobs", "history", JOB_ID, "--limit", limit)
    assert len(server.received) == requests
    shown = ", of which the newest 60 are shown" if read > 60 else ""
    line = done.lines[2]
    assert line.split()[:3] == ["runs", f"{read},", "from"]
    assert line.endswith(shown)
    (row,) = (line for line in done.lines if line.startswith("load "))
    assert row.count("✓") == min(read, 60)
    assert len(dbjobs("jobs", "history", JOB_ID, "--limit", limit, "-o", "id").lines) == read


def test_of_runs_with_more_than_100_tasks_the_first_100_are_enough(dbjobs: Dbjobs, serve: Serve) -> None:
    many = [past_task(f"t{number}") for number in range(100)]
    server = serve(listing(past_run(0, *many, has_more=True)))
    done = dbjobs("jobs", "history", JOB_ID)
    assert len(server.received) == 1
    assert done.stderr == "of runs with more than 100 tasks, the first 100 are shown\n"


def test_names_and_messages_of_the_api_are_shown_as_text(dbjobs: Dbjobs, serve: Serve) -> None:
    failed = past_task(HOSTILE, 30, "FAILED", message=HOSTILE)
    serve(listing(past_run(0, failed, result_state="FAILED", run_name=HOSTILE)))
    done = dbjobs("jobs", "history", JOB_ID)
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert done.stdout.count("redline[/x]") + done.stdout.count("red line[/x]") == 4
    assert (
        json.loads(dbjobs("jobs", "history", JOB_ID, "-o", "json").stdout)["tasks"][0]["task_key"] == HOSTILE
    )


# The page


def page_of(dbjobs: Dbjobs, folder: Path) -> Page:
    done = dbjobs("jobs", "history", JOB_ID, "--report", folder / "history.html")
    assert done.exit_code == 0
    assert done.stderr == f"the history is in {folder / 'history.html'}\n"
    text = (folder / "history.html").read_text("utf-8")
    check_page(text)
    return read_html(text)


def test_the_page_shows_what_the_table_does(dbjobs: Dbjobs, serve: Serve, tmp_path: Path) -> None:
    runs = daily_runs({"load": rising(24, 1.4, since=15), "report": rising(24, 1, 0, 2)})
    failed = past_run(24, past_task("load", 30, "FAILED", message="no rows"), result_state="FAILED")
    serve(listing(failed, *runs))
    page = page_of(dbjobs, tmp_path)
    for title in ("How long the runs took", "Tasks and runs", "What changed", "What failed"):
        assert title in page.text
    assert "newest run FAILED, 96 % of all succeeded" in page.text
    assert "load takes" in page.text
    assert "load FAILED once, in run 1024 (2025-12-25): no rows" in page.text
    labels = list(page.attributes("aria-label"))
    assert labels[1:] == ["24 of 25 succeeded"] * 2 + ["24 of 24 succeeded"]
    bars = [attrs for tag, attrs in page.tags if tag == "rect"]
    assert len(bars) == 25 + 3 * 24, "one for each run in the chart, and for each that succeeded in the grid"
    heights = [float(attrs["height"] or 0) for attrs in bars[:24]]
    assert min(heights[15:]) > max(heights[:15]), "the change can be seen"


def test_the_page_is_whole_whatever_the_past(dbjobs: Dbjobs, serve: Serve, tmp_path: Path) -> None:
    failed = past_task(HOSTILE, 30, "FAILED", message=HOSTILE)
    active = run("RUNNING", None, task("<b>", "RUNNING"), run_id=5, run_name="</main><script>x</script>")
    for runs in ([past_run(0, failed, result_state="FAILED")], [active], [active, past_run(0)]):
        serve(listing(*runs))
        assert "Tasks and runs" in page_of(dbjobs, tmp_path).text


@pytest.mark.parametrize(
    ("file", "message"),
    [("history.md", "its name must end in .html"), ("missing.html/history.html", "missing.html")],
)
def test_a_page_that_cannot_be_written_is_wrong_usage(
    dbjobs: Dbjobs, serve: Serve, tmp_path: Path, file: str, message: str
) -> None:
    (tmp_path / "missing.html").write_text("a file, and no folder")
    serve(listing(past_run(0, past_task("load"))))
    done = dbjobs("jobs", "history", JOB_ID, "--report", tmp_path / file)
    assert done.exit_code == 2
    assert message in done.stderr
