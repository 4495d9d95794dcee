"""The option types that commands share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.main import get_params_convertors_ctx_param_name_from_function

from dbjobs.durations import parse_duration
from dbjobs.errors import UsageError

if TYPE_CHECKING:
    from dbjobs.spec import JobFile

GLOBAL_SECTION = "Global options"
_GIVEN = "dbjobs.global_options"


class OutputFormat(str, Enum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    YAML = "yaml"
    ID = "id"


class ApiVersion(str, Enum):
    """The versions of the Jobs API."""

    V20 = "2.0"
    V21 = "2.1"
    V22 = "2.2"


def _remember(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """Options of the root, the noun and the verb meet in one place; the rightmost wins."""
    if value and param.name:
        given = ctx.meta.setdefault(_GIVEN, {})
        given[param.name] = value.value if isinstance(value, Enum) else value
    return value


def given_options(ctx: typer.Context) -> dict[str, Any]:
    """The global options that were given so far, by name."""
    given: dict[str, Any] = ctx.meta.get(_GIVEN, {})
    return given


def _global(*names: str, **kwargs: Any) -> Any:
    return typer.Option(
        *names,
        callback=_remember,
        expose_value=False,
        show_default=False,
        rich_help_panel=GLOBAL_SECTION,
        **kwargs,
    )


def _declare_global_options(
    profile: Annotated[
        str | None, _global("--profile", "-p", metavar="NAME", help="Use this profile.")
    ] = None,
    config: Annotated[
        Path | None, _global("--config", metavar="FILE", help="Read this configuration file.")
    ] = None,
    host: Annotated[str | None, _global("--host", metavar="URL", help="Speak to this workspace.")] = None,
    api_version: Annotated[
        ApiVersion | None, _global("--api-version", help="Version of the Jobs API  [default: 2.2].")
    ] = None,
    output: Annotated[
        OutputFormat | None, _global("--output", "-o", help="How to print the result  [default: text].")
    ] = None,
    quiet: Annotated[bool, _global("--quiet", "-q", help="Leave out notes and progress.")] = False,
    verbose: Annotated[
        bool, _global("--verbose", "-v", help="Tell of requests, retries, and where settings came from.")
    ] = False,
    no_color: Annotated[bool, _global("--no-color", help="Print without colour.")] = False,
) -> None:
    """Only its signature is used: Typer makes the options of it."""


@cache
def global_params() -> tuple[Any, ...]:
    """The options that every command takes, before or after its name."""
    params, _, _ = get_params_convertors_ctx_param_name_from_function(_declare_global_options)
    return tuple(params)


def _duration(text: str | float) -> float:
    try:
        return text if isinstance(text, float) else parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


JobRef = Annotated[
    str, typer.Argument(metavar="JOB", help="A job id, or a job's exact name.", show_default=False)
]
OptionalJobRef = Annotated[
    str | None, typer.Argument(metavar="[JOB]", help="A job id, or a job's exact name.", show_default=False)
]
JobRefs = Annotated[
    list[str], typer.Argument(metavar="JOB...", help="Job ids, or jobs' exact names.", show_default=False)
]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run id, or the URL of a run's page.", show_default=False)
]
RunArguments = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...", help="Run ids, URLs of run pages, or - for ids on stdin.", show_default=False
    ),
]


@dataclass(frozen=True)
class Body:
    """Where a request's body comes from: `-f FILE`, or `--json TEXT`."""

    file: Annotated[
        str | None,
        typer.Option("--file", "-f", metavar="FILE", help="JSON or YAML; - is stdin.", show_default=False),
    ] = None
    json_text: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="TEXT|@FILE", help="JSON or YAML, as text or from @FILE.", show_default=False
        ),
    ] = None

    @property
    def is_given(self) -> bool:
        return self.file is not None or self.json_text is not None

    def read(self) -> dict[str, Any]:
        """The body, a mapping; a UsageError or RefusedError says what keeps it from being one."""
        return self.open().content

    def open(self) -> "JobFile":
        """The same with the lines, for `job_files.make_body` to check."""
        if (self.file is None) == (self.json_text is None):
            raise UsageError("say once what to send: -f FILE or --json TEXT")
        from dbjobs.spec import read_job_file

        return read_job_file(self.file, self.json_text)


def _read_body(file: str | None, text: str | None) -> dict[str, Any]:
    from dbjobs.spec import read_body

    return read_body(file, text)


_Texts = list[str] | None


def _kind_option(name: str, kind: str, metavar: str = "NAME=VALUE") -> Any:
    return typer.Option(
        name,
        metavar=metavar,
        help=f"Goes to {kind}.",
        show_default=False,
        rich_help_panel="Parameters by kind",
    )


