"""Small valid files of every format that convlens reads, and the readers that must survive them.

A reader takes bytes and a folder to write into. Whatever the bytes, it returns or raises a
`DataError`; anything else is a bug.
"""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
from PIL import Image

from convlens.data import archives
from convlens.data.decode import decode
from convlens.data.formats import stl
from convlens.data.formats.cifar import read_cifar
from convlens.data.formats.idx import read_idx, read_labels
from convlens.data.formats.libsvm import read_libsvm
from convlens.data.formats.mat import read_mat
from convlens.data.formats.npz import read_npz
from convlens.data.formats.parquet import read_parquet

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (2, 5, 4), dtype=np.uint8)
LIMIT = 1_000_000


def _idx(array: np.ndarray, kind: int = 8) -> bytes:
    head = struct.pack(">BBBB", 0, 0, kind, array.ndim)
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def _npz() -> bytes:
    buffer = io.BytesIO()
    names, labels = np.array(["cat", "dog"]), np.array([0, 1])
    arrays = {"x_train": PIXELS, "y_train": labels, "x_test": PIXELS, "y_test": labels}
    np.savez_compressed(buffer, classes=names, **arrays)
    return buffer.getvalue()


def _mat(*, packed: bool) -> bytes:
    buffer = io.BytesIO()
    images = RNG.integers(0, 256, (4, 4, 3, 2), dtype=np.uint8)
    scipy.io.savemat(buffer, {"X": images, "y": [[10], [3]]}, do_compression=packed)
    return buffer.getvalue()


def png(pixels: np.ndarray = PIXELS[0], form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def _parquet() -> bytes:
    buffer = io.BytesIO()
    rows = {"image": [{"bytes": png(), "path": None}] * 2, "label": [0, 1]}
    pq.write_table(pa.table(rows), buffer)
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("cat/1.txt", b"one" * 20)
        file.writestr("dog/2.txt", b"two" * 20)
    return buffer.getvalue()


def _tar(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as file:
        for name in ("cat/1.txt", "d" * 120 + "/ü.txt"):
            info = tarfile.TarInfo(name)
            info.size = 60
            file.addfile(info, io.BytesIO(b"one" * 20))
    return buffer.getvalue()


def _unpack(content: bytes, folder: Path) -> None:
    archive = folder / "archive"
    archive.write_bytes(content)
    archives.unpack(archive, folder / "out")


_LINE = b"7 " + b" ".join(b"%d:%.3f" % (n + 1, n / 128 - 1) for n in range(256)) + b"\n"

READERS: dict[str, tuple[Callable[[bytes, Path], object], list[bytes]]] = {
    "idx": (
        lambda b, _: read_idx(b, 3, limit=LIMIT),
        [_idx(PIXELS), gzip.compress(_idx(PIXELS), mtime=0)],
    ),
    "idx labels": (
        lambda b, _: read_labels(b, limit=LIMIT),
        [_idx(np.arange(9, dtype=np.uint8)), _idx(np.zeros((3, 8), ">i4"), 12)],
    ),
    "npz": (lambda b, _: read_npz(b, limit=LIMIT), [_npz()]),
    "cifar": (
        lambda b, _: read_cifar(b, 2, limit=LIMIT),
        [bytes(3074), gzip.compress(bytes(6148), mtime=0)],
    ),
    "stl": (lambda b, _: stl.read_images(b, limit=LIMIT), [bz2.compress(bytes(27_648))]),
    "mat": (lambda b, _: read_mat(b, limit=LIMIT), [_mat(packed=True), _mat(packed=False)]),
    "libsvm": (lambda b, _: read_libsvm(b, limit=LIMIT), [_LINE * 2, bz2.compress(_LINE * 2)]),
    "parquet": (lambda b, _: read_parquet(b, limit=LIMIT), [_parquet()]),
    "zip": (_unpack, [_zip()]),
    "tar": (_unpack, [_tar("w"), _tar("w:gz"), _tar("w:xz")]),
    "image": (
        lambda b, _: decode(b, max_pixels=100_000),
        [png(form=form) for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")],
    ),
}
"""By format: the reader, and valid files to start from."""
