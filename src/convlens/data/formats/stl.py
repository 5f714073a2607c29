"""STL-10: two files per part, pixels by columns and labels from 1.

`train_X.bin` holds the images one after another, each 3 x 96 x 96 bytes with the values of a
channel by *columns* (MATLAB's order); `train_y.bin` one byte per image, 1 to 10. The 100,000 images
without labels (`unlabeled_X.bin`) are not read.

References
----------
A. Coates, H. Lee and A. Y. Ng, https://cs.stanford.edu/~acoates/stl10/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data.bounded import MAX_BYTES, opened, read_records
from convlens.data.dataset import Split
from convlens.data.decode import shown
from convlens.data.formats.format import Arrays

_SIDE = 96


@dataclass(frozen=True)
class Stl:
    """The labelled parts of STL-10."""

    def find(self, place: Path) -> dict[str, Path] | None:
        """Return the four files by role, in the folder or in `stl10_binary` inside it."""
        for folder in (place, place / "stl10_binary"):
            files = {
                f"{part}_{kind}": folder / f"{part}_{letter}.bin"
                for part in ("train", "test")
                for kind, letter in (("images", "X"), ("labels", "y"))
            }
            if all(path.is_file() for path in files.values()):
                return files
        return None

    def read(self, files: Mapping[str, Path], *, limit: int = MAX_BYTES) -> Arrays:
        """Read the four files; see `Format.read`."""
        train, test = (
            Split(
                read_images(files[f"{part}_images"], limit=limit),
                read_labels(files[f"{part}_labels"], limit=limit),
            )
            for part in ("train", "test")
        )
        return Arrays(train, test)


def read_images(source: Path | bytes, *, limit: int = MAX_BYTES) -> NDArray[np.uint8]:
    """Read the images of one part.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    limit : int
        Largest file, in bytes.

    Returns
    -------
    uint8 array (N, 3, 96, 96)
        Upright.

    Raises
    ------
    DataError
        If the file is missing, empty, too large or not a whole number of images.

    Examples
    --------
    >>> import numpy as np
    >>> stored = np.zeros((1, 3, 96, 96), np.uint8)
    >>> stored[0, 0, 5, 2] = 255  # column 5, row 2
    >>> np.argwhere(read_images(stored.tobytes())).tolist()
    [[0, 0, 2, 5]]
    """
    name = "the STL file" if isinstance(source, bytes) else shown(source)
    with opened(source, name) as stream:
        content = read_records(stream, 3 * _SIDE * _SIDE, name, limit)
    columns_first = np.frombuffer(content, np.uint8).reshape(-1, 3, _SIDE, _SIDE)
    return np.ascontiguousarray(columns_first.transpose(0, 1, 3, 2))


def read_labels(source: Path | bytes, *, limit: int = MAX_BYTES) -> NDArray[np.int64]:
    """Read the labels of one part, int64 `(N,)`, numbered from 0.

    Raises
    ------
    DataError
        If the file is missing, empty or too large.

    Examples
    --------
    >>> read_labels(bytes([1, 10, 2]))
    array([0, 9, 1])
    """
    name = "the STL labels" if isinstance(source, bytes) else shown(source)
    with opened(source, name) as stream:
        content = read_records(stream, 1, name, limit)
    return np.frombuffer(content, np.uint8).astype(np.int64) - 1
