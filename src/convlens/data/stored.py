"""Images that stay in a file, read a few at a time by their rows.

The file is read by position, not mapped: pages of a mapping count as the process's memory until
the kernel takes them back, and a mapped file that is cut short kills whoever touches it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convlens.foundation.errors import DataError

SPAN_BYTES = 4 * 2**20
"""Most bytes read in one piece, rows between the wanted ones included."""

GAP_BYTES = 64 * 2**10
"""A gap up to this size between two wanted rows is read over: faster than a second read."""


class PixelFile:
    """A `.npy` file of uint8 images `(N, C, H, W)`, open for reading.

    It stays readable until this object is gone, also when the file is removed meanwhile.

    Raises
    ------
    DataError
        Where it is no such file, or not as long as it says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()  # the position is one for all threads
        try:
            self._file = io.FileIO(path)
            version = np.lib.format.read_magic(self._file)
            if version != (1, 0):
                raise ValueError(f"version {version}")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(self._file)
        except (OSError, ValueError) as error:
            raise _damaged(path, str(error)) from None
        if dtype != np.uint8 or fortran or len(shape) != 4:
            raise _damaged(path, f"{dtype} of shape {shape}")
        self.shape: tuple[int, int, int, int] = shape
        self.row_bytes = int(np.prod(shape[1:]))
        self._start = self._file.tell()
        if self._file.seek(0, io.SEEK_END) != self._start + shape[0] * self.row_bytes:
            raise _damaged(path, "it is not as long as it says")

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def span(
        self, first: int, count: int, into: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Read `count` rows from `first` on, uint8 `(count, C, H, W)`.

        Parameters
        ----------
        into : uint8 array (n, C, H, W), optional
            Takes them, n at least `count`: new memory for every span costs as much as the reading.

        Raises
        ------
        DataError
            Where the file has become shorter.
        """
        if into is None:
            into = np.empty((count, *self.shape[1:]), np.uint8)
        images = into[:count]
        left = images.data.cast("B")
        with self._lock:
            self._file.seek(self._start + first * self.row_bytes)
            while left:
                got = self._file.readinto(left)
                if not got:
                    raise _damaged(self.path, "it has become shorter")
                left = left[got:]
        return images

    def rows(self, wanted: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read rows in any order, uint8 `(n, C, H, W)`; near ones are read together."""
        images = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        order = np.argsort(wanted, kind="stable")
        ascending = wanted[order]
        gap = max(1, GAP_BYTES // self.row_bytes)
        most = max(1, SPAN_BYTES // self.row_bytes)
        borders = np.flatnonzero(np.diff(ascending) > gap) + 1
        for piece in np.split(np.arange(len(wanted)), borders):
            done = 0
            while done < len(piece):
                first = int(ascending[piece[done]])
                end = int(np.searchsorted(ascending[piece], first + most))
                numbers = ascending[piece[done:end]]
                span = self.span(first, int(numbers[-1]) - first + 1)
                images[order[piece[done:end]]] = span[numbers - first]
                done = end
        return images

    def parts(self, wanted: Sequence[NDArray[np.int64]]) -> list[NDArray[np.uint8]]:
        """Read several ascending selections of rows in one pass through the file.

        Two threads take turns: one reads while the other hands out what it has read.

        Returns
        -------
        list of uint8 arrays (n, C, H, W)
            The images of each selection.
        """
        parts = [np.empty((len(rows), *self.shape[1:]), np.uint8) for rows in wanted]
        step = max(1, SPAN_BYTES // self.row_bytes)
        turns = iter(range(0, self.shape[0], step))

        def read() -> None:
            buffer = np.empty((min(step, self.shape[0]), *self.shape[1:]), np.uint8)
            for first in turns:
                last = min(first + step, self.shape[0])
                borders = [np.searchsorted(rows, (first, last)) for rows in wanted]
                if all(low == high for low, high in borders):
                    continue
                span = self.span(first, last - first, buffer)
                for images, rows, (low, high) in zip(parts, wanted, borders, strict=True):
                    # the rows lie inside; mode="raise" would copy the output once more
                    np.take(span, rows[low:high] - first, axis=0, out=images[low:high], mode="clip")

        with ThreadPoolExecutor(2, thread_name_prefix="read") as threads:
            for done in [threads.submit(read) for _ in range(2)]:
                done.result()
        return parts


class StoredImages:
    """Rows of a `PixelFile` that read like a uint8 array `(N, C, H, W)`.

    An index on the first axis (a number, a slice, an array of numbers or a mask) reads those
    images and gives an ordinary array; further indices apply to that.

    Parameters
    ----------
    file : PixelFile
        Where the pixels are.
    index : int64 array (N,)
        Which rows, in which order.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, file: PixelFile, index: NDArray[np.int64]) -> None:
        self.file, self.index = file, index

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """`(N, C, H, W)`."""
        return (len(self.index), *self.file.shape[1:])

    @property
    def nbytes(self) -> int:
        """Bytes that all of them would take in memory."""
        return len(self.index) * self.file.row_bytes

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        """Read images."""
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        rows = np.asarray(self.index[first], np.int64)
        if rows.ndim == 0:
            image: NDArray[np.uint8] = self.file.span(int(rows), 1)[0][rest]
            return image
        images: NDArray[np.uint8] = self.file.rows(rows)[(slice(None), *rest)]
        return images

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of them, for whoever needs an array and has the memory."""
        return np.asarray(self.file.rows(self.index), dtype)

    def take(self, index: ArrayLike) -> StoredImages:
        """Return some of these images, still in their file."""
        return StoredImages(self.file, self.index[np.asarray(index, np.int64)])


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(
        f"the stored images {path} cannot be read: {reason}",
        "the file as convlens wrote it",
        f"remove {path.parent} and run the command again: they are decoded anew",
    )