@dataclass(frozen=True)
class Parameters:
    """What a run is started with: parameters of one kind."""

    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-P",
            metavar="NAME=VALUE",
            help="A parameter, of the kind that the job takes; may be repeated.",
            show_default=False,
        ),
    ] = None
    params_file: Annotated[
        str | None,
        typer.Option(
            "--params-file",
            metavar="FILE",
            help="Parameters as a JSON or YAML mapping; - is stdin.",
            show_default=False,
        ),
    ] = None

    job_parameters: Annotated[_Texts, _kind_option("--job-param", "job_parameters")] = None
    notebook_params: Annotated[_Texts, _kind_option("--notebook-param", "notebook_params")] = None
    python_named_params: Annotated[_Texts, _kind_option("--python-named-param", "python_named_params")] = None
    sql_params: Annotated[_Texts, _kind_option("--sql-param", "sql_params")] = None
    python_params: Annotated[_Texts, _kind_option("--python-param", "python_params", "VALUE")] = None
    jar_params: Annotated[_Texts, _kind_option("--jar-param", "jar_params", "VALUE")] = None
    spark_submit_params: Annotated[
        _Texts, _kind_option("--spark-submit-param", "spark_submit_params", "VALUE")
    ] = None
    dbt_commands: Annotated[_Texts, _kind_option("--dbt-command", "dbt_commands", "VALUE")] = None

    def read(self, get_job: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The parameters under the name of their kind, for which the job is looked at; {} without any."""
        from dbjobs.parameters import KINDS, choose_parameters, split_pairs, text_values

        from_file = text_values(_read_body(self.params_file, None)) if self.params_file else {}
        pairs = {**from_file, **split_pairs(self.param or [])}
        return choose_parameters(pairs, {kind: getattr(self, kind) for kind in KINDS}, get_job)


Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="TASK", help="Run this task alone; may be repeated.", show_default=False),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=0, help="List N rows at most; 0 lists all.", show_default=False),
]
ExpandTasks = Annotated[bool, typer.Option("--expand-tasks", help="Show tasks, too (100 each at most).")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the request, and send nothing.")]
IdempotencyToken = Annotated[
    str | None,
    typer.Option(
        "--idempotency-token",
        metavar="TOKEN",
        help="At most one run is started for a token  [default: a new one].",
        show_default=False,
    ),
]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait for the run, and exit with its outcome.")]


class Leaving(str, Enum):
    """What becomes of the run when the wait ends before it."""

    DETACH = "detach"
    CANCEL = "cancel"


class Progress(str, Enum):
    """How a wait tells of itself, on stderr."""

    AUTO = "auto"
    LIVE = "live"
    LINES = "lines"
    EVENTS = "events"
    NONE = "none"


class ShowOutput(str, Enum):
    """Whose output is shown once a run has ended."""

    FAILED = "failed"
    ALL = "all"
    NONE = "none"


def _wait_option(name: str, help_text: str, **kwargs: Any) -> Any:
    return typer.Option(name, help=help_text, show_default=False, rich_help_panel="Wait options", **kwargs)


def _duration_option(name: str, help_text: str) -> Any:
    return _wait_option(name, help_text, metavar="DURATION", parser=_duration)


@dataclass(frozen=True)
class WaitOptions:
    """How to wait; durations in seconds."""

    timeout: Annotated[
        float, _duration_option("--timeout", "Wait no longer than this  [default: no limit].")
    ] = math.inf
    on_timeout: Annotated[
        Leaving, _wait_option("--on-timeout", "What becomes of the run at the time limit  [default: detach].")
    ] = Leaving.DETACH
    on_interrupt: Annotated[
        Leaving, _wait_option("--on-interrupt", "The same at SIGINT (Ctrl-C) and SIGTERM  [default: detach].")
    ] = Leaving.DETACH
    poll_interval: Annotated[
        float,
        _duration_option("--poll-interval", "The pause between polls amid changes  [default: 5s]."),
    ] = 5.0
    poll_max: Annotated[
        float, _duration_option("--poll-max", "What the pause grows to while nothing does  [default: 1m].")
    ] = 60.0
    max_outage: Annotated[
        float, _duration_option("--max-outage", "Give up after this long without contact  [default: 10m].")
    ] = 600.0
    fail_fast: Annotated[bool, _wait_option("--fail-fast", "Leave at the first run that fails.")] = False
    strict: Annotated[
        bool, _wait_option("--strict", "Count SUCCESS_WITH_FAILURES as a failure (exit 17).")
    ] = False
    progress: Annotated[
        Progress, _wait_option("--progress", "How to tell of it, on stderr  [default: auto].")
    ] = Progress.AUTO
    show_output: Annotated[
        ShowOutput,
        _wait_option("--show-output", "Whose output to show, on stderr  [default: failed]."),
    ] = ShowOutput.FAILED
