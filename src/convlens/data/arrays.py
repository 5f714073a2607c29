"""Data that is in memory: images and their labels, as arrays or as lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Dataset, Split
from convlens.data.formats.format import Arrays
from convlens.data.formats.npz import as_labels, channels_first
from convlens.data.images import NamedImage, named_images
from convlens.data.preprocessing import Preprocessing
from convlens.foundation.errors import DataError

Labelled = tuple[Any, Any]
"""`(images, labels)`: images as arrays or in a list, one class number or class name per image."""

InMemory = Dataset | Labelled | tuple[Labelled, Labelled]
"""A data set, `(images, labels)`, or a training and a test part of these, as Keras has them."""

NAME = "arrays"
"""What a set in memory is called."""


def is_labelled(source: Any) -> bool:
    """Say whether this is one `(images, labels)`: no path, no `Dataset`, no pair of pairs."""
    return isinstance(source, tuple | list) and not _is_pair_of_pairs(source)


def read_arrays(source: Any, input_shape: tuple[int, int, int] | None) -> Arrays:
    """Read `(images, labels)`, or a training and a test part of these.

    Parameters
    ----------
    source : tuple
        `(images, labels)` or `((images, labels), (images, labels))`. Images: uint8 `(N, H, W)`,
        `(N, H, W, C)` or `(N, C, H, W)`, or a list of images. Labels: numbers from 0, or names.
    input_shape : (C, H, W), optional
        What the images of a list are brought to; by default the size that all of them have.

    Raises
    ------
    DataError
        Where it is anything else.
    """
    parts = source if _is_pair_of_pairs(source) else (source,)
    names = _class_names([part[1] for part in parts if _is_pair(part)])
    train, *test = [read_part(part, names, input_shape) for part in parts]
    return Arrays(train, test[0] if test else None, names)


def read_part(
    part: Any,
    names: Sequence[str] | None,
    input_shape: tuple[int, int, int] | None,
    preparing: Preprocessing | None = None,
) -> Split:
    """Read one `(images, labels)`.

    Parameters
    ----------
    part : (images, labels)
        See `read_arrays`.
    names : sequence of str, optional
        The classes, where labels are names.
    input_shape : (C, H, W), optional
        See `read_arrays`.
    preparing : Preprocessing, optional
        How images of another size are brought to a run's input.
    """
    if not _is_pair(part):
        raise DataError(
            f"the data is a {type(part).__name__}",
            "(images, labels), ((images, labels), (images, labels)) of a training and a test "
            "part, a Dataset, or the name or path of a data set",
            "pass data=(images, labels)",
        )
    images, labels = part
    numbers = _numbers(labels, names)
    pixels = None
    if hasattr(images, "__array__") and np.ndim(images) in (3, 4):
        pixels = channels_first(np.asarray(images), "the array of images")
    if pixels is None or (preparing is not None and pixels.shape[1:] != preparing.input):
        pixels = _brought(named_images(images), input_shape, preparing)
    if len(pixels) != len(numbers):
        raise DataError(
            f"there are {len(pixels)} images and {len(numbers)} labels",
            "one label per image",
        )
    return Split(pixels, numbers)


def _brought(
    images: list[NamedImage],
    input_shape: tuple[int, int, int] | None,
    preparing: Preprocessing | None,
) -> NDArray[np.uint8]:
    if preparing is None:
        shape = input_shape or _common_shape(images)
        preparing = Preprocessing(shape, (0.5,) * shape[0], (0.5,) * shape[0])
    return np.stack([preparing.prepare(image.source)[0] for image in images])


def _common_shape(images: list[NamedImage]) -> tuple[int, int, int]:
    """Return the (C, H, W) that all images of a list have."""
    from convlens.data.decode import decode

    shapes = set()
    for image in images:
        picture, _ = decode(image.source)
        shapes.add((picture.height, picture.width, 1 if picture.mode == "L" else 3))
    sizes = {shape[:2] for shape in shapes}
    if len(sizes) > 1:
        raise DataError(
            f"the images have {len(sizes)} different sizes",
            "one size, or the size to bring them to",
            "pass input_shape=(channels, height, width)",
        )
    height, width = sizes.pop()
    return max(shape[2] for shape in shapes), height, width


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2


def _is_pair_of_pairs(value: Any) -> bool:
    return _is_pair(value) and all(isinstance(part, tuple) and len(part) == 2 for part in value)


def _class_names(labels: list[Any]) -> tuple[str, ...] | None:
    """Return the classes in alphabetical order where labels are names, None where numbers."""
    arrays = [np.asarray(some) for some in labels]
    if not any(array.dtype.kind in "UO" for array in arrays):
        return None
    return tuple(sorted({str(name) for array in arrays for name in array.ravel().tolist()}))


def _numbers(labels: Any, names: Sequence[str] | None) -> NDArray[np.int64]:
    array = np.asarray(labels)
    if names is None or array.dtype.kind not in "UO":
        return as_labels(array, "the array of labels")
    known = {name: number for number, name in enumerate(names)}
    missing = sorted({str(name) for name in array.ravel().tolist()} - known.keys())
    if missing:
        raise DataError(
            f"{', '.join(missing[:5])} among the labels is no class",
            "one of " + ", ".join(list(known)[:40]),
        )
    return np.array([known[str(name)] for name in array.ravel().tolist()], np.int64)
