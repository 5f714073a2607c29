"""Lines of source code with the shape that each one leaves beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from convlens.network.arithmetic import Shape
from convlens.network.layers.notation import Call

_WIDEST = 60
"""Lines longer than this do not push the comments of all others to the right."""


@dataclass(frozen=True)
class Line:
    """One line of code and what is said of it."""

    code: str
    comment: str = ""


def render(lines: Sequence[Line], indent: int) -> str:
    """Lay lines out under one another, the comments in one column.

    >>> print(render([Line("nn.Conv2d(1, 8, 3),", "8 x 26 x 26"), Line("nn.ReLU(),")], 4))
        nn.Conv2d(1, 8, 3),  # 8 x 26 x 26
        nn.ReLU(),
    """
    widths = [len(line.code) for line in lines if line.comment]
    column = max((width for width in widths if width <= _WIDEST), default=0)
    return "\n".join(
        " " * indent + (f"{line.code:<{column}}  # {line.comment}" if line.comment else line.code)
        for line in lines
    )


def shape_comment(shape: Shape) -> str:
    """Write a shape for a comment.

    >>> shape_comment((32, 13, 13))
    '32 x 13 x 13'
    """
    return " x ".join(map(str, shape))


def pair(value: tuple[int, int]) -> str:
    """Write a pair as a number where both are one.

    >>> pair((3, 3)), pair((3, 5))
    ('3', '(3, 5)')
    """
    return str(value[0]) if value[0] == value[1] else str(value)


def call(function: str, *arguments: str, **settings: str | None) -> str:
    """Write a call, leaving settings out that are None.

    >>> call("nn.Conv2d", "1", "8", "3", padding="1", stride=None)
    'nn.Conv2d(1, 8, 3, padding=1)'
    """
    named = [f"{key}={value}" for key, value in settings.items() if value is not None]
    return f"{function}({', '.join([*arguments, *named])})"


def made(library: str, layer: Call) -> str:
    """Write the call that makes a layer; `library` is empty for a class of the script's own.

    >>> made("layers", Call("Activation", ("gelu",)))
    'layers.Activation("gelu")'
    """
    arguments = map(_literal, layer.arguments)
    settings = {name: _literal(value) for name, value in layer.settings.items()}
    return call(f"{library}.{layer.name}".lstrip("."), *arguments, **settings)


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str | dict) else repr(value)


def file_name(name: str) -> str:
    """Return a name that can be a file's: letters, digits, ".", "_" and "-".

    >>> file_name("20250131 / my run")
    '20250131-my-run'
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.") or "model"
