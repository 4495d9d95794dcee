"""Typer's commands with the conventions of dbjobs.

- A group loads a verb's module when the verb is asked for, so a call pays for one command.
- Every command takes the global options, so they stand before or after its name.
- A parameter whose type is a dataclass stands for a group of options, one a field, so that
  commands share whole groups.
- Help is plain text in the manner of gh and kubectl: it comes at once, at any width.
"""

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import fields, is_dataclass
from functools import wraps
from importlib import import_module
from shutil import get_terminal_size
from typing import Any, ClassVar, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typer.utils import get_params_from_function

from dbjobs.cli.context import App, GlobalOptions
from dbjobs.cli.global_options import GLOBAL_SECTION, given_options, global_params

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}
COMMAND_SETTINGS = {**CONTEXT_SETTINGS, "allow_extra_args": True}
"""A command refuses extra arguments itself, with how they may have been meant."""

ParserError: Any = typer.BadParameter.__base__
"""Typer exports BadParameter alone, and brings its own Click from 0.26 on."""

MAX_HELP_WIDTH = 100
TWO_COLUMN_WIDTH = 66
"""From this width on, names and descriptions stand side by side."""


def app_of(ctx: typer.Context) -> App:
    """The call's App, made of the global options that stand anywhere on the line."""
    root = ctx.find_root()
    if root.obj is None:
        has_events = getattr(root.command, "has_events", False)
        words = tuple(getattr(root.command, "words", ()))
        root.obj = App(GlobalOptions(**given_options(ctx), has_events=has_events), words=words)
    app: App = root.obj
    return app


def options_given(ctx: typer.Context, group: type) -> list[str]:
    """Those options of a group that stand on the command line, such as `--timeout`."""
    names = {field.name for field in fields(group)}
    return [
        param.opts[0]
        for param in ctx.command.params
        if param.name in names and getattr(ctx.get_parameter_source(param.name), "name", "") == "COMMANDLINE"
    ]


def new_typer(**kwargs: Any) -> typer.Typer:
    """A Typer without options of its own and without decoration."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT_SETTINGS,
        **kwargs,
    )


class Command(TyperCommand):
    """A verb."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _complete_params(self.params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            rest = super().parse_args(ctx, args)
        except ParserError as error:
            error.ctx = error.ctx or ctx  # some errors do not know whose options they are about
            raise
        if ctx.args and not ctx.resilient_parsing:
            from dbjobs.cli.usage_errors import unexpected_arguments

            raise unexpected_arguments(ctx, ctx.args)
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`JOB`, where some versions of Typer write `{JOB}`."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def get_help(self, ctx: Any) -> str:
        ctx.terminal_width = help_width()
        return super().get_help(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _format_params(self, ctx, formatter)


class Group(TyperGroup):
    """A noun; its verbs are modules of its package, each with a function `command` or a group `app`."""

    package: str
    verbs: tuple[str, ...]
    modules: ClassVar[Mapping[str, str]] = {}
    """those whose module has another name than the verb"""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _complete_params(self.params)

    def get_help(self, ctx: Any) -> str:
        ctx.terminal_width = help_width()
        return super().get_help(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in self.verbs and cmd_name not in self.commands:
            self.commands[cmd_name] = self._load(cmd_name)
        return self.commands.get(cmd_name)

    def _load(self, verb: str) -> Any:
        module = import_module(f"{self.package}.{self.modules.get(verb, verb.replace('-', '_'))}")
        app = getattr(module, "app", None) or new_typer()
        if app.registered_callback:
            return get_command(app)
        function = _expand_groups(module.command)
        app.command(verb, cls=Command, context_settings=COMMAND_SETTINGS)(function)
        return _with_help_of_arguments(get_command(app), function)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A noun alone shows what it can do."""
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


def _with_help_of_arguments(command: Any, function: Callable[..., None]) -> Any:
    """Before 0.26 Typer used the Click that is installed, and 8.4 of that empties an argument's help."""
    for param in command.params:
        if param.param_type_name == "argument" and not param.help:
            param.help = get_params_from_function(function)[param.name].default.help
    return command


def help_width() -> int:
    """The terminal's, within reason; of itself, Click never goes below 50."""
    return max(min(get_terminal_size().columns, MAX_HELP_WIDTH), 20)


def _complete_params(params: list[Any]) -> None:
    """Global options that the command has no use of its own for, and the values that a choice takes."""
    taken = {name for param in params for name in param.opts}
    params.extend(param for param in global_params() if taken.isdisjoint(param.opts))
    for param in params:
        values = "|".join(str(getattr(choice, "value", choice)) for choice in _choices_of(param))
        # versions of Typer write these differently
        param.metavar = param.metavar or values or ("N" if _is_number(param) else None)
        if _is_number(param) or _choices_of(param):
            param.type = _with_own_message(param.type)


def _choices_of(param: Any) -> tuple[Any, ...]:
    return tuple(getattr(param.type, "choices", ()))


def _is_number(param: Any) -> bool:
    return bool(param.type.name.startswith(("int", "float")))


def _with_own_message(param_type: Any) -> Any:
    """The type of an option, with a message of our own for a value that it does not take."""
    if "convert" in vars(param_type):  # options of every command are shared
        return param_type
    convert = param_type.convert

    def convert_or_explain(value: Any, param: Any, ctx: Any) -> Any:
        try:
            return convert(value, param, ctx)
        except typer.BadParameter:
            from dbjobs.cli.usage_errors import refused_value

            raise typer.BadParameter(refused_value(param_type, value), ctx=ctx, param=param) from None

    explaining = copy(param_type)
    explaining.convert = convert_or_explain
    return explaining


def section_of(param: Any) -> str | None:
    """The group that an option belongs to; --help, which no one declares, to the global ones."""
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
    """The description stands beside each, or below where there is no room."""
    formatter.write_dl(records, col_max=30 if formatter.width >= TWO_COLUMN_WIDTH else 12)


def _expand_groups(function: Callable[..., None]) -> Callable[..., None]:
    """A function that takes the fields of its dataclasses one by one, as Typer wants them."""
    signature = inspect.signature(function, eval_str=True)
    groups: dict[str, Any] = {
        name: param.annotation
        for name, param in signature.parameters.items()
        if is_dataclass(param.annotation)
    }
    params = [
        expanded.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for param in signature.parameters.values()
        for expanded in (_params_of(groups[param.name]) if param.name in groups else [param])
    ]

    @wraps(function)
    def command(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        function(**values)

    del command.__wrapped__  # what Typer must read is the new signature
    command.__signature__ = signature.replace(parameters=params)  # type: ignore[attr-defined]
    command.__annotations__ = {param.name: param.annotation for param in params}
    return command


def _params_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
