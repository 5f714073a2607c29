"""Open the files that people name: regular files only, and never a wait.

A pipe keeps its reader waiting for a writer, a device may have no end, and a folder has no bytes.
Every such path is an `OSError` here, like a file that is missing, so that whoever opens a file
handles one kind of error.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
)
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def open_file(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file for reading, in binary.

    Parameters
    ----------
    path : path
        What someone named; may be anything.

    Raises
    ------
    OSError
        It is missing, not readable, or no regular file; `strerror` says what it is instead.

    Examples
    --------
    >>> open_file(".")
    Traceback (most recent call last):
    OSError: [Errno 22] it is a folder: '.'
    """
    try:
        _require_regular(os.stat(path).st_mode, path)  # noqa: PTH116 - a str has no method stat
        # between the two calls a pipe may take the file's place: O_NONBLOCK opens it without a wait
        descriptor = os.open(path, _FLAGS)
    except ValueError:
        raise OSError(errno.EINVAL, "the path holds a NUL character", os.fspath(path)) from None
    try:
        _require_regular(os.fstat(descriptor).st_mode, path)
        return open(descriptor, "rb")  # noqa: PTH123 - a descriptor, not a path
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a whole regular file of at most `most` bytes.

    Raises
    ------
    OSError
        As `open_file`; with the number `EFBIG` where the file is larger.
    """
    with open_file(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", os.fspath(path))
    return content


def is_file(path: Path) -> bool:
    """Tell whether a path leads to a regular file; a path that no system takes leads nowhere."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _require_regular(mode: int, path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(mode):
        kind = next((text for test, text in _KINDS if test(mode)), "it is no regular file")
        raise OSError(errno.EINVAL, kind, os.fspath(path))
