"""A folder of images, one subfolder a class, of any sizes and modes.

`train/`, `validation/` (or `val/`, `valid/`) and `test/` are respected where they exist. Otherwise
the split goes by content: within a class, images are put in the order of a seeded hash of their
pixels, so that it depends neither on file names nor on their order, and exact duplicates, having
one hash, stay on one side.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Split
from convlens.data.decode import EXTENSIONS, decode, shown, size_of
from convlens.data.preprocessing import Preprocessing
from convlens.data.split import share
from convlens.errors import DataError

TEST_FRACTION = 0.2
MAX_BYTES = 2 * 10**9
LARGEST_SIDE = 64
"""Side that is chosen for images of mixed sizes when no network says another."""

_PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}


@dataclass
class FolderSet:
    """What a folder holds: decoded images by part, and what was noticed."""

    classes: tuple[str, ...]
    input: tuple[int, int, int]
    parts: dict[str, Split]
    """Either the one part "all", or "train" and whichever of "validation" and "test" exist."""
    notes: list[str] = field(default_factory=list)


def is_image_folder(path: Path) -> bool:
    """Say whether a folder has subfolders, as a folder of classes has."""
    return path.is_dir() and any(_subfolders(path))


def read_folder(
    path: Path, input_shape: tuple[int, int, int] | None = None, bad_images: str = "fail"
) -> FolderSet:
    """Decode every image below a folder.

    Parameters
    ----------
    path : Path
        The folder.
    input_shape : (C, H, W), optional
        What to bring the images to; by default grey if all of them are, square, as large as the
        median shorter side but at most 64.
    bad_images : {"fail", "skip"}
        Stop at unreadable files, all named; or leave them out, all named in the notes.

    Raises
    ------
    DataError
        Where a class is empty, files are unreadable, or the images would not fit in memory.
    """
    if bad_images not in ("fail", "skip"):
        raise DataError(f'--bad-images is "{bad_images}"', "fail or skip", "use one of these")
    roots = _part_roots(path)
    classes = tuple(
        sorted({folder.name for root in roots.values() for folder in _subfolders(root)})
    )
    files, ignored = _list_files(roots, classes, path)
    notes = [f"{ignored} files that are not images were left out"] if ignored else []
    shape = input_shape or _choose_shape([file for _, _, file in files])
    if len(files) * int(np.prod(shape)) > MAX_BYTES:
        raise DataError(
            f"{len(files):,} images of {shape} need {len(files) * int(np.prod(shape)):,} bytes",
            f"at most {MAX_BYTES:,} bytes of pixels in memory",
            "use a smaller --input, or fewer images",
        )
    # the statistics do not matter here: `prepare` stops before normalisation
    preparing = Preprocessing(shape, (0.0,) * shape[0], (1.0,) * shape[0])
    images: dict[str, list[NDArray[np.uint8]]] = {part: [] for part in roots}
    labels: dict[str, list[int]] = {part: [] for part in roots}
    bad: list[str] = []
    for part, label, file in files:
        try:
            pixels, _ = preparing.prepare(file)
        except DataError as error:
            bad.append(error.what)
            continue
        images[part].append(pixels)
        labels[part].append(label)
    if bad and bad_images == "fail":
        raise DataError(
            f"{len(bad)} of {len(files)} images cannot be read:\n    " + "\n    ".join(bad[:10]),
            "readable images",
            "mend or remove them, or leave them out with --bad-images skip",
        )
    notes += [f"skipped: {reason}" for reason in bad]
    parts = {
        part: Split(
            np.stack(images[part]) if images[part] else np.zeros((0, *shape), np.uint8),
            np.asarray(labels[part], np.int64),
        )
        for part in roots
    }
    return FolderSet(tuple(map(shown, classes)), shape, parts, notes)


def split_by_content(part: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Return (kept, held out): the same share of every class, duplicates on one side.

    Raises
    ------
    DataError
        Where a class has fewer than two different images.
    """
    held: list[int] = []
    for label in np.unique(part.labels):
        members = np.flatnonzero(part.labels == label)
        keys = [_content_key(part.images[i], seed) for i in members]
        order = sorted(range(len(members)), key=lambda i: keys[i])
        count = share(len(members), fraction)
        # duplicates have one key: move the border until it lies between different images
        while 0 < count < len(order) and keys[order[count - 1]] == keys[order[count]]:
            count += 1
        if count >= len(order):
            raise DataError(
                f"class {int(label)} has {len(members)} images and too few different ones to split",
                "at least two different images a class",
                "add images of that class",
            )
        held += [int(members[i]) for i in order[:count]]
    mask = np.zeros(len(part), bool)
    mask[held] = True
    return part.take(np.flatnonzero(~mask)), part.take(np.flatnonzero(mask))


def _content_key(image: NDArray[np.uint8], seed: int) -> bytes:
    return hashlib.sha256(seed.to_bytes(8, "little") + image.tobytes()).digest()


def _subfolders(path: Path) -> list[Path]:
    # a link may lead to a folder above; a class that is a link is therefore not followed
    with os.scandir(path) as entries:
        names = [
            entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        ]
    return [path / name for name in sorted(names)]


def _part_roots(path: Path) -> dict[str, Path]:
    """Return the explicit parts, or the folder itself as the part "all"."""
    present = {folder.name.lower(): folder for folder in _subfolders(path)}
    roots = {
        part: present[name] for part, names in _PARTS.items() for name in names if name in present
    }
    return (
        roots
        if "train" in roots and set(present) <= set(sum(_PARTS.values(), ()))
        else {"all": path}
    )


def _list_files(
    roots: dict[str, Path], classes: Sequence[str], path: Path
) -> tuple[list[tuple[str, int, Path]], int]:
    files: list[tuple[str, int, Path]] = []
    ignored = 0
    for part, root in roots.items():
        for label, name in enumerate(classes):
            found = 0
            for folder, _, names in os.walk(root / name, followlinks=False):
                for file in sorted(names):
                    if Path(file).suffix.lower() in EXTENSIONS and not file.startswith("."):
                        files.append((part, label, Path(folder, file)))
                        found += 1
                    else:
                        ignored += 1
            if not found and part in ("all", "train"):
                raise DataError(
                    f"the class {shown(name)} in {shown(root)} has no images",
                    "at least one image a class",
                    "add images, or remove the empty folder",
                )
    if not files:
        raise DataError(
            f"{shown(path)} has no images",
            "one subfolder a class with PNG or JPEG files in it",
            "check the path",
        )
    return files, ignored


def _choose_shape(files: Sequence[Path]) -> tuple[int, int, int]:
    """Choose channels and size from a sample of the images."""
    sample = files[:: max(1, len(files) // 200)]
    sizes, grey = [], True
    for file in sample:
        try:
            sizes.append(size_of(file))
            grey = grey and decode(file)[0].mode == "L"
        except DataError:
            continue  # counted and named when all files are decoded
    channels = 1 if grey else 3
    if len(set(sizes)) == 1 and max(sizes[0]) <= LARGEST_SIDE:
        return (channels, *sizes[0])
    side = int(np.median([min(size) for size in sizes])) if sizes else LARGEST_SIDE
    return (channels, min(side, LARGEST_SIDE), min(side, LARGEST_SIDE))
