"""The files of a folder of images, each with its own size and mode, or why it cannot be read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data import folder
from convlens.data.decode import decode, shown
from convlens.data.preprocessing import cover
from convlens.errors import DataError


@dataclass(frozen=True)
class FileFacts:
    """What is known of one file.

    Parameters
    ----------
    name : str
        Its path below the folder, fit to be printed.
    part : str
        "train", "validation", "test", or "all" where the folder has no such parts.
    label : int
        Number of its class.
    size : (int, int), optional
        Height and width of the upright picture; None where it cannot be read.
    mode : str
        "L" for grey, "RGB" for colour; empty where it cannot be read.
    digest : bytes
        Of its pixels, brought to the size of the set.
    error : str
        Why it cannot be read.
    """

    name: str
    part: str
    label: int
    size: tuple[int, int] | None = None
    mode: str = ""
    digest: bytes = b""
    error: str = ""


@dataclass(frozen=True)
class FolderFiles:
    """All files of a folder, its classes, and the shape that its images are brought to."""

    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    files: Sequence[FileFacts]


def folder_files(path: Path, input_shape: tuple[int, int, int] | None = None) -> FolderFiles:
    """Decode every image below a folder once, and keep what there is to know but not the pixels.

    Parameters
    ----------
    path : Path
        A folder with one subfolder a class, or with `train/` and the like.
    input_shape : (C, H, W), optional
        What the images will be brought to; by default what loading would choose.

    Raises
    ------
    DataError
        Where there is no image, or a class has none.
    """
    # how a folder is walked is known to `folder` alone; nothing else of this package asks it
    roots = folder._part_roots(path)
    found = {sub.name for root in roots.values() for sub in folder._subfolders(root)}
    classes = tuple(sorted(found))
    listed, _ = folder._list_files(roots, classes, path)
    shape = input_shape or folder._choose_shape([file for _, _, file in listed])
    facts = [_facts(file, path, part, label, shape) for part, label, file in listed]
    return FolderFiles(tuple(map(shown, classes)), shape, facts)


def digest(pixels: NDArray[np.uint8]) -> bytes:
    """Return what tells one picture's pixels from another's, 16 bytes."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()


def _facts(file: Path, root: Path, part: str, label: int, shape: tuple[int, int, int]) -> FileFacts:
    name = shown(file.relative_to(root))
    try:
        image, _ = decode(file)
    except DataError as error:
        reason = error.what.replace(shown(file), "").strip()
        return FileFacts(name, part, label, error=reason)
    channels, height, width = shape
    # as `Preprocessing.prepare` brings an image to its size
    brought = image.convert("L" if channels == 1 else "RGB")
    if brought.size != (width, height):
        brought = cover(brought, width, height)
    pixels = np.asarray(brought, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)
    return FileFacts(name, part, label, (image.height, image.width), image.mode, digest(pixels))
