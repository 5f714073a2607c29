"""Which images a folder holds, and what they are labelled: names and sizes, no pixels.

A class is a subfolder, or a row of a labels file says it (`labels.py`). `train/`, `validation/`
(or `val/`, `valid/`) and `test/` are respected where they exist. Links to folders are not
followed, so nothing outside is listed and no loop is walked.
"""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data.decode import EXTENSIONS, shown
from convlens.data.folders import labels as label_files
from convlens.foundation.errors import DataError

PARTS = ("train", "validation", "test")
UNDECIDED = -1
"""The part of an image that the split by content has to place."""

IMBALANCE = 10
"""Where one class is this many times as large as another, a note says so."""

_ENDINGS = tuple(EXTENSIONS)

Status = tuple[int, int, int]
_UNREACHABLE: Status = (-1, 0, 0)

_FOLDER_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Listing:
    """The images of a folder, in the order of their names.

    Parameters
    ----------
    root : Path
        The folder.
    paths : tuple of str, length N
        The images, below the folder.
    status : int64 array (N, 3)
        Each file's size in bytes, and when the file and its entry changed, in nanoseconds; the size
        is -1 where the file cannot be reached.
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
    paths: tuple[str, ...]
    status: NDArray[np.int64]
    labels: NDArray[np.int64]
    parts: NDArray[np.int8]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each file (N,); -1 where it cannot be reached."""
        return self.status[:, 0]

    def path(self, number: int) -> Path:
        """Return where an image lies."""
        return self.root / self.paths[number]

    def take(self, rows: NDArray[np.int64]) -> Listing:
        """Return the listing of some of the images, in this order."""
        paths = self.paths
        return replace(
            self,
            paths=tuple([paths[row] for row in rows.tolist()]),
            status=self.status[rows],
            labels=self.labels[rows],
            parts=self.parts[rows],
        )


def is_image_folder(path: Path) -> bool:
    """Say whether a folder has subfolders, as a folder of classes has, or a labels file."""
    return path.is_dir() and (bool(label_files.find(path)) or bool(_subfolders(path)))


