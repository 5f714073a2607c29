"""SVHN's MATLAB 5 files: images `X` `(H, W, C, N)` by columns, labels `y` `(N, 1)`, 10 for 0.

The few kinds of element that such a file holds are read here and nothing else of the format is:
`scipy.io.loadmat` inflates whatever it finds before its size is known, so that a file of a few
megabytes could take gigabytes. Version 7.3 files are HDF5 and are refused.

References
----------
MathWorks, "MAT-File Format", chapter "Level 5 MAT-File Format",
https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf. The set: Netzer et al. 2011,
http://ufldl.stanford.edu/housenumbers/.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from convlens.data.bounded import MAX_BYTES, declared_bytes, opened, read_at_most
from convlens.data.dataset import Split
from convlens.data.decode import shown
from convlens.data.formats.format import Arrays
from convlens.foundation.errors import DataError

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED, _UINT32, _INT32, _INT8 = 14, 15, 6, 5, 1
_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_COMPLEX = 0x0800
_UINT8_CLASS, _NUMERIC_CLASSES = 9, range(6, 16)
_MAX_NAME, _MAX_AXES = 64, 8


@dataclass(frozen=True)
class Mat:
    """SVHN's cropped digits, `train_32x32.mat` and `test_32x32.mat`."""

    def find(self, place: Path) -> dict[str, Path] | None:
        """Return the two files by role, or None unless both are there."""
        files = {part: place / f"{part}_32x32.mat" for part in ("train", "test")}
        return files if all(path.is_file() for path in files.values()) else None

    def read(self, files: Mapping[str, Path], *, limit: int = MAX_BYTES) -> Arrays:
        """Read the two files; see `Format.read`."""
        return Arrays(read_mat(files["train"], limit=limit), read_mat(files["test"], limit=limit))


def read_mat(source: Path | bytes, *, limit: int = MAX_BYTES) -> Split:
    """Read the arrays `X` and `y` of a MATLAB 5 file.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    limit : int
        Largest array, in bytes; checked before it is inflated.

    Returns
    -------
    Split
        Images uint8 `(N, C, H, W)` and labels int64 `(N,)`, label 10 read as 0.

    Raises
    ------
    DataError
        If the file is missing, cut, too large, not MATLAB 5, or holds anything else under these
        names.
    """
    name = "the MATLAB file" if isinstance(source, bytes) else shown(source)
    with opened(source, name) as stream:
        arrays = _Reader(stream, name, limit).arrays({"X", "y"})
    missing = {"X", "y"} - set(arrays)
    if missing:
        raise DataError(
            f"{name} has no {' and no '.join(sorted(missing))}",
            "the images X and the labels y",
            "use train_32x32.mat or test_32x32.mat of SVHN",
        )
    images, labels = arrays["X"], arrays["y"]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[2] not in (1, 3):
        raise DataError(
            f"X of {name} has the type {images.dtype} and the shape {images.shape}",
            "uint8 (H, W, C, N), C = 1 or 3",
            "use the 32x32 files of SVHN",
        )
    if labels.size != max(labels.shape, default=0) or labels.size != images.shape[3]:
        raise DataError(
            f"{name} has {images.shape[3]} images and labels of the shape {labels.shape}",
            "one label per image",
            "fetch it again",
        )
    whole = np.zeros(labels.size, np.int64)
    with np.errstate(invalid="ignore"):  # what is not finite differs from its whole part below
        np.copyto(whole, labels.ravel(), casting="unsafe")
    if (whole != labels.ravel()).any():
        raise DataError(f"y of {name} holds fractions", "whole numbers", "fetch it again")
    whole[whole == 10] = 0
    return Split(np.ascontiguousarray(images.transpose(3, 2, 0, 1)), whole)


class _Inflated(io.RawIOBase):
    """Inflate a zlib stream piece by piece, never more than was asked for."""

    def __init__(self, packed: bytes | bytearray) -> None:
        self.packed = bytes(packed)
        self.inflater = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self.inflater.decompress(self.packed, len(buffer))
        self.packed = self.inflater.unconsumed_tail
        buffer[: len(content)] = content
        return len(content)


