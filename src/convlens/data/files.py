"""The files of a folder of images, each with its own size and mode, or why it cannot be read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data.decode import decode_with_pixels, shown
from convlens.data.folders import PARTS, UNDECIDED, Listing, choose_policy, list_folder, looked_at
from convlens.data.preprocessing import Preprocessing
from convlens.foundation.errors import DataError


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
        Digest of its pixels, after they were brought to the size of the set.
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
        A folder with one subfolder per class, or with `train/` and the like.
    input_shape : (C, H, W), optional
        What the images will be brought to; by default what loading would choose.

    Raises
    ------
    DataError
        Where there is no image, or a class has none.
    """
    listing = list_folder(path)
    policy = choose_policy([listing.path(n) for n in range(len(listing))], input_shape, None)
    # the statistics do not matter here: nothing is normalised
    unit = (0.0,) * policy.input[0], (1.0,) * policy.input[0]
    preparing = Preprocessing(policy.input, *unit, fit=policy.fit, draft=policy.draft)
    facts = [_facts(listing, number, preparing) for number in range(len(listing))]
    return FolderFiles(listing.classes, policy.input, facts)


def channels_and_side(path: Path) -> tuple[int, int]:
    """Return the channels of a folder's images and the median of their shorter sides, of a sample.

    Raises
    ------
    DataError
        Where there is no image, or a class has none.
    """
    listing = list_folder(path)
    return looked_at([listing.path(n) for n in range(len(listing))])


def digest(pixels: NDArray[np.uint8]) -> bytes:
    """Return what tells one picture's pixels from another's, 16 bytes."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()


def _facts(listing: Listing, number: int, preparing: Preprocessing) -> FileFacts:
    file = listing.path(number)
    part, label = int(listing.parts[number]), int(listing.labels[number])
    place = (
        shown(file.relative_to(listing.root)),
        "all" if part == UNDECIDED else PARTS[part],
        label,
    )
    try:
        picture = decode_with_pixels(file, needed=preparing.needed)
    except DataError as error:
        return FileFacts(*place, error=error.what.replace(shown(file), "").strip())
    pixels = preparing.bring(picture.image, [])
    return FileFacts(*place, picture.size[::-1], picture.image.mode, digest(pixels))