def list_folder(path: Path) -> Listing:
    """List the images of a folder with their labels; no image is opened.

    Parameters
    ----------
    path : Path
        A folder with one subfolder per class, with such folders below `train/`, `validation/` and
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
    return replace(listing, notes=tuple(notes))


def _by_subfolder(path: Path) -> Listing:
    roots = _part_roots(path)
    names = sorted({name for _, root in roots for name in _subfolders(root)})
    counts: list[tuple[int, int, int]] = []
    walk = _Walk(path)
    for part, root in roots:
        for label, name in enumerate(names):
            count = walk.add(root / name)
            counts.append((label, part, count))
            if not count and part in (UNDECIDED, PARTS.index("train")):
                raise DataError(
                    f"the class {shown(name)} in {shown(root)} has no images",
                    "at least one image per class",
                    "add images, or remove the empty folder",
                )
    if not walk.paths:
        raise DataError(
            f"{shown(path)} has no images",
            "one subfolder per class with PNG or JPEG files in it",
        )
    labels, parts, found_in_each = np.asarray(counts, np.int64).T
    return Listing(
        path,
        tuple(walk.paths),
        walk.status,
        np.repeat(labels, found_in_each),
        np.repeat(parts, found_in_each).astype(np.int8),
        tuple(map(shown, names)),
        tuple(walk.notes()),
    )


def _labelled(path: Path, labels_file: Path) -> Listing:
    """List what a labels file names; the folder's other images are counted."""
    table = label_files.read(labels_file)
    walk = _Walk(path)
    walk.add(path)
    status = walk.status.tolist()
    present = dict(zip(walk.paths, status, strict=True))
    inside = _Inside(path)
    named = []
    for row in table.rows:
        status = present.pop(row.path, None)
        if status is None:
            status = inside.status(row.path, f"{shown(labels_file)}, line {row.line}")
        named.append(status)
    notes = [*table.notes]
    if present:
        notes.append(f"{len(present):,} images that {labels_file.name} does not name were left out")
    classes = _sorted_classes({row.label for row in table.rows})
    numbers = {name: number for number, name in enumerate(classes)}
    return Listing(
        path,
        tuple([row.path for row in table.rows]),
        np.asarray(named, np.int64),
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

    def status(self, path: str, where: str) -> Status:
        """Return a file's size and times, -1 where it is missing; refuse a way out by a link."""
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
        try:
            status = os.stat(os.path.join(self.root, path))  # noqa: PTH116, PTH118
        except (OSError, ValueError):  # it is not there, or a link to nothing or to itself
            return _UNREACHABLE
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns


class _Walk:
    """Image files below folders, in the order of their names, and a count of what is not.

    A folder of 200,000 files is listed at every start, so that each file costs one call of the
    system and no object but its path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths: list[str] = []
        self.others = self.links = 0
        self._status = array("q")

    @property
    def status(self) -> NDArray[np.int64]:
        """Size and times of each path, (N, 3)."""
        return np.array(self._status, np.int64).reshape(-1, 3)

    def add(self, folder: Path) -> int:
        """Take up the images of a folder and of its subfolders; return how many there are."""
        before = len(self.paths)
        below = folder.relative_to(self.root).as_posix()
        waiting = ["" if below == "." else below + "/"]
        while waiting:
            prefix = waiting.pop()
            waiting += reversed(self._add_entries(prefix))
        return len(self.paths) - before

    def _add_entries(self, prefix: str) -> list[str]:
        """Take up the images that lie in one folder; return its subfolders."""
        folders: list[str] = []
        keep_path, keep_number = self.paths.append, self._status.append
        with _opened(os.path.join(self.root, prefix)) as (names, place, opened):  # noqa: PTH118
            for name in names:
                if not name.lower().endswith(_ENDINGS) or name[0] == ".":
                    self._add_other(prefix, name, place, opened, folders)
                    continue
                try:
                    status = os.stat(place + name, dir_fd=opened)
                except OSError:  # a link to nothing, or to itself
                    size, changed, entry_changed = _UNREACHABLE
                else:
                    if stat.S_ISDIR(status.st_mode):
                        self._add_other(prefix, name, place, opened, folders)
                        continue
                    size, changed, entry_changed = (
                        status.st_size,
                        status.st_mtime_ns,
                        status.st_ctime_ns,
                    )
                keep_path(prefix + name)
                keep_number(size)
                keep_number(changed)
                keep_number(entry_changed)
        return folders

    def _add_other(
        self, prefix: str, name: str, place: str, opened: int | None, folders: list[str]
    ) -> None:
        """Note a subfolder, or count what is no image."""
        try:
            mode = os.lstat(place + name, dir_fd=opened).st_mode
            if stat.S_ISDIR(mode):
                folders.append(f"{prefix}{name}/")
                return
            if stat.S_ISLNK(mode) and stat.S_ISDIR(os.stat(place + name, dir_fd=opened).st_mode):
                self.links += 1
                return
        except OSError:  # a link to nothing, or gone since: no image in any case
            pass
        if not label_files.is_labels_file(prefix + name):
            self.others += 1

    def notes(self) -> list[str]:
        """Say what was passed over."""
        notes = []
        if self.others:
            notes.append(f"{self.others:,} files that are not images were left out")
        if self.links:
            notes.append(f"links to folders were not followed: {self.links:,}")
        return notes


@contextmanager
def _opened(folder: str) -> Iterator[tuple[list[str], str, int | None]]:
    """Yield a folder's names in order, and what leads to its files: a prefix, a descriptor.

    By the folder's descriptor the system need not walk down to it again for every file.
    """
    opened = None
    try:
        try:
            if os.stat in os.supports_dir_fd and os.listdir in os.supports_fd:
                opened = os.open(folder, os.O_RDONLY)
            names = sorted(os.listdir(folder if opened is None else opened))  # noqa: PTH208
        except OSError as error:
            raise _unreadable(folder, error) from None
        yield names, folder if opened is None else "", opened
    finally:
        if opened is not None:
            os.close(opened)


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
