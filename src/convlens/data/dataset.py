"""A data set as arrays: three parts that never mix, and how to prepare an image like them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convlens.data.decode import shown
from convlens.data.preprocessing import Preprocessing
from convlens.data.stored import StoredImages
from convlens.foundation.errors import DataError, InputError, nearest


@dataclass(frozen=True)
class Split:
    """One part of a data set.

    Parameters
    ----------
    images : uint8 array (N, C, H, W)
        Pixels, 0 to 255. Of a set that is larger than memory, `StoredImages`: indexed with a
        number, a slice or an array, they give the same arrays.
    labels : int64 array (N,)
        Number of each image's class.
    digests : uint8 array (N, 16), optional
        Digest of each image's pixels, where they were computed on the way.
    files : sequence of str, optional
        Each image's file below the set's folder, where it has one.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    digests: NDArray[np.uint8] | None = None
    files: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.int64]) -> Split:
        """Return the images of an index, as a part of their own."""
        digests = None if self.digests is None else self.digests[index]
        files = None
        if self.files is not None:
            files = tuple(map(self.files.__getitem__, np.asarray(index).tolist()))
        if isinstance(self.images, StoredImages):
            return Split(stored(self.images.take(index)), self.labels[index], digests, files)
        images = np.ascontiguousarray(self.images[index])
        return Split(images, self.labels[index], digests, files)

    def name_of(self, number: int, split: str) -> str:
        """Return what an image is called: its file, or "test image 17" where it has none."""
        return shown(self.files[number]) if self.files else f"{split} image {number}"


def stored(images: StoredImages) -> NDArray[np.uint8]:
    """Return stored images as what they read like.

    A set in memory is an array to the type checker, and almost every set is one; whoever must
    know asks `isinstance(split.images, StoredImages)`.
    """
    return cast("NDArray[np.uint8]", images)


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test images of the same classes.

    Parameters
    ----------
    name, source : str
        What it is called, and what to pass to `load` to get it again.
    classes : tuple of str
        Class names; a label is an index into them.
    train, validation, test : Split
        Training fits, validation chooses, test is read once.
    preprocessing : Preprocessing
        How any further image must be prepared.
    split : dict
        How the parts were made: enough to make them again. With `"parts": 1` each part is the
        whole, for measuring only, and need not hold every class.
    notes : tuple of str
        What a user should know: skipped files, duplicates.

    Raises
    ------
    DataError
        Where a part is empty, a class has no training image, or a label is out of range.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    preprocessing: Preprocessing
    split: dict[str, Any]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise DataError(
                f"{self.name} has {len(self.classes)} class",
                "at least two classes to tell apart",
            )
        for part in ("train", "validation", "test"):
            check_split(getattr(self, part), len(self.classes), f"the {part} part of {self.name}")
        counts = np.bincount(self.train.labels, minlength=len(self.classes))
        if not counts.all() and self.split.get("parts") != 1:
            empty = [name for name, n in zip(self.classes, counts, strict=True) if n == 0]
            raise DataError(
                f"{self.name} has no training image of {', '.join(empty[:5])}",
                "at least one of every class",
                "add images, or leave that class out",
            )

    @property
    def memory(self) -> int | None:
        """Bytes that its images may take while they are streamed; None where nothing is said."""
        said = self.split.get("memory")
        return said if isinstance(said, int) else None

    def part(self, name: str) -> Split:
        """Return the part called "train", "validation" or "test".

        Raises
        ------
        InputError
            Where the name is another.
        """
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        if name not in parts:
            raise InputError(
                f'{self.name} has no split "{name}"{nearest(name, parts)}',
                "train, validation or test",
            )
        return parts[name]

    def require_input(self, shape: tuple[int, int, int]) -> None:
        """Refuse a shape `(C, H, W)` that was asked for and that the images do not have.

        Raises
        ------
        DataError
            Where the set has images of one size, which nothing resizes.
        """
        if tuple(shape) != tuple(self.preprocessing.input):
            sizes = ("x".join(map(str, one)) for one in (self.preprocessing.input, shape))
            raise DataError(
                "{} has images of one size, {}, and {} was asked for".format(self.name, *sizes),
                "the size of its images; only a folder of images is brought to another size",
                "leave the input shape out",
            )

    @cached_property
    def fingerprint(self) -> str:
        """Sha256 over classes, pixels and labels of all three parts: what the numbers are of.

        Where each image has a digest, the digests stand for the pixels: a set of any size then
        has its fingerprint without being read again.
        """
        digest = hashlib.sha256("\0".join(self.classes).encode("utf-8", "surrogateescape"))
        for part in (self.train, self.validation, self.test):
            digest.update(str(part.images.shape).encode())
            pixels = part.images if part.digests is None else part.digests
            digest.update(np.ascontiguousarray(pixels).data)
            digest.update(np.ascontiguousarray(part.labels).data)
        return digest.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return what a run keeps about its data."""
        counts = {part: len(getattr(self, part)) for part in ("train", "validation", "test")}
        return {
            "name": self.name,
            "source": self.source,
            "fingerprint": self.fingerprint,
            "classes": list(self.classes),
            "preprocessing": self.preprocessing.to_dict(),
            "split": {**counts, **self.split},
            "notes": list(self.notes),
        }


def check_split(part: Split, classes: int, name: str) -> None:
    """Refuse a part that cannot be trained or measured on.

    Raises
    ------
    DataError
        Where it is empty, images and labels differ in number, or a label is no class.
    """
    if len(part.images) != len(part.labels):
        raise DataError(
            f"{name} has {len(part.images)} images and {len(part.labels)} labels",
            "one label per image",
        )
    if len(part) == 0:
        raise DataError(f"{name} is empty", "at least one image")
    low, high = int(part.labels.min()), int(part.labels.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"{name} has the label {low if low < 0 else high}",
            f"labels from 0 to {classes - 1}",
        )
