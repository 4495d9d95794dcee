"""What `jobs get` and `runs get` show to people."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.style import ASCII, UNICODE, Glyphs
from dbjobs.output.terminal.tables import render_job, render_run, show_job, show_run
from tests.output.conftest import Pipe, Piped, Terminal
from tests.output.given import HOST, RUN_ID, STARTED, nightly_tasks, payload, run, task

LooksLike = Callable[[str, str], None]

JOB: dict[str, Any] = {
    "job_id": 77310284417,
    "creator_user_name": "ada@example.com",
    "run_as_user_name": "etl-bot",
    "created_time": (STARTED - 3 * 86400) * 1000,
    "settings": {
        "name": "nightly load",
        "schedule": {
            "quartz_cron_expression": "0 0 2 * * ?",
            "timezone_id": "Europe/Berlin",
            "pause_status": "PAUSED",
        },
        "parameters": [{"name": "day", "default": "2026-01-01"}, {"name": "region", "default": ""}],
        "timeout_seconds": 3600,
        "max_concurrent_runs": 1,
        "tags": {"team": "sales", "tier": "1"},
        "tasks": [
            {
                "task_key": "report",
                "depends_on": [{"task_key": "clean_orders"}, {"task_key": "clean_customers"}],
                "notebook_task": {"notebook_path": "/report"},
                "existing_cluster_id": "1234-567890-abc123",
            },
            {
                "task_key": "clean_orders",
                "spark_python_task": {"python_file": "a.py"},
                "job_cluster_key": "small",
            },
            {
                "task_key": "clean_customers",
                "python_wheel_task": {"package_name": "p"},
                "new_cluster": {"node_type_id": "Standard_DS3_v2", "spark_version": "15.4.x-scala2.12"},
            },
            {"task_key": "publish", "sql_task": {}, "environment_key": "serverless"},
        ],
    },
}


def canvas(width: int | None = 80, glyphs: Glyphs = UNICODE) -> Canvas:
    return Canvas(width=width, now=STARTED + 125, glyphs=glyphs)


@pytest.mark.parametrize(
    ("width", "glyphs", "view"),
    [(80, UNICODE, "job_80"), (40, UNICODE, "job_40"), (None, ASCII, "job_piped_ascii")],
)
def test_a_job(width: int | None, glyphs: Glyphs, view: str, looks_like: LooksLike) -> None:
    looks_like(render_job(JOB, canvas(width, glyphs)).plain, view)


@pytest.mark.parametrize(
    ("width", "glyphs", "view"),
    [(80, UNICODE, "run_80"), (40, UNICODE, "run_40"), (None, ASCII, "run_piped_ascii")],
)
def test_a_run(width: int | None, glyphs: Glyphs, view: str, looks_like: LooksLike) -> None:
    shown = run("RUNNING", *nightly_tasks(), queue_duration=3000, message="In run")
    looks_like(render_run(shown, canvas(width, glyphs)).plain, view)


def test_a_single_task_run_of_api_2_0(looks_like: LooksLike) -> None:
    parts = {"setup_duration": 62_000, "execution_duration": 58_000, "cleanup_duration": 2000}
    shown = run("TERMINATED FAILED", end=125, message="Workload failed", **parts)
    looks_like(render_run(shown, canvas()).plain, "run_2_0")


def test_a_single_task_job_of_api_2_0() -> None:
    settings = {"name": "old", "notebook_task": {"notebook_path": "/old"}, "existing_cluster_id": "1-2-x"}
    text = render_job({"job_id": 1, "settings": settings}, canvas()).plain
    assert text.splitlines()[-2:] == ["TYPE      RUNS  CLUSTER", "notebook  /old  1-2-x"]


@pytest.mark.parametrize(
    ("trigger", "shown"),
    [
        (
            {"trigger": {"file_arrival": {"url": "s3://in/"}, "pause_status": "UNPAUSED"}},
            "trigger  file_arrival url=s3://in/",
        ),
        (
            {"trigger": {"periodic": {"interval": 1, "unit": "DAYS"}}},
            "trigger  periodic interval=1 unit=DAYS",
        ),
        ({"continuous": {"pause_status": "UNPAUSED"}}, "continuous  UNPAUSED"),
    ],
)
def test_what_starts_a_job(trigger: dict[str, Any], shown: str) -> None:
    lines = render_job({"job_id": 1, "settings": {"name": "j", **trigger}}, canvas()).plain.splitlines()
    assert shown.split() in [line.split() for line in lines]


def test_off_a_terminal_nothing_is_cut_or_coloured(piped: Piped) -> None:
    message = "x" * 5000
    show_run(piped.streams(), payload("RUNNING", task("main", "RUNNING", start=0, message=message)), STARTED)
    text = piped.out.getvalue()
    assert message in text
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_ids_and_addresses_are_whole_at_any_width(columns: int, terminal: Callable[..., Terminal]) -> None:
    screen = terminal(columns=columns)
    show_run(screen.streams(), payload("RUNNING", *nightly_tasks()), STARTED + 125)
    screen.close()
    shown = screen.received.decode()
    assert f"{HOST}/?o=1234567890123456#job/77310284417/run/{RUN_ID}" in shown
    shown_ids = set(re.findall(r"\b[0-9]{4,5}\b", shown.partition("RUN ID")[2]))
    assert shown_ids in (set(), {str(one["run_id"]) for one in nightly_tasks()})


def test_what_a_run_says_goes_on_in_the_next_line_and_no_url_is_broken(
    terminal: Callable[..., Terminal],
) -> None:
    message = "a quota of the region was exceeded by all clusters of the pool together"
    screen = terminal(columns=50, lines=40)
    show_run(screen.streams(), payload("TERMINATED FAILED", message=message), STARTED)
    assert screen.shown[7:9] == [
        "  message  a quota of the region was exceeded by",
        "           all clusters of the pool together",
    ]
    assert f"{HOST}/?o=1234567890123456#job/77310284417/run/{RUN_ID}" in screen.received.decode()


def test_tables_fit_the_terminal(terminal: Callable[..., Terminal]) -> None:
    screen = terminal(columns=60, lines=40)
    long = task("k" * 100, "RUNNING", start=0, message="m" * 300)
    show_run(screen.streams(), payload("RUNNING", long, run_page_url=""), STARTED)
    rows = [line for line in screen.shown if "kkk" in line]
    assert len(rows) == 1
    assert rows[0].endswith("…")


@pytest.mark.parametrize("name", ["[dev ann] nightly", "[/x]", ":bomb: {0}"])
def test_names_are_text_and_nothing_else(name: str, piped: Piped) -> None:
    show_job(piped.streams(), {"job_id": 1, "settings": {"name": f"{name}\x1b[2J\u202e"}}, STARTED)
    assert piped.out.getvalue().splitlines()[0] == name


def test_each_encoding_gets_what_it_can_show() -> None:
    given = payload("RUNNING", name="Übersicht 日本 👩‍👧")
    shown = {}
    for encoding in ("utf-8", "latin-1", "ascii"):
        out = Pipe(encoding)
        show_run(Streams(out=out, environ={}), given, STARTED)
        shown[encoding] = out.getvalue().splitlines()[0]
    assert shown == {
        "utf-8": "Übersicht 日本 👩‍👧",
        "latin-1": "Übersicht ?? ???",
        "ascii": "?bersicht ?? ???",
    }


def test_colour_only_underlines_what_words_say(piped: Piped) -> None:
    plain, colored = Pipe(), Pipe()
    given = payload("RUNNING", *nightly_tasks())
    show_run(Streams(out=plain, environ={}), given, STARTED)
    show_run(Streams(out=colored, environ={"FORCE_COLOR": "1"}), given, STARTED)
    assert re.search(r"\x1b\[1;[\d;]+mFAILED\x1b\[0m", colored.getvalue())
    assert re.sub("\x1b\\[[0-9;]*m", "", colored.getvalue()) == plain.getvalue()
