"""Backfills: every set has its run, once, whatever happens on the way."""

import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.errors import ExitCode, UsageError
from dbjobs.runs.backfill import make_token
from dbjobs.runs.parameter_sets import label_sets, multiply_sets, read_sets
from tests.conftest import Dbjobs, Result, Serve
from tests.support.backfills import Workspace
from tests.support.fakes import FakeClock, Received, Reply, scripted_server
from tests.support.payloads import JOB_ID

THREE_DAYS = ("--days", "2026-01-01..2026-01-03", "--as", "day")


# Sets


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "2026-01-01\n2026-01-02\n",
            "line 1: the first line has to name the parameters, and it holds values",
        ),
        ("7,8\n9,10\n", "line 1: the first line has to name the parameters, and it holds values"),
        ("day: 1\n---\nday: 2\n", "line 1: this is a YAML mapping"),
        ("---\n- day: 1\n---\n- day: 2\n", "it holds several YAML documents"),
        ("- day: {a: 1}\n", "line 1: the parameter 'day' is a mapping"),
    ],
)
def test_a_file_that_holds_no_sets_says_why(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        read_sets(text, "days")


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("day,city\n2026-01-01,Bonn\n2026-01-02,\n", [("2026-01-01", "Bonn"), ("2026-01-02", "")]),
        ('day,city\r\n2026-01-01,"Köln, am Rhein"\r\n\r\n', [("2026-01-01", "Köln, am Rhein")]),
        ("\ufeffday;city\n2026-01-01;Bonn\n", [("2026-01-01", "Bonn")]),
        ("day\tcity\n2026-01-01\tBonn\n", [("2026-01-01", "Bonn")]),
        ('{"day": "1", "city": "Bonn"}\n\n{"day": 5, "city": true}', [("1", "Bonn"), ("5", "true")]),
        ("- day: 2026-01-01\n  city: no\n- {day: 7, city: '[1]'}\n", [("2026-01-01", "no"), ("7", "[1]")]),
        ('[{"day": "1", "city": "Bonn"}]', [("1", "Bonn")]),
        ("# two days\n- {day: a, city: b}\n", [("a", "b")]),
    ],
)  # fmt: skip
def test_sets_are_read_from_csv_json_lines_and_yaml(text: str, sets: list[tuple[str, str]]) -> None:
    assert read_sets(text, "days") == [{"day": day, "city": city} for day, city in sets]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "days.csv holds no set of parameters"),
        ("day\n", "days.csv holds no set of parameters"),
        ("day,day\n1,2\n", "line 1: the first line has to name the parameters, each once"),
        ("day,city\n1,2\n3\n", "line 3: there are 1 values for 2 names"),
        ('{"day": 1}\n{"day": }\n', "line 2: each line must be a JSON object"),
        ("{'day': 1}", "line 1: each line must be a JSON object"),
        ("- day: 1\n- 5\n", "line 2: a set of parameters is a mapping of names to values"),
        ("---\nday: 1\n", "line 1: it must be a list with a set of parameters each"),
        ('day\n"1\n', "unexpected end of data"),
    ],
)
def test_what_is_no_list_of_sets_is_said_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        read_sets(text, "days.csv")


def test_a_set_is_called_by_what_tells_it_from_others() -> None:
    assert label_sets([{"day": "1", "city": "Bonn"}, {"day": "2", "city": "Bonn"}]) == ["day=1", "day=2"]
    assert label_sets([{"day": "1"}, {"city": "Bonn"}]) == ["day=1", "city=Bonn"]
    assert label_sets([{"day": "1"}]) == ["day=1"]
    assert label_sets([{"a": "1, b=2"}, {"a": "1", "b": "2"}]) == ["a=1, b=2 (set 1)", "a=1, b=2 (set 2)"]


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=3)), max_size=6), st.text(max_size=3))
def test_a_token_is_made_from_the_request_alone(bodies: list[dict[str, str]], batch: str) -> None:
    distinct = {json.dumps(body, sort_keys=True) for body in bodies}
    tokens = {make_token(1, {"job_parameters": body}, batch) for body in bodies}

    assert len(tokens) == len(distinct)
    for body in bodies:
        token = make_token(1, {"job_parameters": dict(reversed(body.items()))}, batch)
        assert token in tokens
        assert len(token) <= 64
        assert token.isascii()
        assert make_token(2, {"job_parameters": body}, batch) not in tokens
        assert make_token(1, {"job_parameters": body}, batch + "!") not in tokens


