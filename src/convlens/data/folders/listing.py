"""Which images a folder holds, and what they are labelled: names and sizes, no pixels.

A class is a subfolder, or a row of a labels file says it (`labels.py`). `train/`, `validation/`
(or `val/`, `valid/`) and `test/` are respected where they exist. Links to folders are not
followed, so nothing outside is listed and no loop is walked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.data.decode import EXTENSIONS, shown
from convlens.data.folders import labels as label_files
from convlens.errors import DataError

PARTS = ("train", "validation", "test")
UNDECIDED = -1
"""The part of an image that the split by content has to place."""

IMBALANCE = 10
"""A class this many times as large as another is worth a word."""

_ENDINGS = tuple(EXTENSIONS)

_FOLDER_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}


class Found(NamedTuple):
    """One file: its path below the folder, size in bytes, and when it and its entry changed."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True)
class Listing:
    """The images of a folder, in the order of their names.

    Parameters
    ----------
    root : Path
        The folder.
    files : tuple of Found, length N
        The images; a file that cannot be reached has the size -1.
    labels : int64 array (N,)
        Number of each image's class.
    parts : int8 array (N,)
        Index into `PARTS`, or `UNDECIDED`.
    classes : tuple of str
        Names of the classes, fit to be printed.
    notes : tuple of str
        What was noticed: files left out, classes of very different sizes.
    """

    root: Path
    files: tuple[Found, ...]
    labels: NDArray[np.int64]
    parts: NDArray[np.int8]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def path(self, number: int) -> Path:
        """Return where an image lies."""
        return self.root / self.files[number].path


def is_image_folder(path: Path) -> bool:
    """Say whether a folder has subfolders, as a folder of classes has, or a labels file."""
    return path.is_dir() and (bool(label_files.find(path)) or bool(_subfolders(path)))


def list_folder(path: Path) -> Listing:
    """List the images of a folder with their labels; no image is opened.

    Parameters
    ----------
    path : Path
        A folder with one subfolder a class, with such folders below `train/`, `validation/` and
        `test/`, or with a `labels.csv` or `labels.parquet`.

    Raises
    ------
    DataError
        Where a class has no image, a labels file is not usable, or a folder cannot be read.
    """
    labels_file = label_files.find(path)
    listing = _labelled(path, labels_file) if labels_file else _by_subfolder(path)
    counts = np.bincount(listing.labels, minlength=len(listing.classes))
    notes = list(listing.notes)
    if counts.min() * IMBALANCE < counts.max():
        few, many = int(counts.argmin()), int(counts.argmax())
        notes.append(
            f"the classes differ much in size: {listing.classes[many]} has {counts[many]:,} "
            f"images, {listing.classes[few]} {counts[few]:,}"
        )
    return Listing(
        path, listing.files, listing.labels, listing.parts, listing.classes, tuple(notes)
    )


def _by_subfolder(path: Path) -> Listing:
    roots = _part_roots(path)
    names = sorted({name for _, root in roots for name in _subfolders(root)})
    files: list[Found] = []
    labels: list[int] = []
    parts: list[int] = []
    walk = _Walk(path)
    for part, root in roots:
        for label, name in enumerate(names):
            before = len(files)
            files.extend(walk.images(root / name))
            found = len(files) - before
            labels += [label] * found
            parts += [part] * found
            if not found and part in (UNDECIDED, PARTS.index("train")):
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
    return Listing(
        path,
        tuple(files),
        np.asarray(labels, np.int64),
        np.asarray(parts, np.int8),
        tuple(map(shown, names)),
        tuple(walk.notes()),
    )


def _labelled(path: Path, labels_file: Path) -> Listing:
    """List what a labels file names; the folder's other images are counted."""
    table = label_files.read(labels_file)
    walk = _Walk(path)
    present = {file.path: file for file in walk.images(path)}
    inside = _Inside(path)
    files, missing = [], 0
    for row in table.rows:
        file = present.pop(row.path, None)
        if file is None:
            file = inside.found(row.path, f"{shown(labels_file)}, line {row.line}")
            missing += 1
        files.append(file)
    notes = [*table.notes]
    if present:
        notes.append(f"{len(present):,} images that {labels_file.name} does not name were left out")
    classes = _sorted_classes({row.label for row in table.rows})
    numbers = {name: number for number, name in enumerate(classes)}
    return Listing(
        path,
        tuple(files),
        np.asarray([numbers[row.label] for row in table.rows], np.int64),
        np.asarray(
            [UNDECIDED if row.part is None else PARTS.index(row.part) for row in table.rows],
            np.int8,
        ),
        tuple(map(shown, classes)),
        tuple(notes),
    )