class _Reader:
    """Walk over the elements of one file."""

    def __init__(self, stream: IO[bytes], name: str, limit: int) -> None:
        self.stream, self.name, self.limit = stream, name, limit
        header = stream.read(_HEADER_BYTES)
        self.order = {b"IM": "<", b"MI": ">"}.get(header[126:128], "")
        if not self.order or header[124:126] != (b"\0\1" if self.order == "<" else b"\1\0"):
            raise DataError(
                f"{name} is not a MATLAB 5 file",
                "a .mat file of version 5 to 7 (7.3 is HDF5)",
                "save it in MATLAB with the option -v7",
            )

    def arrays(self, wanted: set[str]) -> dict[str, NDArray[Any]]:
        """Return the wanted arrays of numbers; the rest is passed over without being inflated."""
        arrays: dict[str, NDArray[Any]] = {}
        while set(arrays) < wanted and (tag := self.stream.read(8)):
            kind, size = self._numbers(tag, "u4", 2)
            packed = read_at_most(self.stream, min(size, self.limit + 1))
            if len(packed) != size:
                raise self._damaged("an element ends before its declared size")
            if kind == _COMPRESSED:
                # IO[bytes] is what the rest of this class reads from; BufferedReader is one
                element = cast("IO[bytes]", io.BufferedReader(_Inflated(packed)))
                kind, _ = self._numbers(element.read(8), "u4", 2)
            else:
                element = io.BytesIO(packed)
            if kind == _MATRIX:
                self._matrix(element, wanted, arrays)
        return arrays

    def _matrix(
        self, element: IO[bytes], wanted: set[str], arrays: dict[str, NDArray[Any]]
    ) -> None:
        """Read one matrix into `arrays` where it is wanted: flags, axes, name, numbers."""
        flags = self._numbers(self._small(element, _UINT32, 8), "u4", 2)[0]
        axes = self._small(element, _INT32, 4 * _MAX_AXES)
        shape = tuple(self._numbers(axes, "i4", len(axes) // 4))
        name = self._small(element, _INT8, _MAX_NAME).decode("ascii", "replace")
        if name not in wanted:
            return
        if (flags & 0xFF) not in _NUMERIC_CLASSES or flags & _COMPLEX or min(shape, default=-1) < 0:
            raise self._damaged(f"{name} is not an array of real numbers")
        kind, size, small = self._tag(element)
        if kind not in _NUMBERS:
            raise self._damaged(f"{name} is stored as type {kind}")
        dtype = np.dtype(self.order + _NUMBERS[kind])
        declared = declared_bytes(shape, dtype.itemsize, f"{name} of {self.name}", self.limit)
        content = small[:size] if small else read_at_most(element, declared)
        if size != declared or len(content) != declared:
            raise self._damaged(f"{name} does not fill its shape")
        values = np.frombuffer(content, dtype).reshape(shape, order="F")
        if flags & 0xFF == _UINT8_CLASS and dtype.itemsize > 1:
            raise self._damaged(f"{name} is said to be uint8 and stored as {dtype}")
        arrays[name] = values

    def _small(self, element: IO[bytes], expected: int, most: int) -> bytes:
        """Read one of the short parts that come before a matrix's numbers."""
        kind, size, small = self._tag(element)
        if kind != expected or size > most:
            raise self._damaged("a matrix has no proper head")
        if small:
            return small[:size]
        padded = element.read(-(-size // 8) * 8)
        if len(padded) < size:
            raise self._damaged("it ends inside a matrix")
        return padded[:size]

    def _tag(self, element: IO[bytes]) -> tuple[int, int, bytes]:
        """Read a tag: type, bytes, and the content where it is packed into the tag itself."""
        tag = element.read(8)
        first, second = self._numbers(tag, "u4", 2)
        if first >> 16:  # up to four bytes, kept in the second half of the tag
            return first & 0xFFFF, min(first >> 16, 4), tag[4:8]
        return first, second, b""

    def _numbers(self, content: bytes, dtype: str, count: int) -> list[int]:
        numbers = np.frombuffer(content[: len(content) // 4 * 4], self.order + dtype)
        if len(numbers) < count:
            raise self._damaged("it ends inside an element")
        return [int(number) for number in numbers[:count]]

    def _damaged(self, reason: str) -> DataError:
        return DataError(
            f"{self.name} is damaged: {reason}", "a whole MATLAB 5 file", "fetch it again"
        )
