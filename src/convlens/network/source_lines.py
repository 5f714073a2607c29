"""On which line of a TOML file each key and each layer of a network stands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from convlens.network.mistakes import Path

_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''.*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|[\[\]{},=\n]|[^\s\[\]{},=\#\"']+",
    re.DOTALL,
)


@dataclass
class _Frame:
    """A table or an array that is open."""

    path: Path
    array: bool
    index: int = 0
    key: str | None = None
    """The key whose value is being read, in a table."""


def lines_of(text: str) -> dict[Path, int]:
    r"""Return the line, from 1, of every key and every item of an array of a valid TOML text.

    Examples
    --------
    >>> lines = lines_of('input = [1, 8, 8]\nlayers = [\n  { conv = 8 },\n  { relu = true } ]')
    >>> lines["input",], lines["layers", 0], lines["layers", 1], lines["layers", 1, "relu"]
    (1, 3, 4, 4)
    """
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    top = _Frame((), array=False)
    frames = [top]
    header: list[str] | None = None
    line = 1
    for match in _PIECE.finditer(text):
        piece = match.group()
        frame = frames[-1]
        if piece == "\n":
            if len(frames) == 1:
                if header:
                    top.path = _section(header, counts)
                    lines[top.path] = line
                header, top.key = None, None
        elif piece.startswith("#"):
            pass
        elif header is not None or (piece == "[" and len(frames) == 1 and top.key is None):
            header = [*(header or []), piece]
        elif piece in "]}":
            if len(frames) > 1:
                frames.pop()
        elif piece == ",":
            frame.index, frame.key = frame.index + 1, None
        elif piece != "=":
            if not frame.array and frame.key is None:
                frame.key = piece.strip("\"'")
                lines[(*frame.path, frame.key)] = line
            else:
                place = (*frame.path, frame.index if frame.array else frame.key or "")
                lines.setdefault(place, line)
                if piece in "[{":
                    frames.append(_Frame(place, array=piece == "["))
        line += piece.count("\n")
    return lines


def _section(pieces: list[str], counts: dict[Path, int]) -> Path:
    """Return the path of a header such as `[[layers]]`, counting those of an array."""
    names = [part for piece in pieces if piece not in "[]" for part in piece.split(".") if part]
    path: Path = ()
    for number, name in enumerate(names, start=1):
        path = (*path, name)
        if number == len(names) and pieces[:2] == ["[", "["]:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
