"""The options of every wait."""

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

import typer

from dbjobs.cli.framework import options_given
from dbjobs.common.durations import parse_duration
from dbjobs.errors import UsageError
from dbjobs.output.ci_systems import CiSystem
from dbjobs.output.progress import ProgressMode


def _duration(text: str | float) -> float:
    try:
        return text if isinstance(text, float) else parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _pause(text: str | float) -> float:
    seconds = _duration(text)
    if not seconds:  # without a pause the workspace refuses to answer, to others as well
        raise typer.BadParameter("the pause must be longer than 0")
    return seconds


class OnExit(str, Enum):
    """What to do with the run when the wait ends first."""

    DETACH = "detach"
    CANCEL = "cancel"


class ShowOutput(str, Enum):
    """Whose output is shown once a run has ended."""

    FAILED = "failed"
    ALL = "all"
    NONE = "none"


class RepairOn(str, Enum):
    """Which failures are repaired."""

    INFRA = "infra"
    ANY = "any"


def _wait_option(name: str, help_text: str, **kwargs: Any) -> Any:
    return typer.Option(name, help=help_text, show_default=False, rich_help_panel="Wait options", **kwargs)


def _duration_option(name: str, help_text: str, parser: Any = _duration) -> Any:
    return _wait_option(name, help_text, metavar="DURATION", parser=parser)


def _file(text: str) -> str:
    if text == "-":
        raise typer.BadParameter("it takes the name of a file: stdout has the result")
    return text


def _report_file(text: str) -> str:
    from dbjobs.output.reports import FORMS

    if not text.lower().endswith(FORMS):
        raise typer.BadParameter(f"a report is a page: its name ends in {' or '.join(FORMS)}")
    return text


def _notify_url(text: str) -> str:
    from dbjobs.output.delivery import check_url

    try:
        return check_url(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _trace_target(text: str) -> str:
    from dbjobs.output.trace import check_target, is_collector, read_headers

    try:
        target = check_target(_file(text))
    except ValueError as error:
        raise typer.BadParameter(f"{error}, or a file") from None
    if is_collector(target):
        with suppress(ValueError):  # which is a warning when the trace is sent; the values are hidden now
            read_headers(os.environ)
    return target


CiOption = Annotated[
    CiSystem, _wait_option("--ci", "The CI system to report to  [default: auto, by environment].")
]
JunitOption = Annotated[
    str | None,
    _wait_option(
        "--junit",
        "Write a JUnit report: one suite per run, one case per task.",
        metavar="FILE",
        parser=_file,
    ),
]
ReportOption = Annotated[
    list[str] | None,
    _wait_option(
        "--report", "Write a report, .html or .md; may be repeated.", metavar="FILE", parser=_report_file
    ),
]


@dataclass(frozen=True)
class WaitOptions:
    """How to wait; durations in seconds."""

    timeout: Annotated[
        float, _duration_option("--timeout", "Wait no longer than this  [default: no limit].")
    ] = math.inf
    on_timeout: Annotated[
        OnExit, _wait_option("--on-timeout", "What to do with the run at the time limit  [default: detach].")
    ] = OnExit.DETACH
    on_interrupt: Annotated[
        OnExit, _wait_option("--on-interrupt", "The same on SIGINT (Ctrl-C) and SIGTERM  [default: detach].")
    ] = OnExit.DETACH
    poll_interval: Annotated[
        float | None,
        _duration_option(
            "--poll-interval",
            "The pause between polls  [default: planned from the job's past runs, else 5s growing to 1m].",
            _pause,
        ),
    ] = None
    poll_max: Annotated[
        float | None,
        _duration_option("--poll-max", "The longest pause; with --poll-interval, pauses grow to it.", _pause),
    ] = None
    max_outage: Annotated[
        float, _duration_option("--max-outage", "Give up after this long without contact  [default: 10m].")
    ] = 600.0
    fail_fast: Annotated[bool, _wait_option("--fail-fast", "Exit at the first run that fails.")] = False
    strict: Annotated[
        bool, _wait_option("--strict", "Count SUCCESS_WITH_FAILURES as a failure (exit 17).")
    ] = False
    repair: Annotated[
        int | None,
        _wait_option(
            "--repair", "Run failed tasks again, N times at most, with growing pauses.", metavar="N", min=1
        ),
    ] = None
    repair_on: Annotated[
        RepairOn,
        _wait_option(
            "--repair-on", "Only what the platform made fail (infra), or any failure  [default: infra]."
        ),
    ] = RepairOn.INFRA
    progress: Annotated[
        ProgressMode, _wait_option("--progress", "How to report progress, on stderr  [default: auto].")
    ] = ProgressMode.AUTO
    show_output: Annotated[
        ShowOutput,
        _wait_option("--show-output", "Whose output to show, on stderr  [default: failed]."),
    ] = ShowOutput.FAILED
    ci: CiOption = CiSystem.AUTO
    junit: JunitOption = None
    report: ReportOption = None
    notify: Annotated[
        str | None,
        _wait_option(
            "--notify",
            "POST the outcome to a webhook when the wait ends: Slack's, Teams', or JSON to any other.",
            metavar="URL",
            parser=_notify_url,
        ),
    ] = None
    trace: Annotated[
        str | None,
        _wait_option(
            "--trace",
            "Write the run as an OpenTelemetry trace (OTLP), or send it to a collector.",
            metavar="FILE|URL",
            parser=_trace_target,
        ),
    ] = None
    no_input: Annotated[
        bool, _wait_option("--no-input", "In the live view, read no keys, set no title, and ring no bell.")
    ] = False


def check_wait_options(ctx: typer.Context, options: WaitOptions, *, waits: bool = True) -> None:
    """Refuse what cannot take effect: any of these options if nothing waits, or one that needs another."""
    given = options_given(ctx, WaitOptions)
    if given and not waits:
        names = " and ".join(filter(None, [", ".join(given[:-1]), given[-1]]))
        needs, them = ("needs", "it") if len(given) == 1 else ("need", "them")
        raise UsageError(f"{names} {needs} --wait", hint=f"add --wait, or leave {them} out")
    if "--on-timeout" in given and "--timeout" not in given:
        raise UsageError("--on-timeout needs --timeout", hint="add --timeout DURATION, or leave it out")
    if "--repair-on" in given and "--repair" not in given:
        raise UsageError("--repair-on needs --repair", hint="add --repair N, or leave it out")
    if options.poll_interval and options.poll_max and options.poll_interval > options.poll_max:
        raise UsageError("--poll-interval is longer than --poll-max, to which it grows")
