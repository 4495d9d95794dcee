"""Parameters of commands as Typer makes them from their declarations, alike in all its versions."""

from collections.abc import Callable
from copy import copy
from dataclasses import is_dataclass
from typing import Any

import typer
from typer.main import get_click_param
from typer.utils import get_params_from_function

Params = dict[str, tuple[Any, Callable[[Any], Any] | None]]
"""By name, each with what converts its value, if anything does."""


def make_params(source: Any) -> Params:
    """The parameters that a function, or a dataclass of options, declares.

    A parameter whose type is a dataclass is replaced by the fields of that.
    """
    params: Params = {}
    for name, declared in get_params_from_function(source).items():
        if is_dataclass(declared.annotation):
            params |= make_params(declared.annotation)
        elif declared.annotation is not typer.Context:
            param: Any
            param, converter = get_click_param(declared)
            # Click 8.4, used before Typer 0.26, empties the help of arguments
            param.help = param.help or declared.default.help
            choices = getattr(param.type, "choices", ())
            is_number = param.type.name.startswith(("int", "float"))
            values = "|".join(str(getattr(choice, "value", choice)) for choice in choices)
            param.metavar = param.metavar or values or ("N" if is_number else None)
            if is_number or choices:
                param.type = _with_own_message(param.type)
            params[name] = param, converter
    return params


def _with_own_message(param_type: Any) -> Any:
    """The type of a parameter, with a message of our own for a value that it does not take."""

    def convert(value: Any, param: Any, ctx: Any) -> Any:
        try:
            return param_type.convert(value, param, ctx)
        except typer.BadParameter:
            from dbjobs.cli.usage_errors import refused_value

            raise typer.BadParameter(refused_value(param_type, value), ctx=ctx, param=param) from None

    explaining = copy(param_type)
    explaining.convert = convert
    return explaining
