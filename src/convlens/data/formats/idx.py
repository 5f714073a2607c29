"""IDX, the file format of MNIST: a big-endian header, then the bytes of one array.

Four files make a set: images (magic 0x00000803: unsigned bytes, three axes) and labels
(0x00000801), for training and for the test. QMNIST's extended labels (0x00000c02: 32-bit whole
numbers, two axes) have eight numbers per image, the class first. EMNIST's images are transposed.

References
----------
Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits",
https://yann.lecun.com/exdb/mnist/. QMNIST: https://github.com/facebookresearch/qmnist#22-using-the-qmnist-extended-labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.bounded import MAX_BYTES, declared_bytes, opened, read_exactly
from convlens.data.dataset import Split
from convlens.data.decode import shown
from convlens.data.formats.format import Arrays, first_file
from convlens.foundation.errors import DataError

_UNSIGNED_BYTE, _INT32 = 0x08, 0x0C
_DTYPES: dict[int, np.dtype[Any]] = {_UNSIGNED_BYTE: np.dtype("u1"), _INT32: np.dtype(">i4")}


@dataclass(frozen=True)
class Idx:
    """A set in four IDX files.

    Parameters
    ----------
    prefix : str
        What the four names begin with.
    test : str
        What the test part is called, "t10k" or "test".
    transposed : bool
        Rows and columns are exchanged in the files, as EMNIST's are.
    first_label : int
        The lowest label in the files; the labels that are read start at 0.
    """

    prefix: str = ""
    test: str = "t10k"
    transposed: bool = False
    first_label: int = 0

    def find(self, place: Path) -> dict[str, Path] | None:
        """Return the four files by role, or None unless all four are there.

        Both usual spellings are known (`train-images-idx3-ubyte`, `train-images.idx3-ubyte`),
        each plain or with `.gz`. The roles are `train_images`, `train_labels`, `test_images` and
        `test_labels`.
        """
        files: dict[str, Path] = {}
        for part, name in (("train", "train"), ("test", self.test)):
            for kind, ends in (("images", ("idx3-ubyte",)), ("labels", ("idx1-ubyte", "idx2-int"))):
                stems = [f"{self.prefix}{name}-{kind}{sep}{end}" for end in ends for sep in "-."]
                path = first_file(place, [stem + gz for stem in stems for gz in ("", ".gz")])
                if path is not None:
                    files[f"{part}_{kind}"] = path
        return files if len(files) == 4 else None

    def read(self, files: Mapping[str, Path], *, limit: int = MAX_BYTES) -> Arrays:
        """Read the four files; see `Format.read`."""
        train, test = (
            Split(
                self._images(files[f"{part}_images"], limit),
                read_labels(files[f"{part}_labels"], limit=limit) - self.first_label,
            )
            for part in ("train", "test")
        )
        return Arrays(train, test)

    def _images(self, path: Path, limit: int) -> NDArray[np.uint8]:
        images = read_idx(path, 3, limit=limit)[:, None]
        return np.ascontiguousarray(images.swapaxes(2, 3)) if self.transposed else images


def read_idx(source: Path | bytes, axes: int, *, limit: int = MAX_BYTES) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, plain or gzipped (told by content, not by name).

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    axes : int
        3 for images (N, H, W), 1 for labels (N,).
    limit : int
        Largest array, in bytes; checked before anything is unpacked.

    Returns
    -------
    uint8 array
        Of the declared shape; writable.

    Raises
    ------
    DataError
        If the file is missing, cut, too long, not IDX, or not of that many axes.

    Examples
    --------
    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]), axes=1)
    array([7, 2, 1], dtype=uint8)
    """
    return _read(source, {(_UNSIGNED_BYTE, axes)}, limit)


def read_labels(source: Path | bytes, *, limit: int = MAX_BYTES) -> NDArray[np.int64]:
    """Read IDX labels: unsigned bytes (N,), or QMNIST's int32 (N, 8), whose column 0 is the class.

    Raises
    ------
    DataError
        As `read_idx`.

    Examples
    --------
    >>> extended = bytes([0, 0, 12, 2, 0, 0, 0, 1, 0, 0, 0, 8]) + bytes([0, 0, 0, 5] + [0] * 28)
    >>> read_labels(extended)
    array([5])
    """
    labels = _read(source, {(_UNSIGNED_BYTE, 1), (_INT32, 2)}, limit)
    if labels.ndim == 2:
        if labels.shape[1] == 0:
            raise DataError(
                f"{_name(source)} has no columns", "the class in column 0", "fetch it again"
            )
        labels = labels[:, 0]
    return labels.astype(np.int64)


def _name(source: Path | bytes) -> str:
    return "the IDX file" if isinstance(source, bytes) else shown(source)


def _read(source: Path | bytes, allowed: set[tuple[int, int]], limit: int) -> NDArray[Any]:
    name = _name(source)
    with opened(source, name) as stream:
        dtype, shape = _read_header(stream, allowed, name)
        size = declared_bytes(shape, dtype.itemsize, name, limit)
        content = read_exactly(stream, size, name)
    return np.frombuffer(content, dtype=dtype).reshape(shape)


def _read_header(
    stream: IO[bytes], allowed: set[tuple[int, int]], name: str
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the magic number (two zeros, the type, the number of axes) and the sizes."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or (magic[2], magic[3]) not in allowed:
        expected = " or ".join(f"0000{kind:02x}{axes:02x}" for kind, axes in sorted(allowed))
        raise DataError(
            f"{name} starts with {magic.hex() or 'nothing'}",
            f"{expected}: IDX (08 unsigned bytes or 0c 32-bit whole numbers, then the axes)",
            "check that images and labels are not swapped and that this is the right file",
        )
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(
            f"{name} ends inside its header",
            f"{4 + 4 * magic[3]} bytes of header",
            "fetch it again",
        )
    return _DTYPES[magic[2]], tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
