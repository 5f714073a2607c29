"""NumPy archives (.npz) with images and labels, read without trusting them.

`numpy.load` would believe the header of each member and evaluates it as a Python literal.
Here the header is matched against the one form NumPy writes, the shape is checked against a
limit, and then exactly the declared bytes are unpacked. Pickled objects cannot be read at all.
Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.archives import opened_zip
from convlens.data.bounded import MAX_BYTES, declared_bytes, read_exactly
from convlens.data.dataset import Split
from convlens.data.decode import shown
from convlens.data.formats.format import Arrays
from convlens.foundation.errors import DataError

_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 4096
_HEADER = re.compile(
    rb"\{'descr': '([<>|=][biufU]\d{1,4})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,12}, ?)*\d{0,12})\), \} *\n"
)
_KEYS = ("train_images", "train_labels", "test_images", "test_labels")
_KERAS_KEYS = ("x_train", "y_train", "x_test", "y_test")
_MAX_CLASSES, _MAX_NAME = 10_000, 100


@dataclass(frozen=True)
class Npz:
    """A set in one .npz file.

    Parameters
    ----------
    file : str
        Its name in a folder; by default the only .npz file there.
    """

    file: str = ""

    def find(self, place: Path) -> dict[str, Path] | None:
        """Return the file under the role "npz", or None."""
        if place.is_dir():
            files = [place / self.file] if self.file else list(place.glob("*.npz"))
            return {"npz": files[0]} if len(files) == 1 and files[0].is_file() else None
        return {"npz": place} if place.suffix == ".npz" and place.is_file() else None

    def read(self, files: Mapping[str, Path], *, limit: int = MAX_BYTES) -> Arrays:
        """Read the file; see `Format.read`."""
        arrays = read_npz(files["npz"], limit=limit)
        train, test = (
            Split(arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in ("train", "test")
        )
        classes = arrays.get("classes")
        return Arrays(train, test, None if classes is None else tuple(map(str, classes)))


def read_npz(source: Path | bytes, *, limit: int = MAX_BYTES) -> dict[str, NDArray[Any]]:
    """Read the images and labels of a training and a test set.

    Parameters
    ----------
    source : Path or bytes
        A .npz file with `train_images`, `train_labels`, `test_images` and `test_labels` (or
        Keras' `x_train`, `y_train`, `x_test`, `y_test`), and optionally `classes`, the names.
        Images are uint8 of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3;
        where both readings fit, the channels are taken to be last. Labels are whole numbers.
    limit : int
        Largest array, in bytes.

    Returns
    -------
    dict
        `train_images`, `test_images`: uint8 (N, C, H, W); `train_labels`, `test_labels`:
        int64 (N,); `classes`, where stored: an array of str.

    Raises
    ------
    DataError
        If the file is missing, damaged, too large, or holds anything else.
    """
    name = "the .npz file" if isinstance(source, bytes) else shown(source)
    try:
        with opened_zip(source) as file:
            members = set(file.namelist())
            keys = _KERAS_KEYS if f"{_KERAS_KEYS[0]}.npy" in members else _KEYS
            missing = [key for key in keys if f"{key}.npy" not in members]
            if missing:
                raise DataError(
                    f"{name} has no {', '.join(missing)}",
                    f"the arrays {', '.join(_KEYS)}",
                    "save it with np.savez_compressed(path, train_images=..., ...)",
                )
            arrays = {
                key: _read_member(file, stored, name, limit)
                for key, stored in zip(_KEYS, keys, strict=True)
            }
            if "classes.npy" in members:
                arrays["classes"] = _as_names(_read_member(file, "classes", name, limit), name)
    except DataError:
        raise
    except Exception as error:  # zipfile given hostile bytes may raise anything
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{name} cannot be read: {reason}", "a whole .npz file", "save or fetch it again"
        ) from error
    for key in ("train_images", "test_images"):
        arrays[key] = channels_first(arrays[key], f"{key} of {name}")
    for key in ("train_labels", "test_labels"):
        arrays[key] = as_labels(arrays[key], f"{key} of {name}")
    return arrays


def _read_member(file: zipfile.ZipFile, key: str, name: str, limit: int) -> NDArray[Any]:
    where = f"{key} of {name}"
    with file.open(f"{key}.npy") as stream:
        dtype, is_fortran, shape = _read_header(stream, where)
        size = declared_bytes(shape, dtype.itemsize, where, limit)
        values = np.frombuffer(read_exactly(stream, size, where), dtype=dtype)
    return values.reshape(shape, order="F" if is_fortran else "C")


def _read_header(stream: IO[bytes], where: str) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    """Read the header of one .npy member: magic, version, length, and a dict of three keys."""
    start = stream.read(8)
    width = 2 if start[6:7] == b"\x01" else 4  # version 1 counts in 2 bytes, 2 and 3 in 4
    length = int.from_bytes(stream.read(width), "little")
    match = _HEADER.fullmatch(stream.read(min(length, _MAX_HEADER)))
    if start[:6] != _MAGIC or match is None:
        raise DataError(
            f"{where} is not a plain NumPy array",
            "numbers or text; pickled objects are never loaded",
            "save the arrays as uint8 images and int64 labels with np.savez_compressed",
        )
    descr, fortran, sizes = (part.decode("ascii") for part in match.groups())
    try:
        dtype = np.dtype(descr)
    except TypeError as error:
        raise DataError(f"{where} has the type {descr}", "uint8 or int64") from error
    shape = tuple(int(size) for size in re.findall(r"\d+", sizes))
    return dtype, fortran == "True", shape


def channels_first(images: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Return images as uint8 `(N, C, H, W)`; raises `DataError` for other types and shapes."""
    if images.dtype == np.uint8:
        if images.ndim == 3:
            return images[:, None]
        if images.ndim == 4 and images.shape[3] in {1, 3}:
            return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        if images.ndim == 4 and images.shape[1] in {1, 3}:
            return np.ascontiguousarray(images)
    raise DataError(
        f"{where} has the type {images.dtype} and the shape {images.shape}",
        "uint8 images of shape (N, H, W), (N, H, W, C) or (N, C, H, W), C = 1 or 3",
        "convert them before saving: images.astype('uint8')",
    )


def _as_names(classes: NDArray[Any], name: str) -> NDArray[np.str_]:
    longest = classes.dtype.itemsize // 4
    if classes.ndim != 1 or classes.dtype.kind != "U" or longest > _MAX_NAME:
        raise DataError(
            f"classes of {name} has the type {classes.dtype} and the shape {classes.shape}",
            f"text (N,), at most {_MAX_NAME} characters per name",
            "save the names as np.array([...]) of str",
        )
    if len(classes) > _MAX_CLASSES or len(set(classes.tolist())) < len(classes):
        raise DataError(
            f"classes of {name} holds {len(classes):,} names, some of them twice or too many",
            f"at most {_MAX_CLASSES:,} different names",
        )
    return classes


def as_labels(labels: NDArray[Any], where: str) -> NDArray[np.int64]:
    """Return labels as int64 `(N,)`; raises `DataError` for what is not one number per image."""
    if labels.ndim == 2 and labels.shape[1] == 1:  # as CIFAR-10 comes from Keras
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{where} has the type {labels.dtype} and the shape {labels.shape}",
            "one whole number per image",
            "store the class of each image, not one-hot rows: labels.argmax(axis=1)",
        )
    return labels.astype(np.int64)
