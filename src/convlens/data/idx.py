"""IDX, the file format of MNIST: a big-endian header, then the bytes of one array.

Four files make a set: images (magic 0x00000803: unsigned bytes, three axes) and labels
(0x00000801), for training and for the test. Source: Y. LeCun, C. Cortes and C. Burges,
"The MNIST database of handwritten digits", https://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import io
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from convlens.data.bounded import MAX_BYTES, declared_bytes, read_exactly
from convlens.data.decode import shown
from convlens.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"
_STEMS = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def find_idx(folder: Path) -> dict[str, Path] | None:
    """Return the four files of a set by role, or None unless all four are there.

    Both usual spellings are known (`train-images-idx3-ubyte`, `train-images.idx3-ubyte`), each
    plain or with `.gz`. The roles are `train_images`, `train_labels`, `test_images` and
    `test_labels`.
    """
    found: dict[str, Path] = {}
    for role, stem in _STEMS.items():
        dotted = stem.replace("-idx", ".idx")
        for name in (stem, f"{stem}.gz", dotted, f"{dotted}.gz"):
            if (folder / name).is_file():
                found[role] = folder / name
                break
    return found if len(found) == len(_STEMS) else None


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
    name = "the IDX file" if isinstance(source, bytes) else shown(source)
    try:
        with ExitStack() as stack:
            raw: IO[bytes] = (
                io.BytesIO(source)
                if isinstance(source, bytes)
                else stack.enter_context(source.open("rb"))
            )
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            stream = raw
            if packed:
                stream = cast("IO[bytes]", stack.enter_context(gzip.open(raw)))
            shape = _read_shape(stream, axes, name)
            size = declared_bytes(shape, 1, name, limit)
            content = read_exactly(stream, size, name)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{name} cannot be read: {error}",
            "a whole IDX file, plain or gzipped",
            "fetch it again",
        ) from error
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _read_shape(stream: IO[bytes], axes: int, name: str) -> tuple[int, ...]:
    """Read the magic number (two zeros, type 8 = unsigned byte, number of axes) and the sizes."""
    header = stream.read(4 + 4 * axes)
    magic = bytes((0, 0, 8, axes))
    if header[:4] != magic:
        raise DataError(
            f"{name} starts with {header[:4].hex() or 'nothing'}",
            f"{magic.hex()}: IDX, unsigned bytes, {axes} {'axis' if axes == 1 else 'axes'}",
            "check that images and labels are not swapped and that this is the right file",
        )
    if len(header) < 4 + 4 * axes:
        raise DataError(
            f"{name} ends inside its header", f"{4 + 4 * axes} bytes of header", "fetch it again"
        )
    return tuple(int(size) for size in np.frombuffer(header, dtype=">u4", offset=4))