def _sorted_classes(names: set[str]) -> list[str]:
    """Sort by number where all are numbers ("10" after "9"), by text otherwise."""
    if all(name.isascii() and name.isdigit() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


class _Inside:
    """Files that a labels file names and the walk did not find: odd names, or not there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.real = os.path.realpath(root)
        self.checked: dict[str, bool] = {}

    def found(self, path: str, where: str) -> Found:
        """Return the file, of size -1 where it is missing; refuse a way out through a link."""
        folder = os.path.dirname(path)  # noqa: PTH120 - "a/b" as the file says it
        if folder not in self.checked:
            real = os.path.realpath(os.path.join(self.root, folder))  # noqa: PTH118
            self.checked[folder] = real == self.real or real.startswith(self.real + os.sep)
        if not self.checked[folder]:
            raise DataError(
                f"{where}: {shown(path)} leads out of the folder through a link",
                "files inside the folder",
                "copy the images into it",
            )
        return _status(path, os.path.join(self.root, path))  # noqa: PTH118


def _status(path: str, full: str) -> Found:
    try:
        status = os.stat(full)  # noqa: PTH116
    except (OSError, ValueError):
        return Found(path, -1, 0, 0)
    return Found(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class _Walk:
    """Image files below folders, in the order of their names, and a count of what is not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.others = self.links = 0

    def images(self, folder: Path) -> Iterator[Found]:
        """Yield the images of a folder and of its subfolders."""
        below = folder.relative_to(self.root).as_posix()
        waiting = ["" if below == "." else below + "/"]
        while waiting:
            prefix = waiting.pop()
            folders = []
            for entry in self._entries(prefix):
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{prefix}{name}/")
                elif not name.lower().endswith(_ENDINGS) or name[0] == ".":
                    if entry.is_symlink() and entry.is_dir():
                        self.links += 1
                    elif not label_files.is_labels_file(prefix + name):
                        self.others += 1
                else:
                    try:
                        status = entry.stat()
                    except OSError:  # a link to nothing, or to itself
                        yield Found(prefix + name, -1, 0, 0)
                        continue
                    yield Found(
                        prefix + name, status.st_size, status.st_mtime_ns, status.st_ctime_ns
                    )
            waiting += reversed(folders)

    def _entries(self, prefix: str) -> Sequence[os.DirEntry[str]]:
        folder = os.path.join(self.root, prefix)  # noqa: PTH118 - a Path cannot hold every name
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=attrgetter("name"))
        except OSError as error:
            raise _unreadable(folder, error) from None

    def notes(self) -> list[str]:
        """Say what was passed over."""
        notes = []
        if self.others:
            notes.append(f"{self.others:,} files that are not images were left out")
        if self.links:
            notes.append(f"links to folders were not followed: {self.links:,}")
        return notes


def _unreadable(folder: str | Path, error: OSError) -> DataError:
    return DataError(
        f"the folder {shown(folder)} cannot be read: {error.strerror}",
        "folders that you may list",
        "correct its permissions, or take it out",
    )


def _subfolders(path: Path) -> list[str]:
    # a link may lead to a folder above; a class that is a link is therefore not followed
    try:
        with os.scandir(path) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            )
    except OSError as error:
        raise _unreadable(path, error) from None


def _part_roots(path: Path) -> list[tuple[int, Path]]:
    """Return the explicit parts, or the folder itself as undecided."""
    present = {name.lower(): path / name for name in _subfolders(path)}
    roots = {
        part: present[name]
        for part, names in _FOLDER_NAMES.items()
        for name in names
        if name in present
    }
    if "train" not in roots or not set(present) <= set(sum(_FOLDER_NAMES.values(), ())):
        return [(UNDECIDED, path)]
    return [(PARTS.index(part), root) for part, root in roots.items()]
