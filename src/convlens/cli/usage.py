"""Mistakes on the command line itself, in the same three parts as every other error.

Typer finds an unknown option, a missing argument or a value of the wrong type before a command
begins, and has a form of its own for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from convlens.foundation.errors import InputError, nearest

# Typer 0.29 brings its own copy of click, earlier ones use the package: this names either
UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError"
)

_KINDS = {"int": "a whole number", "number": "a number", "float": "a number", "bool": "yes or no"}
"""What a value should be, by a word of Typer's own message."""


def call(app: typer.Typer, arguments: Sequence[str], name: str) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    app : Typer
        The command.
    arguments : sequence of str
        What was typed after its name.
    name : str
        What it is called in its help, such as "convlens train".

    Raises
    ------
    InputError
        The arguments do not fit the command.
    """
    try:
        code = app(args=list(arguments), prog_name=name, standalone_mode=False)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.ctx.get_help(), err=True)  # type: ignore[attr-defined]
            return 2
        raise explain(error, arguments, name) from None
    except typer.Abort:
        return 130
    return code if isinstance(code, int) else 0


def explain(error: Any, arguments: Sequence[str], name: str) -> InputError:
    """Turn Typer's error about `arguments` into the three parts; `name` is the command's."""
    command = error.ctx.command_path if getattr(error, "ctx", None) else name
    see = f"see {command} --help"
    kind = type(error).__name__
    message = error.format_message().strip().removesuffix(".")
    if kind == "NoSuchOption":
        known = _options(error)
        return InputError(
            f"{command} has no option {error.option_name}{nearest(error.option_name, known)}",
            "one of " + ", ".join(known),
            f"correct the spelling; {see}",
        )
    if kind == "MissingParameter":
        parameter = _name(error.param)
        return InputError(f"{parameter} is missing", f"a value for {parameter}", f"add it; {see}")
    if kind == "BadOptionUsage":
        return InputError(
            f"{error.option_name} stands without its value",
            f"{error.option_name} and a value",
            f"write the value after it; {see}",
        )
    if kind == "BadParameter" and error.param is not None:
        parameter = _name(error.param)
        typed = _typed(error.param, arguments)
        what = f"{parameter} is {typed!r}" if typed is not None else f"{parameter} is not usable"
        return InputError(what, _expected(error), f"change {parameter}; {see}")
    return InputError(message[:1].lower() + message[1:], "arguments as its help shows them", see)


def _options(error: Any) -> list[str]:
    parameters = error.ctx.command.get_params(error.ctx) if error.ctx else []
    return [word for p in parameters for word in p.opts if word.startswith("--")]


def _name(parameter: Any) -> str:
    options = [word for word in parameter.opts if word.startswith("-")]
    return str(options[0] if options else parameter.metavar or parameter.name.upper())


def _typed(parameter: Any, arguments: Sequence[str]) -> str | None:
    """Return what was typed as an option's value, or None where that is not known."""
    for place, word in enumerate(arguments):
        option, equals, value = word.partition("=")
        if option in parameter.opts:
            if equals:
                return value
            return arguments[place + 1] if place + 1 < len(arguments) else None
    return None


def _expected(error: Any) -> str:
    """Say what values a parameter takes."""
    message = str(error.message).strip().removesuffix(".")
    low, high = getattr(error.param, "min", None), getattr(error.param, "max", None)
    words = (text for word, text in _KINDS.items() if word in message)
    kind = "a number" if low is not None or high is not None else None
    kind = next(words, kind)
    if kind is None:
        return message.removeprefix("Input should be ")
    if low is not None and high is not None:
        return f"{kind} from {low} to {high}"
    if low is not None:
        return f"{kind} of at least {low}"
    return kind if high is None else f"{kind} of at most {high}"
