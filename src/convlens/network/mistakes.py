"""Mistakes in a written network, and changes of it that remove them.

A change is data: it can be applied to the network as it was written, and what an error
advises is the text of a change that the code has applied and tried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convlens.foundation.errors import NetworkError

Path = tuple[str | int, ...]
"""Keys and indices that lead to a place of a written network: `("layers", 3, "residual", 1)`."""

MOST_SHOWN = 8
"""Mistakes that a message prints; the others are counted."""

Written = dict[str, Any]


@dataclass(frozen=True)
class Put:
    """Give one key of the network another value: `classes`, `input` or `rounding`."""

    key: str
    value: Any


@dataclass(frozen=True)
class Splice:
    """Replace some layers of one list by others.

    Parameters
    ----------
    at : Path
        Where the list stands, such as `("layers", 3, "residual")`.
    start : int
        Index of the first layer that goes.
    removed : int
        How many layers go; 0 inserts before `start`.
    inserted : tuple of dict
        The written layers that come.
    """

    at: Path
    start: int
    removed: int
    inserted: tuple[Written, ...] = ()


@dataclass(frozen=True)
class Drop:
    """Take one key out of the network."""

    key: str


Change = Put | Drop | Splice


@dataclass(frozen=True)
class Advice:
    """What to do about a mistake: the changes, applied in this order, and their text."""

    changes: tuple[Change, ...]
    text: str


@dataclass(frozen=True)
class Mistake:
    """One mistake of a written network.

    Parameters
    ----------
    at : Path
        Where it stands.
    kind : str
        A word for programs, such as "unknown_kind".
    what, expected : str
        The first two parts of its message; `what` does not repeat the place.
    advice : tuple of Advice
        The third part. Each has been tried: it removes this mistake.
    fix : str
        A further remedy, which is no change of the network.
    subject : str
        What stands there, said after the place: `"conv2", conv (8 of 3x3) on 1x28x28`.
    line : int, optional
        Its line in the user's file.
    """

    at: Path
    kind: str
    what: str
    expected: str = ""
    advice: tuple[Advice, ...] = ()
    fix: str = ""
    subject: str = ""
    line: int | None = None

    @property
    def to_do(self) -> str:
        """The third part of the message."""
        texts = [*(advice.text for advice in self.advice), self.fix]
        return "; or ".join(text for text in texts if text)

    @property
    def message(self) -> str:
        """The first part with its place: `layer 2 (line 9) "conv1": ...`."""
        place = f"{place_text(self.at, self.line)} {self.subject}".strip()
        return f"{place}: {self.what}" if place else self.what

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        written = {
            "at": list(self.at),
            "kind": self.kind,
            "what": self.message,
            "expected": self.expected,
            "fix": self.to_do,
        }
        return written if self.line is None else {**written, "line": self.line}


class NetworkMistakes(NetworkError):
    """A network with one or more mistakes, all of which are told at once.

    Parameters
    ----------
    mistakes : sequence of Mistake
        At least one.
    where : str
        The file, or an empty string.
    """

    def __init__(self, mistakes: Sequence[Mistake], where: str = "") -> None:
        self.mistakes = tuple(mistakes)
        before = f"{where}: " if where else ""
        if len(self.mistakes) == 1:
            (only,) = self.mistakes
            super().__init__(before + only.message, only.expected, only.to_do)
            return
        shown = [_indented(mistake) for mistake in self.mistakes[:MOST_SHOWN]]
        if len(self.mistakes) > MOST_SHOWN:
            shown.append(f"  and {len(self.mistakes) - MOST_SHOWN} more")
        super().__init__("\n".join([f"{before}{len(self.mistakes)} mistakes", *shown]))

    def within(self, where: str, lines: Mapping[Path, int] | None = None) -> NetworkMistakes:
        """Return the same mistakes with their file and their lines in it."""
        return NetworkMistakes(
            [replace(one, line=line_of(one.at, lines or {})) for one in self.mistakes], where
        )

    def details(self) -> dict[str, Any]:
        return {"mistakes": [mistake.to_dict() for mistake in self.mistakes]}


def _indented(mistake: Mistake) -> str:
    lines = [mistake.message]
    if mistake.expected:
        lines.append(f"  expected: {mistake.expected}")
    if mistake.to_do:
        lines.append(f"  to do: {mistake.to_do}")
    return "\n".join("  " + line for line in lines)


def place_text(at: Path, line: int | None = None) -> str:
    """Say where a layer stands, counted as the file does; empty where it is no layer.

    >>> place_text(("layers", 4, "residual", 1, "kernel"), 12)
    'layer 2 of residual in layer 5 (line 12)'
    >>> place_text(("layers", 0, "branches", 1, 2))
    'layer 3 of branch 2 in layer 1'
    >>> place_text(("input",), 2)
    'line 2'
    """
    text, branch = "", ""
    for part in at:
        if isinstance(part, str):
            branch = "repeat" if part == "layers" else part
        elif branch == "branches":
            branch = f"branch {part + 1}"
        elif text:
            text = f"layer {part + 1} of {branch} in {text}"
        else:
            text = f"layer {part + 1}"
    if line is None:
        return text
    return f"{text} (line {line})" if text else f"line {line}"


def line_of(at: Path, lines: Mapping[Path, int]) -> int | None:
    """Return the line of a place, or of the nearest one around it."""
    while at:
        if at in lines:
            return lines[at]
        at = at[:-1]
    return None


def changed(written: Mapping[str, Any], changes: Sequence[Change]) -> Written:
    """Apply changes to a network as it was written; the original stays.

    >>> network = {"input": [1, 8, 8], "layers": [{"linear": 10}]}
    >>> changed(network, [Splice(("layers",), 0, 0, ({"flatten": True},))])["layers"]
    [{'flatten': True}, {'linear': 10}]
    """
    document = dict(written)
    for change in changes:
        if isinstance(change, Put):
            document[change.key] = change.value
        elif isinstance(change, Drop):
            document.pop(change.key, None)
        else:
            document = _spliced(document, change.at, change)
    return document


def _spliced(written: Any, at: Path, change: Splice) -> Any:
    """Return a copy of what a path leads through, with the list at its end spliced."""
    if not at:
        layers = list(written)
        layers[change.start : change.start + change.removed] = change.inserted
        return layers
    key, *rest = at
    copy = dict(written) if isinstance(written, Mapping) else list(written)
    inner = copy.get(key, []) if isinstance(copy, dict) else copy[int(key)]
    copy[key] = _spliced(inner, tuple(rest), change)  # type: ignore[index]
    return copy


def layer_text(written: Mapping[str, Any]) -> str:
    """Write a layer as in a network file.

    >>> layer_text({"conv": 32, "kernel": [3, 5], "bias": False})
    '{ conv = 32, kernel = [3, 5], bias = false }'
    >>> layer_text({"residual": [{"relu": True}]})
    '{ residual = [ { relu = true } ] }'
    """
    pairs = ", ".join(f"{key} = {value_text(value)}" for key, value in written.items())
    return f"{{ {pairs} }}"


def layers_text(layers: Sequence[Mapping[str, Any]]) -> str:
    """Write layers one after the other; of a long list only the ends.

    >>> layers_text([{"relu": True}, {"flatten": True}])
    '{ relu = true }, { flatten = true }'
    """
    if len(layers) <= 6:
        return ", ".join(map(layer_text, layers))
    return f"{layers_text(layers[:3])}, ..., {layers_text(layers[-2:])}"


def value_text(value: object) -> str:
    """Write a value as in a network file, shortened where it is long.

    >>> value_text("same"), value_text([1, 28, 28]), value_text(True)
    ('"same"', '[1, 28, 28]', 'true')
    """
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, dict) for item in value):
            text = layers_text(value)
            return f"[ {text} ]" if len(text) <= 200 else "[ ... ]"
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, dict):
        return layer_text(value)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # a date, an object, a number of 5,000 digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
