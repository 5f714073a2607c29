"""Read JSON that may be torn, huge, nested without end, or not JSON at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from convlens.errors import RunError

MAX_BYTES = 16_000_000


def read_object(path: Path) -> dict[str, Any]:
    """Read the JSON object in `path`.

    Raises
    ------
    RunError
        The file is missing, larger than `MAX_BYTES`, or not one strict JSON object in UTF-8.
    """
    text = read_text(path)
    try:
        return parse_object(text)
    except ValueError as error:
        raise RunError(
            f"{path} is damaged: {error}", "one JSON object", "restore the file, or train again"
        ) from error


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """Read UTF-8 text of at most `max_bytes`; raises `RunError`."""
    try:
        if not path.is_file():  # a pipe would keep the reader waiting for ever
            raise RunError(
                f"{path} is missing", "a complete run folder", "restore the file, or train again"
            )
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise RunError(f"{path} is too large", f"at most {max_bytes} bytes", "restore the file")
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(
            f"cannot read {path}: {error}", "a readable UTF-8 file", "restore the file"
        ) from error


def parse_object(text: str) -> dict[str, Any]:
    """Parse one strict JSON object.

    Raises
    ------
    ValueError
        Anything else, NaN and endless nesting included.

    Examples
    --------
    >>> parse_object('{"epoch": 1, "loss": null}')
    {'epoch': 1, 'loss': None}
    >>> parse_object('{"loss": NaN}')
    Traceback (most recent call last):
    ValueError: NaN is not JSON
    """
    try:
        parsed = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(parsed, dict):
        raise ValueError(f"it holds a {type(parsed).__name__}, not an object")  # noqa: TRY004
    return parsed


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