def test_tokens_stay_the_same_from_release_to_release() -> None:
    """Else an update amid a backfill would start everything again."""
    token = make_token(42, {"job_parameters": {"day": "2026-01-01"}}, "")

    assert token == "dbjobs-d3a00431854d5519bfccdeb3d41f9611e3cf995bba628ff6d90088c2"


# Runs


@pytest.fixture
def workspace(serve: Serve, clock: FakeClock) -> Workspace:
    workspace = Workspace(now=clock.monotonic, lasts=20.0)
    serve(workspace.reply)
    return workspace


@pytest.fixture
def backfill(dbjobs: Dbjobs) -> Any:
    def call(*options: object, **more: str) -> Result:
        return dbjobs("runs", "backfill", JOB_ID, *(options or THREE_DAYS), **more)

    return call


def test_each_set_gets_a_run_and_all_are_reported_together(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-02": "FAILED"}

    done = backfill()

    assert done.exit_code == 10, "the gravest outcome"
    assert done.lines == [
        *("1000", "1001", "1002"),
        "1000\tTERMINATED\tSUCCESS",
        "1001\tTERMINATED\tFAILED",
        "1002\tTERMINATED\tSUCCESS",
    ]
    table = done.stderr.partition("  SET ")[2]
    assert [line.split()[:4] for line in table.splitlines()[1:4]] == [
        ["✓", "day=2026-01-01", "1000", "SUCCESS"],
        ["✗", "day=2026-01-02", "1001", "FAILED"],
        ["✓", "day=2026-01-03", "1002", "SUCCESS"],
    ]
    assert table.splitlines()[4] == "3 sets: 2 succeeded, 1 failed"


def test_as_many_run_at_once_as_the_job_allows_or_as_told(backfill: Any, workspace: Workspace) -> None:
    week = ("--days", "2026-01-01..2026-01-07", "--as", "day")

    assert backfill(*week).exit_code == 0
    assert workspace.most_active == 2, "the job's max_concurrent_runs"
    assert backfill(*week, "--batch", "again", "--max-parallel", 5).exit_code == 0
    assert workspace.most_active == 5


def test_the_same_command_again_starts_only_what_is_missing(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-01": "FAILED"}
    assert backfill("--days", "2026-01-01..2026-01-02", "--as", "day").exit_code == 10
    assert backfill().exit_code == 10
    assert backfill(*THREE_DAYS, "-P", "day=ignored").exit_code == 10

    assert workspace.starts == {"2026-01-01": 1, "2026-01-02": 1, "2026-01-03": 1}


def test_a_batch_by_another_name_starts_all_again(backfill: Any, workspace: Workspace) -> None:
    backfill()
    backfill(*THREE_DAYS, "--batch", "after the fix")

    assert set(workspace.starts.values()) == {2}


def test_a_run_that_never_ran_is_missing_the_next_time(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-02": "SKIPPED"}
    assert backfill().exit_code == 13
    assert workspace.starts["2026-01-02"] == 1, "once a call, or it would never end"
    assert backfill().exit_code == 13
    workspace.results = {}

    assert backfill().exit_code == 0
    assert workspace.starts["2026-01-01"] == 1


def test_equal_sets_are_run_once(backfill: Any, workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "days.csv"
    file.write_text("day\n1\n2\n1\n")

    assert backfill("--each", file).exit_code == 0
    assert workspace.starts == {"1": 1, "2": 1}


def test_sets_come_from_stdin_too(dbjobs: Dbjobs, workspace: Workspace) -> None:
    done = dbjobs("runs", "backfill", JOB_ID, "--each", "-", stdin='{"day": "1"}\n{"day": "2"}\n')

    assert done.exit_code == 0
    assert set(workspace.starts) == {"1", "2"}


def test_fail_fast_starts_no_more(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-02": "FAILED"}

    done = backfill("--days", "2026-01-01..2026-01-09", "--as", "day", "--fail-fast", "--max-parallel", 1)

    assert done.exit_code == 10
    assert list(workspace.starts) == ["2026-01-01", "2026-01-02"]
    assert "9 sets: 1 succeeded, 1 failed, 7 not started" in done.stderr
    assert "repairs the 1 run that failed and starts the 7 sets without a run" in done.stderr


def test_what_failed_alike_is_told_once_at_the_end(backfill: Any, workspace: Workspace) -> None:
    """However the failures come in: while others are started, there is no time to ask for their causes."""
    days = [f"2026-01-{number:02}" for number in range(1, 31)]
    workspace.results = dict.fromkeys(days[2::3], "FAILED")
    workspace.errors = dict.fromkeys(days, "KeyError: 'FR'") | {
        days[5]: "ValueError: 5",
        days[8]: "ValueError: 8",
    }

    done = backfill("--days", f"{days[0]}..{days[-1]}", "--as", "day", "--max-parallel", 6)

    summary = done.stderr.rpartition("\n30 sets: ")[2].splitlines()
    assert summary[:3] == [
        "20 succeeded, 10 failed",
        "  ✗ 8 sets: your code: KeyError: 'FR'  2026-01-03, 2026-01-12, 2026-01-15, 2026-01-18 and 4 more",
        "  ✗ 2 sets: your code: ValueError: 5  2026-01-06 and 2026-01-09",
    ]


def test_the_command_that_continues_is_told_and_does_so(
    dbjobs: Dbjobs, backfill: Any, workspace: Workspace
) -> None:
    workspace.results = {"2026-01-02": "FAILED"}
    done = backfill("--days", "2026-01-01..2026-01-05", "--as", "day", "--fail-fast", "--max-parallel", 1)

    command = done.stderr.partition("next: dbjobs ")[2].splitlines()[0]
    assert dbjobs(*shlex.split(command)).exit_code == 0
    assert workspace.starts == dict.fromkeys([f"2026-01-0{number}" for number in range(1, 6)], 1)
    assert [len(repairs) for repairs in workspace.repairs.values()] == [1]


def test_the_command_that_continues_means_the_same_days_tomorrow(backfill: Any, workspace: Workspace) -> None:
    done = backfill("--days", "-7d..yesterday", "--as", "day", "--timeout", "10s", "--max-parallel", 1)

    again = f"backfill {JOB_ID} --days 2025-12-25..2025-12-31 --as day"
    assert done.exit_code == 124
    assert f"if this is interrupted, continue with:\n  dbjobs runs {again}" in done.stderr
    assert f"next: dbjobs runs {again}" in done.stderr
    assert "starts the 6 sets without a run and waits for the 1 run that may still be active" in done.stderr


def test_when_every_set_has_succeeded_nothing_is_left_to_do(backfill: Any, workspace: Workspace) -> None:
    done = backfill()

    assert done.stderr.splitlines()[-1] == "3 sets: 3 succeeded"


def test_of_many_sets_a_log_has_the_ends_and_a_count_each_minute(backfill: Any, workspace: Workspace) -> None:
    """Hundreds of sets with ten tasks each would be thousands of lines."""
    workspace.results = {"2026-01-09": "FAILED"}
    workspace.errors = {"2026-01-09": "KeyError: 'FR'"}
    hundred = ("--days", "2026-01-01..2026-04-10", "--as", "day", "--max-parallel", 10)

    done = backfill(*hundred, "--progress", "lines")

    lines = [line[10:] for line in done.stderr.splitlines() if re.match(r"\d\d:\d\d:\d\d  ", line)]
    ends = [line for line in lines if "TERMINATED" in line]
    counts = [line for line in lines if line.startswith("100 sets: ")]
    assert len(ends) == 100
    assert len(counts) == len(lines) - 100 >= 3
    assert "run 1008  TERMINATED FAILED  day=2026-01-09  20s" in "\n".join(ends)
    ended = r"100 sets: \d+ succeeded(, 1 failed)?, 10 running, \d+ to start, about \d+[ms]"
    assert re.match(ended, counts[0]), counts
    table = done.stderr.partition("  SET ")[2].partition("\n100 sets: ")[0].splitlines()[1:]
    assert table == ["✗ day=2026-01-09  1008    FAILED       20s  your code: KeyError: 'FR'"]


def test_a_program_is_told_how_far_a_backfill_is(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-02": "FAILED"}
    workspace.refusals = {"2026-01-04": Reply(400, {"error_code": "BAD_REQUEST", "message": "day is closed"})}

    done = backfill("--days", "2026-01-01..2026-01-06", "--as", "day", "--progress", "events")

    events = [event for event in map(json.loads, done.stderr.splitlines()) if event["event"] == "sets"]
    assert events[0]["sets"] == {"running": 2, "to_start": 4}
    assert events[-1]["sets"] == {"succeeded": 4, "failed": 1, "refused": 1}
    assert events[-1]["message"] == "4 succeeded, 1 failed, 1 refused"
    assert all(sum(event["sets"].values()) == 6 for event in events)
    midway = next(event for event in events if event["sets"].get("succeeded"))
    assert "2026-01-01T00:00:" < midway["expected_end"] < "2026-01-01T00:02:"
    assert events[-1]["expected_end"] is None


def test_a_set_that_is_refused_keeps_no_other_from_its_run(backfill: Any, workspace: Workspace) -> None:
    gone = {"error_code": "INVALID_PARAMETER_VALUE", "message": "the run of this token was deleted"}
    workspace.refusals = {"2026-01-02": Reply(400, gone)}

    done = backfill()

    assert done.exit_code == 5
    assert list(workspace.starts) == ["2026-01-01", "2026-01-03"]
    assert "warning: day=2026-01-02 was refused: the run of this token was deleted" in done.stderr
    assert "day=2026-01-02" in done.stderr.partition("  SET ")[2]


def test_reports_name_the_sets_that_have_no_run(backfill: Any, workspace: Workspace, tmp_path: Path) -> None:
    """Who reads the report of a backfill that stopped early sees which days are missing, and why."""
    workspace.refusals = {"2026-01-02": Reply(400, {"error_code": "BAD_REQUEST", "message": "day is closed"})}
    workspace.results = {"2026-01-03": "FAILED"}
    files = {form: tmp_path / f"days.{form}" for form in ("xml", "md", "html")}

    backfill(
        *("--days", "2026-01-01..2026-01-05", "--as", "day", "--fail-fast", "--max-parallel", 1),
        *("--junit", files["xml"], "--report", files["md"], "--report", files["html"]),
    )

    suite = ET.parse(files["xml"]).getroot()[-1]
    found = {case.get("name"): (case[0].tag, case[0].get("message")) for case in suite}
    assert found == {
        "day=2026-01-02": ("error", "refused: day is closed"),
        "day=2026-01-04": ("skipped", "not started"),
        "day=2026-01-05": ("skipped", "not started"),
    }
    assert (suite.get("tests"), suite.get("errors"), suite.get("skipped")) == ("3", "1", "2")
    for form in ("md", "html"):
        page = re.sub(r"[\\]|<[^>]*>", "", files[form].read_text("utf-8"))
        assert "1 succeeded, 1 failed, 1 refused, 2 not started" in page
        assert re.search(r"1 set refused: day is closed\W+2026-01-02\W", page)
        assert re.search(r"2 sets not started\W+2026-01-04, 2026-01-05\W", page)


def test_a_backfill_that_started_nothing_has_its_report(
    backfill: Any, workspace: Workspace, tmp_path: Path
) -> None:
    """The first set is refused, so no other is tried: the report says what was to be run."""
    workspace.refusals = {
        "2026-01-01": Reply(400, {"error_code": "BAD_REQUEST", "message": "no such parameter"})
    }
    files = {form: tmp_path / f"days.{form}" for form in ("xml", "md", "html")}

    done = backfill(*THREE_DAYS, "--junit", files["xml"], "--report", files["md"], "--report", files["html"])

    assert done.exit_code == 5
    assert "3 sets: 1 refused, 2 not started" in done.stderr
    assert ET.parse(files["xml"]).getroot().get("errors") == "1"
    for form in ("md", "html"):
        assert "refused: no such parameter" in files[form].read_text("utf-8")


def test_when_the_first_is_refused_nothing_else_is_tried(backfill: Any, workspace: Workspace) -> None:
    workspace.refusals = {"2026-01-01": Reply(400, {"message": "no such parameter"})}

    done = backfill()

    assert done.exit_code == 5
    assert workspace.starts == {}


@pytest.mark.parametrize(
    "fault",
    [Reply(reset=True), Reply(503, {"message": "back soon"}), Reply(429, {}, {"Retry-After": "7"})],
    ids=["reset", "503", "429"],
)
def test_trouble_on_the_way_loses_nothing_and_starts_nothing_twice(
    backfill: Any, workspace: Workspace, fault: Reply
) -> None:
    """Every third request fails, half of the starts after they took effect."""
    requests = iter(range(1, 10_000))

    def strike(endpoint: str) -> Reply | None:
        return fault if endpoint.startswith("run") and next(requests) % 3 == 0 else None

    workspace.fault = strike

    done = backfill("--days", "2026-01-01..2026-01-09", "--as", "day")

    assert done.exit_code == 0, done.stderr
    assert set(workspace.starts.values()) == {1}
    assert len(workspace.starts) == 9


@pytest.mark.parametrize(
    ("faults", "minutes"),
    [
        pytest.param([Reply(reset=True)], 10, id="resets"),
        pytest.param([Reply(503, {"message": "back soon"})], 45, id="503"),
        pytest.param([Reply(429, {"error_code": "REQUEST_LIMIT_EXCEEDED"})], 45, id="429"),
        pytest.param([Reply(reset=True), Reply(500, ""), Reply(429, "")], 45, id="all of them"),
    ],
)
def test_when_half_of_all_requests_fail_each_set_still_gets_its_run(
    backfill: Any, workspace: Workspace, clock: FakeClock, faults: list[Reply], minutes: float
) -> None:
    """One failure holds up the set that it met, and not all others for as long as the server wants."""
    chance = random.Random(13)
    workspace.fault = lambda endpoint: chance.choice(faults) if chance.random() < 0.5 else None
    hundred = ("--days", "2026-01-01..2026-04-10", "--as", "day", "--max-parallel", 20)

    done = backfill(*hundred, "--progress", "none")

    assert done.exit_code == 0, done.stderr
    assert len(workspace.starts) == 100
    assert set(workspace.starts.values()) == {1}
    assert clock.time < minutes * 60


def test_an_outage_ends_the_wait_in_time_and_the_same_command_goes_on(
    backfill: Any, workspace: Workspace, clock: FakeClock
) -> None:
    workspace.fault = lambda endpoint: Reply(503) if clock.time > 30 and endpoint != "get" else None
    week = ("--days", "2026-01-01..2026-01-07", "--as", "day")

    done = backfill(*week, "--max-outage", "5m")
    assert done.exit_code == 6
    assert 300 <= clock.time <= 400

    workspace.fault = lambda endpoint: None
    assert backfill(*week).exit_code == 0
    assert set(workspace.starts.values()) == {1}


def test_a_time_limit_holds_for_all(backfill: Any, workspace: Workspace) -> None:
    done = backfill(*THREE_DAYS, "--timeout", "10s", "--max-parallel", 1)

    assert done.exit_code == 124
    assert list(workspace.starts) == ["2026-01-01"]


def test_a_dry_run_shows_the_sets_and_the_runs_that_exist(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-02": "FAILED"}
    backfill("--days", "2026-01-01..2026-01-02", "--as", "day")
    done = backfill(*THREE_DAYS, "--dry-run")

    assert done.exit_code == 0
    assert [line.split()[:4] for line in done.lines[1:]] == [
        ["✓", "day=2026-01-01", "1000", "SUCCESS"],
        ["✗", "day=2026-01-02", "1001", "FAILED"],
        ["day=2026-01-03"],
    ]
    assert "3 sets; 2 have a run: 1 SUCCESS, 1 FAILED; nothing was started" in done.stderr
    assert len(workspace.starts) == 2


def test_a_dry_run_asks_for_a_list_and_not_for_each_set(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(Workspace().reply)
    year = ("--days", "2026-01-01..2026-12-31", "--as", "day")

    done = dbjobs("runs", "backfill", JOB_ID, *year, "--dry-run")

    assert done.exit_code == 0
    assert len(done.lines) == 1 + 365
    assert [request.endpoint for request in server.received] == ["get", "runs/list"]


def test_a_dry_run_for_programs_prints_the_requests(backfill: Any, workspace: Workspace) -> None:
    requests = json.loads(backfill(*THREE_DAYS, "--dry-run", "--reverse", "-o", "json").stdout)

    assert [request["body"]["job_parameters"] for request in requests] == [
        {"day": f"2026-01-0{number}"} for number in (3, 2, 1)
    ]
    assert len({request["body"]["idempotency_token"] for request in requests}) == 3
    assert workspace.starts == {}


def test_several_files_and_a_range_multiply(dbjobs: Dbjobs, serve: Serve, tmp_path: Path) -> None:
    job = {"job_id": JOB_ID, "settings": {"parameters": [{"name": n} for n in ("city", "table", "month")]}}
    serve(lambda request: Reply(body=job if request.endpoint == "get" else {}))
    (tmp_path / "cities.csv").write_text("city\nBonn\nUlm\n")
    (tmp_path / "tables.yaml").write_text("- table: a\n- table: b\n")
    files = ("--each", tmp_path / "cities.csv", "--each", tmp_path / "tables.yaml")
    months = ("--months", "2025-12..2026-01", "--as", "month")

    done = dbjobs("runs", "backfill", JOB_ID, *files, *months, "--dry-run", "-o", "jsonl")

    sets = [tuple(json.loads(line)["body"]["job_parameters"].values()) for line in done.lines]
    assert sets == list(product(["Bonn", "Ulm"], ["a", "b"], ["2025-12", "2026-01"]))
    with pytest.raises(UsageError, match="the parameter 'city' is given by several"):
        multiply_sets([[{"city": "Bonn"}], [{"city": "Ulm"}]])
    with pytest.raises(UsageError, match="more than 10,000 sets"):
        multiply_sets([[{str(group): str(number)} for number in range(101)] for group in range(2)])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ("--days", "2026-01-01", "--hours", "today", "--as", "day"),
            "--hours and --days cannot be combined",
        ),
        (("--days", "2026-01-01..2026-01-02"), "--days needs --as NAME"),
        (("--as", "day", "--each", "x.csv"), "--as needs a range"),
        (("--every", 2, "--each", "x.csv"), "--every needs a range"),
        (("--max-parallel", 3), "no parameter set is given"),
        (("--each", "-", "--each", "-"), "--each - is given twice"),
        ((*THREE_DAYS, "--rerun-failed", "--skip-existing"), "cannot be combined"),
        ((*THREE_DAYS, "--idempotency-token", "t"), "there is no option --idempotency-token"),
        (("--days", "tomorrow", "--as", "day"), "'tomorrow' is not a day"),
        (("--days", "today", "--as", "a,b,c"), "neither a name nor two names"),
        (("--each", "/nowhere/x.csv"), "cannot read"),
        (("--days", "0001-01-01..2026-01-01", "--as", "day"), "more than 10,000 sets"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_starts(
    backfill: Any, workspace: Workspace, options: tuple[object, ...], problem: str
) -> None:
    done = backfill(*options)

    assert done.exit_code == 2
    assert problem in done.stderr
    assert workspace.starts == {}


# Failed sets


def test_failed_sets_are_repaired_and_waited_for(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-02": "FAILED"}
    assert backfill().exit_code == 10
    assert workspace.repairs == {}, "nothing is repaired unless that is asked for"

    assert backfill(*THREE_DAYS, "--rerun-failed").exit_code == 0
    assert {run_id: len(repairs) for run_id, repairs in workspace.repairs.items()} == {1001: 1}
    assert set(workspace.starts.values()) == {1}
    assert backfill(*THREE_DAYS, "--rerun-failed").exit_code == 0, "there is nothing more to repair"
    assert len(workspace.repairs[1001]) == 1


def test_a_repair_that_fails_decides_the_exit_code(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-02": "FAILED"}
    workspace.results_of_repairs = {"2026-01-02": "TIMEDOUT"}
    backfill()

    done = backfill(*THREE_DAYS, "--rerun-failed")
    assert done.exit_code == 11
    assert len(workspace.repairs[1001]) == 1, "once a call"


def test_a_set_that_fails_in_this_call_is_left_for_the_next_one(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-02": "FAILED"}

    assert backfill(*THREE_DAYS, "--rerun-failed").exit_code == 10
    assert workspace.repairs == {}


def test_what_cannot_be_repaired_is_started_anew_once(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-02": "FAILED"}
    backfill()
    too_old = {"error_code": "INVALID_PARAMETER_VALUE", "message": "the run is too old to be repaired"}
    workspace.repair_refusals = {"2026-01-02": Reply(400, too_old)}
    workspace.results = {}
    failed_run = next(run_id for run_id, day in workspace.days.items() if day == "2026-01-02")
    original = workspace._run
    workspace._run = lambda run_id: (  # type: ignore[method-assign]
        {**original(run_id), "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}}
        if run_id == failed_run
        else original(run_id)
    )

    for _call in range(2):
        assert backfill(*THREE_DAYS, "--rerun-failed").exit_code == 0
        assert workspace.starts == {"2026-01-01": 1, "2026-01-02": 2, "2026-01-03": 1}


@pytest.mark.parametrize(
    "fault", [Reply(reset=True), Reply(503, {"message": "back soon"})], ids=["reset", "503"]
)
def test_a_repair_that_is_not_answered_is_not_sent_twice(
    backfill: Any, workspace: Workspace, fault: Reply
) -> None:
    """The first request takes effect, and its response is lost."""
    workspace.results = dict.fromkeys(("2026-01-01", "2026-01-02", "2026-01-03"), "FAILED")
    backfill()
    lost = iter([True])
    reply = workspace._repair

    def repair(body: dict[str, Any]) -> Reply:
        answer = reply(body)
        return fault if next(lost, False) else answer

    workspace._repair = repair  # type: ignore[method-assign]

    done = backfill(*THREE_DAYS, "--rerun-failed")
    assert done.exit_code == 0, done.stderr
    assert [len(repairs) for repairs in workspace.repairs.values()] == [1, 1, 1]


def test_runs_that_were_started_and_cannot_be_read_are_told(backfill: Any, workspace: Workspace) -> None:
    """With --rerun-failed a run is read first; if that fails for too long, it has not joined the others."""
    down = Reply(503, {"message": "back soon"})
    workspace.fault = lambda endpoint: down if endpoint == "runs/get" else None
    done = backfill(*THREE_DAYS, "--rerun-failed", "--max-outage", "1m")
    assert done.exit_code == ExitCode.UNREACHABLE
    assert workspace.days
    for run_id in workspace.days:
        assert f"{run_id}\t-\t-" in done.stdout
        assert str(run_id) in done.stderr
    assert "may still be running" in done.stderr


@pytest.mark.parametrize("seed", range(5))
def test_when_requests_fail_before_or_after_they_take_effect_each_repair_is_made_once(
    backfill: Any, workspace: Workspace, serve: Serve, seed: int
) -> None:
    twenty = ("--days", "2026-01-01..2026-01-20", "--as", "day", "--max-parallel", 8)
    workspace.results = {f"2026-01-{number:02}": "FAILED" for number in range(1, 21, 2)}
    assert backfill(*twenty).exit_code == 10
    chance = random.Random(seed)
    faults = [Reply(reset=True), Reply(503, {"message": "back soon"}), Reply(429, {}, {"Retry-After": "3"})]
    reply = workspace._reply

    def fail_often(request: Received) -> Reply:
        answer = reply(request) if chance.random() < 0.8 else None
        if answer is None:
            return chance.choice(faults)
        return answer if chance.random() < 0.8 else chance.choice(faults[:2])  # it took effect

    workspace._reply = fail_often  # type: ignore[method-assign]
    for _call in range(20):
        done = backfill(*twenty, "--rerun-failed", "--progress", "none")
        if done.exit_code != ExitCode.UNREACHABLE:
            break

    assert done.exit_code == 0, done.stderr
    assert [len(repairs) for repairs in workspace.repairs.values()] == [1] * 10
    assert set(workspace.starts.values()) == {1}


def test_sets_that_have_run_can_be_left_out(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {"2026-01-01": "SKIPPED", "2026-01-02": "FAILED"}
    backfill("--days", "2026-01-01..2026-01-02", "--as", "day", "--batch", "an earlier one")

    done = backfill(*THREE_DAYS, "--skip-existing")
    assert done.exit_code == 13, "that of the new run for the skipped one"
    assert "left out 1 of 3 sets, which have run: 1 FAILED" in done.stderr
    assert workspace.starts == {"2026-01-01": 2, "2026-01-02": 1, "2026-01-03": 1}
    two_days = ("--days", "2026-01-02..2026-01-03", "--as", "day")
    again = backfill(*two_days, "--skip-existing")
    assert again.exit_code == 0
    assert again.stderr == "left out 2 of 2 sets, which have run: 1 FAILED, 1 SUCCESS\n"
    assert workspace.starts.total() == 4, "nothing is left to start"


def test_no_other_set_is_started_after_so_many_failures(backfill: Any, workspace: Workspace) -> None:
    workspace.results = {f"2026-01-0{number}": "FAILED" for number in (2, 3, 5)}

    done = backfill(
        "--days", "2026-01-01..2026-01-09", "--as", "day", "--max-failures", 2, "--max-parallel", 2
    )

    assert done.exit_code == 10
    assert set(workspace.starts) == {f"2026-01-0{number}" for number in (1, 2, 3, 4)}
    assert "9 sets: 2 succeeded, 2 failed, 5 not started" in done.stderr
    assert "1003\tTERMINATED\tSUCCESS" in done.lines, "what was running is waited for"


# Interrupted

SETS = 200


def start(environ: dict[str, str], file: Path, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "dbjobs", "runs", "backfill", str(JOB_ID), "--each", str(file)]
    options = ["--max-parallel", "20", "--poll-interval", "0.1s", "--poll-max", "0.1s", "--progress", "none"]
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, *options, *more], env=environ, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("failing", [0.0, 0.5], ids=["all is well", "half of all requests fail"])
def test_a_backfill_killed_three_times_ends_with_every_run_once(tmp_path: Path, failing: float) -> None:
    sets = SETS if not failing else SETS // 3
    file = tmp_path / "days.csv"
    days = [(date(2026, 1, 1) + timedelta(number)).isoformat() for number in range(sets)]
    file.write_text("\n".join(["day", *days]))
    seed = random.randrange(2**32)
    chance, fault = random.Random(seed), random.Random(seed)
    workspace = Workspace(lasts=0.05)
    workspace.fault = lambda endpoint: Reply(reset=True) if fault.random() < failing else None
    with scripted_server(workspace.reply) as server:
        environ = {**os.environ, "DATABRICKS_HOST": server.url, "DATABRICKS_TOKEN": "dapi-killed"}
        for kills in range(1, 4):
            moment = chance.randrange((kills - 1) * sets // 4, kills * sets // 4)
            process = start(environ, file)
            deadline = time.monotonic() + 120
            while len(workspace.days) <= moment:
                assert time.monotonic() < deadline, f"it stood still (seed {seed})"
                if failing and process.poll() == ExitCode.UNREACHABLE:  # even the job could not be read
                    process.communicate()
                    process = start(environ, file)
                time.sleep(0.002)
            time.sleep(chance.random() / 20)
            assert failing or process.poll() is None, f"it was still at work (seed {seed})"
            process.kill()
            process.communicate()
        for _attempt in range(10):
            process = start(environ, file)
            out, err = process.communicate(timeout=240)
            if not failing or process.returncode != ExitCode.UNREACHABLE:
                break

    assert process.returncode == 0, (err, seed)
    assert workspace.starts == dict.fromkeys(days, 1), seed
    assert out.count("\tTERMINATED\tSUCCESS\n") == sets
    assert workspace.most_active <= 20, "runs that a killed process left behind are counted"


def test_repairs_killed_three_times_are_each_made_once(tmp_path: Path) -> None:
    file = tmp_path / "days.csv"
    days = [(date(2026, 1, 1) + timedelta(number)).isoformat() for number in range(60)]
    file.write_text("\n".join(["day", *days]))
    chance = random.Random(seed := random.randrange(2**32))
    workspace = Workspace(lasts=0.05, results=dict.fromkeys(days[::2], "FAILED"))
    with scripted_server(workspace.reply) as server:
        environ = {**os.environ, "DATABRICKS_HOST": server.url, "DATABRICKS_TOKEN": "dapi-killed"}
        process = start(environ, file)
        process.communicate(timeout=240)
        assert process.returncode == ExitCode.FAILED
        for kills in range(1, 4):
            process = start(environ, file, "--rerun-failed")
            deadline = time.monotonic() + 120
            while len(workspace.repairs) < 8 * kills - chance.randrange(4):
                assert time.monotonic() < deadline, f"it stood still (seed {seed})"
                time.sleep(0.002)
            time.sleep(chance.random() / 20)
            process.kill()
            process.communicate()
        process = start(environ, file, "--rerun-failed")
        _, err = process.communicate(timeout=240)

    assert process.returncode == 0, (err, seed)
    repaired = {workspace.days[run_id]: len(repairs) for run_id, repairs in workspace.repairs.items()}
    assert repaired == dict.fromkeys(days[::2], 1), seed
    assert workspace.starts == dict.fromkeys(days, 1), seed


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=lambda signum: signum.name)
def test_a_signal_leaves_what_runs_alone_and_the_same_command_goes_on(
    tmp_path: Path, signum: signal.Signals
) -> None:
    file = tmp_path / "days.csv"
    file.write_text("\n".join(["day", *map(str, range(60))]))
    workspace = Workspace(lasts=0.05)
    with scripted_server(workspace.reply) as server:
        environ = {**os.environ, "DATABRICKS_HOST": server.url, "DATABRICKS_TOKEN": "dapi-signalled"}
        process = start(environ, file)
        while len(workspace.days) < 25:
            time.sleep(0.002)
        process.send_signal(signum)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 128 + signum
        assert re.search(r"next: dbjobs runs backfill .*\n +starts the \d+ sets without a run", err), err
        second = start(environ, file)
        second.communicate(timeout=30)

    assert second.returncode == 0
    assert set(workspace.starts.values()) == {1}
    assert len(workspace.starts) == 60
