"""What a training is done on: the photos of one moment, with a split that keeps the test honest.

Frames of one recording are nearly the same picture. Drawn at random, some would be trained on and
others tested with, and the accuracy would say how well the recording is remembered. Recordings
therefore lie on one side as a whole, or, where a class has too few, their last part is tested.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
from pathlib import Path

from convlens.foundation import atomic
from convlens.serve.photos.collection import Collection, Photo, PhotoClass

TEST_SHARE = 0.2
"""Of the photos of each class, where recordings decide the split."""
MOST_OF_A_CLASS = 0.5
"""A recording that is more of its class than this is divided."""

Test = frozenset[str]
"""The photos that are tested with."""


def write_snapshot(collection: Collection, photos: Path, folder: Path) -> None:
    """Write the data of a training: a labels file, and links to the photos' files.

    Links cost no room, and a photo that is removed from the collection later stays part of what
    was trained on.

    Parameters
    ----------
    collection : Collection
        The photos.
    photos : Path
        The folder with their files.
    folder : Path
        A new folder.

    Raises
    ------
    RunError, StorageError
        Where it cannot be written.
    """
    tested = photos_to_test_with(collection)
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    rows.writerow(["file", "label"] if tested is None else ["file", "label", "split"])
    with atomic.new_folder(folder) as fresh:
        for label in collection.classes:
            (fresh / label.id).mkdir()
            for photo in label.photos:
                file = f"{label.id}/{photo.file}"
                _link(photos / photo.file, fresh / file)
                part = [] if tested is None else ["test" if photo.id in tested else "train"]
                rows.writerow([file, label.name, *part])
        atomic.write_text(fresh / "labels.csv", lines.getvalue())


def photos_to_test_with(collection: Collection) -> Test | None:
    """Return the photos to test with; None where no photo is a frame of a recording.

    Without recordings the data's own split decides, which is by content.
    """
    if not any(photo.recording for photo in collection.photos):
        return None
    return frozenset(photo.id for label in collection.classes for photo in _tested(label))


def divided_recordings(collection: Collection) -> list[str]:
    """Return the names of the classes of which a recording lies on both sides of the split."""
    tested = photos_to_test_with(collection) or frozenset()
    names = []
    for label in collection.classes:
        sides: dict[str, set[bool]] = {}
        for photo in label.photos:
            if photo.recording:
                sides.setdefault(photo.recording, set()).add(photo.id in tested)
        if any(len(both) == 2 for both in sides.values()):
            names.append(label.name)
    return names


def _tested(label: PhotoClass) -> list[Photo]:
    """Return the photos of one class to test with: about a fifth, at least one, never all."""
    if len(label.photos) < 2:
        return []
    wanted = max(1, round(TEST_SHARE * len(label.photos)))
    most = MOST_OF_A_CLASS * len(label.photos)
    whole: list[Photo] = []
    for unit in sorted(_units(label), key=lambda unit: _draw(unit[0])):
        if len(whole) < wanted and len(whole) + len(unit) <= most:
            whole += unit
    if whole:
        return whole
    # one recording, or two of very different lengths: the end of the longest
    longest = max(_units(label), key=len)
    return longest[-min(wanted, len(longest) - 1) :]


def _units(label: PhotoClass) -> list[list[Photo]]:
    """Return the recordings of a class, and each other photo by itself."""
    units: dict[str, list[Photo]] = {}
    for photo in label.photos:
        units.setdefault(photo.recording or photo.id, []).append(photo)
    return list(units.values())


def _draw(photo: Photo) -> str:
    """Return what orders photos at random, always in the same way."""
    return hashlib.sha256(f"split {photo.recording or photo.id}".encode()).hexdigest()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
