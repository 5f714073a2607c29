"""The formats that data sets come in, one file each, all read to uint8 `(N, C, H, W)` and int64.

=========  =====================================================================================
idx        MNIST and its relatives: IDX files, plain or gzipped
cifar      CIFAR-10 and CIFAR-100, the binary version
mat        SVHN: MATLAB 5 files
stl        STL-10: bytes by columns
libsvm     USPS: text of `index:value` pairs
npz        NumPy archives
parquet    tables of encoded images, as Hugging Face stores them (needs the extra `parquet`)
=========  =====================================================================================

None of them runs code that a file brings, and none believes a size before it has checked it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convlens.data.formats.cifar import Cifar
from convlens.data.formats.format import Arrays, Format
from convlens.data.formats.idx import Idx
from convlens.data.formats.libsvm import Libsvm
from convlens.data.formats.mat import Mat
from convlens.data.formats.npz import Npz
from convlens.data.formats.parquet import Parquet
from convlens.data.formats.stl import Stl

__all__ = ["FORMATS", "Arrays", "Format", "make", "recognise"]

FORMATS: dict[str, type[Any]] = {
    "idx": Idx,
    "cifar": Cifar,
    "mat": Mat,
    "stl": Stl,
    "libsvm": Libsvm,
    "npz": Npz,
    "parquet": Parquet,
}

_RECOGNISED: tuple[Format, ...] = (
    Npz(),
    Idx(),
    Idx(prefix="qmnist-", test="test"),
    Cifar(),
    Cifar(labels=2),
    Mat(),
    Stl(),
    Libsvm(),
    Parquet(),
)


def make(name: str, options: Mapping[str, Any]) -> Format:
    """Return a format by its name, with the options that the catalogue gives for a set.

    Examples
    --------
    >>> make("idx", {"prefix": "qmnist-", "test": "test"})
    Idx(prefix='qmnist-', test='test', transposed=False, first_label=0)
    """
    made: Format = FORMATS[name](**options)
    return made


def recognise(place: Path) -> tuple[Format, dict[str, Path]] | None:
    """Tell by the names of the files which format a file or folder is in, or None."""
    for known in _RECOGNISED:
        if files := known.find(place):
            return known, files
    return None
