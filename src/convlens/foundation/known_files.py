"""Files whose content is known before they are here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from convlens.foundation import atomic

MAX_BYTES = 200_000_000
"""The largest file whose length is not published."""


@dataclass(frozen=True)
class File:
    """One file as its authors publish it.

    Parameters
    ----------
    name : str
        Its name, on every mirror.
    known_hash : str
        "sha256:..." or "md5:...", whichever is published; of a sha256 perhaps only how it begins.
    bytes : int or None
        Its length, where it is published.
    members : tuple of str
        What to unpack, where it is an archive; empty where it is none.
    most : int
        The largest length that is accepted where `bytes` is not published.
    """

    name: str
    known_hash: str
    bytes: int | None = None
    members: tuple[str, ...] = ()
    most: int = MAX_BYTES

    def is_at(self, path: Path) -> bool:
        """Say whether the file lies at a path, with the published hash.

        Raises
        ------
        RunError, StorageError
            Where what lies there cannot be read.
        """
        try:
            return path.is_file() and self._is_right(path)
        except OSError as error:
            raise atomic.explain(error, path) from error

    def _is_right(self, path: Path) -> bool:
        algorithm, _, known = self.known_hash.partition(":")
        return file_hash(path, algorithm).startswith(known)


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """Return the hash of a file's content in hexadecimal digits; raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
