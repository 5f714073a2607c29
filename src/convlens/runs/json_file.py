"""Read texts that may be torn, huge, nested without end, or not JSON at all."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from convlens.foundation.documents import parse_json
from convlens.foundation.errors import RunError

MAX_BYTES = 16_000_000
MAX_METRICS_BYTES = 256_000_000


def text_of(path: Path, content: bytes) -> str:
    """Decode the content of `path`, UTF-8; raises `RunError`."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise RunError(
            f"{path} is damaged: {error}", "UTF-8 text", "restore the file, or train again"
        ) from None


def object_of(path: Path, content: bytes) -> dict[str, Any]:
    """Parse the content of `path`, one strict JSON object; raises `RunError`."""
    try:
        return parse_object(text_of(path, content))
    except ValueError as error:
        raise RunError(
            f"{path} is damaged: {error}", "one JSON object", "restore the file, or train again"
        ) from None


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
    parsed = parse_json(text)
    if not isinstance(parsed, dict):
        raise ValueError(f"it holds a {type(parsed).__name__}, not an object")  # noqa: TRY004
    return parsed


def cannot_read(path: Path, error: OSError) -> RunError:
    """Turn an `OSError` met while reading a file of a run into what the user should see."""
    if error.errno == errno.ENOENT:
        return RunError(
            f"{path} is missing", "a complete run folder", "restore the file, or train again"
        )
    return RunError(
        f"{path} cannot be read: {error.strerror}", "a readable file", "restore the file"
    )
