"""The errors for wrong calls, in our own words: those of the parser differ by its version.

Loaded only when a call is wrong.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dbjobs.cli.suggestions import COMMANDS, OPTIONS, VALUES
from dbjobs.common.nearest import did_you_mean, nearest_names
from dbjobs.errors import UsageError

FILE_ENDINGS = (".yaml", ".yml", ".json")


def explain_parser_error(error: Any) -> UsageError:
    """An error of the parser as one of ours."""
    ctx = error.ctx
    hint = help_call(ctx)
    if hasattr(error, "possibilities") and ctx:
        return unknown_option(ctx, error.option_name)
    param = getattr(error, "param", None)
    if type(error).__name__ == "MissingParameter" and param:
        what = (param.help or "it is required").rstrip(".")
        return UsageError(f"{display_name(param)} is missing: {what[:1].lower()}{what[1:]}", hint=hint)
    if name := getattr(error, "option_name", None):
        takes_value = "not take" not in error.message
        problem = "needs a value" if takes_value else "takes no value"
        return UsageError(f"{name} {problem}", hint=hint)
    message: str = getattr(error, "message", "") or error.format_message()
    if param:
        return UsageError(f"{display_name(param)}: {message}", hint=hint)
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def help_call(ctx: Any) -> str:
    """The call that shows the help of the command."""
    return f"{ctx.command_path if ctx else 'dbjobs'} --help"


def display_name(param: Any) -> str:
    """`--timeout`, or JOB."""
    is_argument = param.param_type_name == "argument"
    return (param.metavar or "").strip("[].") if is_argument else str(max(param.opts, key=len))


def unknown_option(ctx: Any, option: str) -> UsageError:
    """An option that the command does not have, with what works instead."""
    instead = _suggest_option(ctx, option)
    params = ctx.command.get_params(ctx)
    names = [name for param in params for name in (*param.opts, *param.secondary_opts) if name[:2] == "--"]
    guess = "" if instead else did_you_mean(option, names)
    return UsageError(f"there is no option {option}{guess}", hint=instead or help_call(ctx))


def _suggest_option(ctx: Any, option: str) -> str | None:
    """What works instead of an option that the command does not have, as a sentence."""
    takes = {name for param in ctx.command.params for name in (*param.opts, display_name(param))}
    for candidate in OPTIONS.get(f"{_path(ctx)} {option}") or OPTIONS.get(option, ()):
        first = candidate.replace(",", " ").split()[0]
        if first in takes:
            return f"use {candidate}" if first.startswith("-") else f"use {ctx.command_path} {candidate}"
        if first[0].islower():
            return f"use {candidate}" if first == "dbjobs" else candidate
    return None


def unknown_command(ctx: Any, words: Sequence[str], verbs: Sequence[str]) -> UsageError:
    """A command that does not exist, with what works instead; `words` are those after the noun."""
    verb, path = words[0], _path(ctx)
    problem = f"there is no command {verb!r}"
    similar = nearest_names(verb, verbs)
    if not path and similar and similar[0].startswith(verb):
        verbs_of_noun = getattr(ctx.command.get_command(ctx, similar[0]), "verbs", ())
        if words[1:] and words[1] in verbs_of_noun:
            return UsageError(f"{problem}; did you mean {similar[0]!r}?", hint=help_call(ctx))
    instead = COMMANDS.get(f"{path} {verb}".strip().lower())
    if instead:
        return UsageError(problem, hint=f"use {instead}")
    if not similar:  # another noun may have a similar verb
        root = ctx.find_root().command
        for noun in root.verbs:
            if near := nearest_names(verb, getattr(root.get_command(ctx, noun), "verbs", ())):
                return UsageError(problem, hint=f"use dbjobs {noun} {near[0]}")
    return UsageError(problem + did_you_mean(verb, verbs), hint=help_call(ctx))


def unexpected_arguments(ctx: Any, extra: Sequence[str]) -> UsageError:
    """More arguments than the command takes, with how the first of them may have been meant."""
    first = extra[0]
    options = {name for param in ctx.command.params for name in param.opts}
    path = ctx.command_path
    if "=" in first and "--param" in options:
        instead = f"use -P {first}"
    elif "--file" in options and (first.lower().endswith(FILE_ENDINGS) or Path(first).is_file()):
        instead = f"use {path} -f {first}"
    elif first in ("json", "yaml", "text"):
        instead = f"use -o {first}"
    else:
        takes = [display_name(param) for param in ctx.command.params if param.param_type_name == "argument"]
        instead = f"{path} takes {f'one {takes[0]}' if takes else 'options alone'}"
    return UsageError(f"unexpected argument {first!r}", hint=instead)


def refused_value(param_type: Any, value: Any) -> str:
    """Why a number or a choice does not take a value."""
    choices = [str(getattr(choice, "value", choice)) for choice in getattr(param_type, "choices", ())]
    if choices:
        meant = VALUES.get(str(value).lower())
        guess = f"; use {meant}" if meant in choices else did_you_mean(str(value), choices)
        return f"{value!r} is not one of {', '.join(choices)}{guess}"
    lowest, highest = getattr(param_type, "min", None), getattr(param_type, "max", None)
    bounds = ""
    if lowest is not None:
        bounds = f" of {lowest} or more" if highest is None else f" from {lowest} to {highest}"
    return f"{str(value)!r} is not a whole number{bounds}"


def _path(ctx: Any) -> str:
    """`runs list` of `dbjobs runs list`."""
    return str(ctx.command_path).partition(" ")[2]
