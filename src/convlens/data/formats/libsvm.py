"""USPS as LIBSVM stores it: one line of text per image, `label index:value ...`, often bzip2.

Labels are 1 to 10 for the digits 0 to 9; the index runs from 1 to 256, by rows of 16, and none is
left out; a value lies between -1 (paper) and 1 (ink). Values are brought to 0..255 and rounded to
the nearest whole number; torchvision cuts the fraction off instead, so that its pixels may be 1
lower.

References
----------
https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convlens.data.bounded import MAX_BYTES, opened
from convlens.data.dataset import Split
from convlens.data.decode import shown
from convlens.data.formats.format import Arrays, first_file
from convlens.foundation.errors import DataError

_SIDE = 16
_INDEX = list(range(1, _SIDE**2 + 1))
_MAX_LINE = 64 * 1024


@dataclass(frozen=True)
class Libsvm:
    """USPS: `usps` and `usps.t`, plain or with `.bz2`."""

    def find(self, place: Path) -> dict[str, Path] | None:
        """Return the two files by role, or None unless both are there."""
        train = first_file(place, ["usps.bz2", "usps"])
        test = first_file(place, ["usps.t.bz2", "usps.t"])
        return {"train": train, "test": test} if train and test else None

    def read(self, files: Mapping[str, Path], *, limit: int = MAX_BYTES) -> Arrays:
        """Read the two files; see `Format.read`."""
        return Arrays(
            read_libsvm(files["train"], limit=limit), read_libsvm(files["test"], limit=limit)
        )


def read_libsvm(source: Path | bytes, *, limit: int = MAX_BYTES) -> Split:
    r"""Read one file of lines.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    limit : int
        Largest array of images, in bytes.

    Returns
    -------
    Split
        Images uint8 `(N, 1, 16, 16)` and labels int64 `(N,)` from 0.

    Raises
    ------
    DataError
        If the file is missing, empty, too large, or a line is not of this form.

    Examples
    --------
    >>> ink = " ".join(f"{index}:{value}" for index, value in enumerate([1, 0.5] * 128, 1))
    >>> part = read_libsvm(f"7 {ink}\n".encode())
    >>> part.labels, part.images[0, 0, 0, :4]
    (array([6]), array([255, 191, 255, 191], dtype=uint8))
    """
    name = "the LIBSVM file" if isinstance(source, bytes) else shown(source)
    pixels = bytearray()
    labels: list[int] = []
    with opened(source, name) as stream:
        while line := stream.readline(_MAX_LINE):
            if len(line) == _MAX_LINE:
                raise _refused(name, len(labels) + 1, f"is longer than {_MAX_LINE:,} bytes")
            if not line.strip():
                continue
            if len(pixels) + _SIDE**2 > limit:
                raise DataError(
                    f"{name} holds more than {limit:,} bytes of images",
                    f"at most {limit:,} bytes",
                    "use fewer images",
                )
            label, values = _row(line, name, len(labels) + 1)
            labels.append(label)
            pixels += values
    if not labels:
        raise DataError(f"{name} is empty", "one line per image", "fetch it again")
    images = np.frombuffer(pixels, np.uint8).reshape(-1, 1, _SIDE, _SIDE)
    return Split(images, np.asarray(labels, np.int64))


def _row(line: bytes, name: str, number: int) -> tuple[int, bytes]:
    """Return the label, from 0, and the 256 pixels of one line."""
    label, *pairs = line.split()
    try:
        index = [int(pair.partition(b":")[0]) for pair in pairs]
        values = np.array([float(pair.partition(b":")[2]) for pair in pairs])
        digit = int(label)
    except ValueError:
        raise _refused(name, number, f"begins with {line[:40]!r}") from None
    if index != _INDEX:
        raise _refused(name, number, f"has {len(index)} values, or not in their order")
    if not (np.abs(values) <= 1).all() or not 1 <= digit <= 10:  # NaN fails every comparison
        raise _refused(name, number, "has a label or a value out of range")
    return digit - 1, np.floor((values + 1) / 2 * 255 + 0.5).astype(np.uint8).tobytes()


def _refused(name: str, number: int, reason: str) -> DataError:
    return DataError(
        f"line {number} of {name} {reason}",
        "a label from 1 to 10, then index:value for every index from 1 to 256, values from -1 to 1",
        "use usps.bz2 and usps.t.bz2 from LIBSVM's page",
    )
