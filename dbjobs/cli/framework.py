"""Typer's commands with the conventions of dbjobs.

- A group loads a verb's module when the verb is asked for, so a call pays for one command.
- Every command takes the global options, so they may be given before or after its name.
- A parameter whose type is a dataclass is a group of options, one per field, so that
  commands share whole groups.
- Help is plain text in the manner of gh and kubectl: it comes at once, at any width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from inspect import getdoc
from shutil import get_terminal_size
from typing import Any, ClassVar, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from dbjobs.cli.context import App
from dbjobs.cli.global_options import GLOBAL_SECTION, global_params, read_global_options
from dbjobs.cli.parameters import make_params

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}

ParserError: Any = typer.BadParameter.__base__
"""Typer exports BadParameter alone, and brings its own Click from 0.26 on."""

MAX_HELP_WIDTH = 100
TWO_COLUMN_WIDTH = 66
"""From this width on, names and descriptions are side by side."""


def app_of(ctx: typer.Context) -> App:
    """The call's App, made of the global options wherever they are on the line."""
    root: Any = ctx.find_root()
    if root.obj is None:
        words = tuple(root.command.words)
        root.obj = App(read_global_options(ctx), has_events=root.command.has_events, words=words)
    app: App = root.obj
    return app


def options_given(ctx: typer.Context, group: type) -> list[str]:
    """Those options of a group that are on the command line, such as `--timeout`."""
    names = {field.name for field in fields(group)}
    return [
        param.opts[0]
        for param in ctx.command.params
        if param.name in names and getattr(ctx.get_parameter_source(param.name), "name", "") == "COMMANDLINE"
    ]


class Command(TyperCommand):
    """A verb: a function that takes the context and the parameters that it declares."""

    def __init__(self, name: str, function: Callable[..., None]) -> None:
        made = make_params(function)
        params = [param for param, _ in made.values()]
        super().__init__(
            name,
            params=[*params, *_missing_global_params(params)],
            help=getdoc(function),
            # extra arguments are refused by parse_args, which suggests what to type instead
            context_settings={**CONTEXT_SETTINGS, "allow_extra_args": True},
            rich_markup_mode=None,
        )
        self._function = function
        self._converters = {name: converter for name, (_, converter) in made.items()}

    def invoke(self, ctx: Any) -> None:
        values = {}
        for name, value in ctx.params.items():
            converter = self._converters[name]
            values[name] = converter(value) if converter else value
        for name, annotation in get_type_hints(self._function).items():
            if is_dataclass(annotation):
                group: Any = annotation
                values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        self._function(ctx, **values)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            rest = super().parse_args(ctx, args)
        except ParserError as error:
            error.ctx = error.ctx or ctx  # some errors do not say which command they are about
            raise
        if ctx.args and not ctx.resilient_parsing:
            from dbjobs.cli.usage_errors import unexpected_arguments

            raise unexpected_arguments(ctx, ctx.args)
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`JOB`, where some versions of Typer write `{JOB}`."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def get_help(self, ctx: Any) -> str:
        ctx.terminal_width = _help_width()
        return super().get_help(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _format_params(self, ctx, formatter)


class Group(TyperGroup):
    """A noun; its verbs are modules of its package, each with a function `command` or a `group`."""

    modules: ClassVar[Mapping[str, str]] = {}
    """by verb, the modules that have another name"""

    def __init__(self, package: str, verbs: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**{"context_settings": CONTEXT_SETTINGS, "rich_markup_mode": None, **kwargs})
        self.package = package
        self.verbs = verbs
        self.params += _missing_global_params(self.params)

    def get_help(self, ctx: Any) -> str:
        ctx.terminal_width = _help_width()
        return super().get_help(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in self.verbs and cmd_name not in self.commands:
            name = self.modules.get(cmd_name, cmd_name.replace("-", "_"))
            module = import_module(f"{self.package}.{name}")
            self.commands[cmd_name] = getattr(module, "group", None) or Command(cmd_name, module.command)
        return self.commands.get(cmd_name)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A noun alone shows its help."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the first word; what works instead, if there is none."""
        verb, *rest = args
        command = self.get_command(ctx, verb)
        if command is None and not ctx.resilient_parsing:
            from dbjobs.cli.usage_errors import unknown_command

            raise unknown_command(ctx, args, self.verbs)
        return verb if command else None, command, rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        commands = {verb: self.get_command(ctx, verb) for verb in self.verbs}
        with formatter.section("Commands"):
            _write_list(
                formatter,
                [(verb, str(command.help or "").partition("\n")[0]) for verb, command in commands.items()],
            )
        _format_params(self, ctx, formatter)


def _missing_global_params(params: list[Any]) -> list[Any]:
    """The global options, but for those that a command declares itself."""
    own = {name for param in params for name in param.opts}
    return [param for param in global_params() if own.isdisjoint(param.opts)]


def _help_width() -> int:
    """That of the terminal, within limits; Click's own would never be below 50."""
    return max(min(get_terminal_size().columns, MAX_HELP_WIDTH), 20)


def section_of(param: Any) -> str | None:
    """The section of help that an option belongs to; --help is a global option, though it is not declared."""
    return GLOBAL_SECTION if "--help" in param.opts else getattr(param, "rich_help_panel", None)


def _format_params(command: Any, ctx: Any, formatter: Any) -> None:
    """Arguments, the command's own options, then those that come in groups."""
    sections: dict[str, list[Any]] = {"Arguments": [], "Options": []}
    for param in command.get_params(ctx):
        is_argument = param.param_type_name == "argument"
        section = section_of(param) or ("Arguments" if is_argument else "Options")
        if record := param.get_help_record(ctx):
            sections.setdefault(section, []).append(record)
    for title, records in sections.items():
        if records:
            with formatter.section(title):
                _write_list(formatter, records)


def _write_list(formatter: Any, records: list[tuple[str, str]]) -> None:
    """Write each description beside its name, or below it if the terminal is narrow."""
    formatter.write_dl(records, col_max=30 if formatter.width >= TWO_COLUMN_WIDTH else 12)
