"""The options that every command takes, before or after its name.

They are apart from those that only some commands share, since every call loads these.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from dbjobs.cli.parameters import make_params

GLOBAL_SECTION = "Global options"
_GIVEN = "dbjobs.global_options"


class OutputFormat(str, Enum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    YAML = "yaml"
    ID = "id"


class JobOutputFormat(str, Enum):
    """How a job is printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    YAML = "yaml"
    ID = "id"
    BUNDLE = "bundle"


class ApiVersion(str, Enum):
    """The versions of the Jobs API."""

    V20 = "2.0"
    V21 = "2.1"
    V22 = "2.2"


def _collect(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """Options of the root, the noun and the verb are collected in one place; the last one wins."""
    if param.name == "profile" and "=" in (value or ""):
        raise typer.BadParameter(f"{value!r} is not a profile; parameters are given with -P {value}")
    if value and param.name:
        ctx.meta.setdefault(_GIVEN, {})[param.name] = value
    return value


def _global(*names: str, **kwargs: Any) -> Any:
    return typer.Option(
        *names,
        callback=_collect,
        expose_value=False,
        rich_help_panel=GLOBAL_SECTION,
        **kwargs,
    )


JobOutput = Annotated[
    JobOutputFormat | None, _global("--output", "-o", help="How to print the job  [default: text].")
]
"""In place of the global one, where a job can be printed as a bundle's."""


@dataclass(frozen=True)
class GlobalOptions:
    """The options that every command takes."""

    profile: Annotated[str | None, _global("--profile", "-p", metavar="NAME", help="Use this profile.")] = (
        None
    )
    config: Annotated[
        Path | None, _global("--config", metavar="FILE", help="Read this configuration file.")
    ] = None
    host: Annotated[str | None, _global("--host", metavar="URL", help="Use this workspace.")] = None
    api_version: Annotated[
        ApiVersion | None, _global("--api-version", help="Version of the Jobs API  [default: 2.2].")
    ] = None
    output: Annotated[
        OutputFormat | None, _global("--output", "-o", help="How to print the result  [default: text].")
    ] = None
    quiet: Annotated[bool, _global("--quiet", "-q", help="Leave out notes and progress.")] = False
    verbose: Annotated[
        bool, _global("--verbose", "-v", help="Log requests, retries, and where settings came from.")
    ] = False
    no_color: Annotated[bool, _global("--no-color", help="Print without color.")] = False


@cache
def global_params() -> tuple[Any, ...]:
    """The global options as parameters; all commands share them."""
    return tuple(param for param, _ in make_params(GlobalOptions).values())


def read_global_options(ctx: typer.Context) -> GlobalOptions:
    """Those given so far."""
    return GlobalOptions(**ctx.meta.get(_GIVEN, {}))
