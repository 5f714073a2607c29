"""The binary version of CIFAR-10 and CIFAR-100: records of label bytes and a picture.

A record is one label byte (CIFAR-10) or two (CIFAR-100: coarse, then fine), then 3,072 bytes:
32x32 red values by rows, then green, then blue. There is no header; the length of a file must be a
whole number of records. The "python version" of the same sets is pickled and is never read.

References
----------
A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html, section "Binary version".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convlens.data.bounded import MAX_BYTES, opened, read_records
from convlens.data.dataset import Split
from convlens.data.decode import shown
from convlens.data.formats.format import Arrays

_SHAPE = (3, 32, 32)
_FILES = {
    1: {f"train_{n}": f"data_batch_{n}.bin" for n in range(1, 6)} | {"test": "test_batch.bin"},
    2: {"train_1": "train.bin", "test": "test.bin"},
}
_FOLDERS = {1: "cifar-10-batches-bin", 2: "cifar-100-binary"}


@dataclass(frozen=True)
class Cifar:
    """CIFAR-10 (`labels` 1) or CIFAR-100 (`labels` 2) as the binary version stores it.

    Parameters
    ----------
    labels : int
        Label bytes of a record; the last one is the class.
    """

    labels: int = 1

    def find(self, place: Path) -> dict[str, Path] | None:
        """Return the files by role (`train_1` ... and `test`), in the folder or the one inside."""
        for folder in (place, place / _FOLDERS[self.labels]):
            files = {role: folder / name for role, name in _FILES[self.labels].items()}
            if all(path.is_file() for path in files.values()):
                return files
        return None

    def read(self, files: Mapping[str, Path], *, limit: int = MAX_BYTES) -> Arrays:
        """Read the files; see `Format.read`."""
        parts = []
        for role in sorted(role for role in files if role != "test"):
            parts.append(read_cifar(files[role], self.labels, limit=limit))
            limit -= parts[-1].images.nbytes  # the limit is that of the whole training part
        train = Split(
            np.concatenate([part.images for part in parts]),
            np.concatenate([part.labels for part in parts]),
        )
        return Arrays(train, read_cifar(files["test"], self.labels))


def read_cifar(source: Path | bytes, labels: int = 1, *, limit: int = MAX_BYTES) -> Split:
    """Read one file of records.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    labels : int
        Label bytes of a record, 1 or 2; the last is taken.
    limit : int
        Largest file, in bytes.

    Returns
    -------
    Split
        Images uint8 `(N, 3, 32, 32)` and labels int64 `(N,)`.

    Raises
    ------
    DataError
        If the file is missing, empty, too large or not a whole number of records.

    Examples
    --------
    >>> part = read_cifar(bytes([7]) + bytes(range(256)) * 12)
    >>> part.labels, part.images.shape, part.images[0, 0, 0, :3]
    (array([7]), (1, 3, 32, 32), array([0, 1, 2], dtype=uint8))
    """
    name = "the CIFAR file" if isinstance(source, bytes) else shown(source)
    record = labels + int(np.prod(_SHAPE))
    with opened(source, name) as stream:
        content = read_records(stream, record, name, limit)
    table = np.frombuffer(content, np.uint8).reshape(-1, record)
    images = np.ascontiguousarray(table[:, labels:]).reshape(-1, *_SHAPE)
    return Split(images, table[:, labels - 1].astype(np.int64))
