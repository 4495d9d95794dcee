"""The root command, and the one place where errors become messages and exit codes."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer
from typer.main import get_command

from dbjobs import __version__
from dbjobs.cli.framework import CONTEXT_SETTINGS, Group, ParserError, app_of
from dbjobs.common.clock import SystemClock
from dbjobs.common.signals import Interrupted
from dbjobs.errors import DbjobsError, ExitCode, UsageError
from dbjobs.output.stdio import StdoutError
from dbjobs.output.streams import Streams, cannot_write


class Root(Group):
    """`dbjobs`."""

    modules: ClassVar[Mapping[str, str]] = {"completion": "completion.command", "mcp": "mcp.command"}
    has_events = False
    words: Sequence[str] = ()
    """what was typed after `dbjobs`"""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            "dbjobs.cli", ("jobs", "runs", "profiles", "sandbox", "demo", "mcp", "completion"), **kwargs
        )

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command; whatever goes wrong, in its words or in what it does, ends here."""
        words = list(sys.argv[1:] if args is None else args)
        self.has_events = _asks_for_events(words)
        ctx: Any = None
        streams = Streams(event_clock=SystemClock() if self.has_events else None)
        code: int = ExitCode.SUCCESS
        try:
            self.words = [_decode_argument(word) for word in words]
            with self.make_context(prog_name or "dbjobs", list(self.words), **extra) as ctx:
                try:
                    self.invoke(ctx)
                finally:
                    streams = app_of(ctx).streams
                    app_of(ctx).finish_dry_run()
        except typer.Exit as end:
            code = end.exit_code
        except ParserError as error:
            from dbjobs.cli.usage_errors import explain_parser_error

            (app_of(error.ctx).streams if error.ctx else streams).fail(explain_parser_error(error))
            code = ExitCode.USAGE
        except DbjobsError as error:
            streams.fail(error)
            code = error.exit_code
        except (Interrupted, KeyboardInterrupt, typer.Abort) as interrupt:
            code = getattr(interrupt, "exit_code", ExitCode.INTERRUPTED)
        except EOFError:
            streams.fail(UsageError("the input ended before the question was answered"))
            code = ExitCode.USAGE
        except BrokenPipeError:
            code = ExitCode.BROKEN_PIPE
        except StdoutError as error:  # help and version, which Click prints itself
            streams.fail(cannot_write(error))
            code = ExitCode.OUTPUT
        except Exception as error:  # a traceback helps nobody at a prompt
            _report_bug(streams, error)
            code = ExitCode.FAULT
        finally:
            if ctx:
                app_of(ctx).save_cache()
        if standalone_mode:
            sys.exit(code)
        return code


def _decode_argument(word: str) -> str:
    """An argument as UTF-8, even if the locale is ASCII; the name of an existing file may be any bytes."""
    try:
        return word.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        if Path(word).exists():
            return word
        raise UsageError(f"{word!r} is not text in UTF-8") from None


def _asks_for_events(words: Sequence[str]) -> bool:
    """Whether `--progress events` is given, even if the rest of the call is wrong."""
    chosen = ""
    for index, word in enumerate(words):
        if word == "--":
            break
        if word == "--progress":
            chosen = "".join(words[index + 1 : index + 2])
        elif word.startswith("--progress="):
            chosen = word.partition("=")[2]
    return chosen == "events"


def _report_bug(streams: Streams, error: Exception) -> None:
    """A bug in dbjobs: its type and message, and the traceback if DBJOBS_DEBUG is set."""
    if os.environ.get("DBJOBS_DEBUG"):
        import traceback

        streams.show("".join(traceback.format_exception(error)))
    message = f"this is a bug in dbjobs {__version__}: {type(error).__name__}: {error}"
    streams.fail(DbjobsError(message, hint="DBJOBS_DEBUG=1 shows where; please report it"))


app = typer.Typer(
    cls=Root,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT_SETTINGS,
)


def _print_version(is_given: bool) -> None:
    if is_given:
        typer.echo(f"dbjobs {__version__}")
        raise typer.Exit


def _print_reference(is_given: bool) -> None:
    if is_given:
        import json

        from dbjobs.cli.reference import describe_program

        typer.echo(json.dumps(describe_program(main), indent=2, ensure_ascii=False))
        raise typer.Exit


@app.callback()
def dbjobs(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    help_all: Annotated[
        bool,
        typer.Option(
            "--help-all",
            callback=_print_reference,
            is_eager=True,
            help="Print every command, option, exit code and example as one JSON document.",
        ),
    ] = False,
) -> None:
    """Trigger Databricks job runs and watch them to the end.

    \b
    Start here:
      dbjobs demo                             watch a real run, on this machine
      dbjobs profiles add prod                connect to your own workspace
      dbjobs runs now nightly --wait          start a job, exit with its outcome
      dbjobs runs submit -f run.yaml --wait   the same without a job
    """


main = get_command(app)
"""The entry point `dbjobs`."""
