"""What every format of whole data sets gives: where its files are, and arrays of one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from convlens.data.bounded import MAX_BYTES
from convlens.data.dataset import Split


@dataclass(frozen=True)
class Arrays:
    """What files of a format hold.

    Parameters
    ----------
    train : Split
        Images uint8 `(N, C, H, W)` and labels int64 `(N,)`, numbered from 0.
    test : Split or None
        The same for the test part; None where the format brought one part only.
    classes : tuple of str, optional
        Class names, where the files say them.
    notes : tuple of str
        What a user should know.
    """

    train: Split
    test: Split | None
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


class Format(Protocol):
    """One way to store a set in files."""

    def find(self, place: Path) -> dict[str, Path] | None:
        """Return the set's files by role, or None unless all are at `place`."""

    def read(self, files: Mapping[str, Path], *, limit: int = MAX_BYTES) -> Arrays:
        """Read what `find` found; no array becomes larger than `limit` bytes.

        Raises
        ------
        DataError
            Where a file is damaged, too large, or of another format.
        """


def first_file(folder: Path, names: list[str]) -> Path | None:
    """Return the first of the names that is a file in the folder, or None."""
    return next((folder / name for name in names if (folder / name).is_file()), None)
