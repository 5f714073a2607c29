"""Settings in messages, shown as the options of the command that runs.

The rooms below the command line know no options. They name a setting as Python writes it, between
backticks: `batch_size=32`. A notebook shows it like that; here it becomes `--batch-size 32`.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Collection, Sequence
from typing import Any

_SETTING = re.compile(r"`([a-z_][a-z0-9_.]*)(?:=([^`]*))?`")

_NAMES = {
    "classes": "--class",
    "input_shape": "--input",
    "layers": "--layer",
    "limits.layers": "--max-layers",
    "limits.parameters": "--max-parameters",
    "limits.side": "--max-side",
    "maps": "--map",
    "methods": "--method",
    "pretrained": "--from",
    "target": "--class",
}
"""Options that are not called what their setting is."""


def of_command(words: Sequence[str]) -> list[str]:
    """Return the options of the command that `words` begin with, such as `data check photos`."""
    from convlens.cli import OLD_NAMES, option_table

    if not words:
        return []
    table = option_table.read()
    first = OLD_NAMES.get(words[0], words[0])
    return table.get(" ".join([first, *words[1:2]]), table.get(first, []))


def as_options(text: str, options: Collection[str]) -> str:
    """Return a message with every setting that is an option written as that option.

    Parameters
    ----------
    text : str
        A message. Settings stand in it as `` `name` `` or `` `name=value` ``.
    options : collection of str
        The options of the command, with their dashes. What is none of them stays as it is.

    Examples
    --------
    >>> as_options("use `batch_size=32`, or add `overwrite=True`", ["--batch-size", "--overwrite"])
    'use --batch-size 32, or add --overwrite'
    >>> as_options("use `input_shape=(1, 28, 28)` or `fit='pad'`", ["--input", "--fit"])
    'use --input 1,28,28 or --fit pad'
    >>> as_options("use `precision='float32'`", ["--set"])  # a setting of the recipe
    'use --set precision=float32'
    >>> as_options("raise `limits.layers`", ["--set"])
    'raise `limits.layers`'
    """

    def option(setting: re.Match[str]) -> str:
        name, value = setting[1], setting[2]
        flag = _NAMES.get(name, "--" + name.replace("_", "-"))
        if flag not in options:
            of_recipe = "--set" in options and value is not None and "." not in name
            return f"--set {name}={_word(value)}" if of_recipe else setting[0]
        if value is None:
            return flag
        if value == "False" and f"--no-{flag[2:]}" in options:
            return f"--no-{flag[2:]}"
        return flag if value == "True" else f"{flag} {_word(value)}"

    return _SETTING.sub(option, text)


def speller(*words: str) -> Callable[[str], str]:
    """Return `as_options` for the options of one command, such as `"data", "check"`."""
    options = of_command(words)
    return lambda text: as_options(text, options)


def in_options(value: Any, options: Collection[str]) -> Any:
    """Return plain JSON in which every text has gone through `as_options`.

    >>> in_options({"fix": "raise `limits.side`", "bytes": 3}, ["--max-side"])
    {'fix': 'raise --max-side', 'bytes': 3}
    """
    if isinstance(value, str):
        return as_options(value, options)
    if isinstance(value, dict):
        return {key: in_options(inner, options) for key, inner in value.items()}
    return [in_options(inner, options) for inner in value] if isinstance(value, list) else value


def _word(value: str) -> str:
    """Return a value of Python as a word of the shell."""
    try:
        read = ast.literal_eval(value)
    except (SyntaxError, ValueError):  # a placeholder, such as PATH
        return value
    parts = read if isinstance(read, tuple | list) else [read]
    return shlex.quote(",".join(map(str, parts)))
