"""A zip of photos: unpacked within bounds, each photo in the class that its folder names."""

from __future__ import annotations

from pathlib import Path

from convlens.data import archives
from convlens.data.decode import EXTENSIONS
from convlens.foundation.errors import DataError
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem
from convlens.serve.photos.store import Added, PhotoStore

RATIO = 20
"""Most unpacked bytes per byte of the zip: photos are compressed already."""


def add_archive(store: PhotoStore, name: str, archive: Path, title: str, limits: Limits) -> Added:
    """Add the photos of a zip, or of a tar file, to a collection.

    Parameters
    ----------
    store, name
        The collection.
    archive : Path
        The file; its folder is used to unpack it.
    title : str
        The class of photos that lie in no folder.

    Raises
    ------
    Problem
        422 where it is no archive, is damaged, holds no image or more than it may; else as
        `PhotoStore.add_by_class`.
    """
    folder = archive.parent / "unpacked"
    bounds = archives.ArchiveLimits(
        entries=4 * limits.photos, total=min(store.room, limits.photo_bytes), ratio=RATIO
    )
    try:
        archives.unpack(archive, folder, limits=bounds)
    except DataError as error:  # its message names the file as it is called here
        what = error.what.replace(str(archive), "the archive")
        raise _refused(what, error.expected, "pack a folder with one subfolder per class") from None
    files = [
        (_class_of(path, folder, title), path, path.relative_to(folder).as_posix())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix.lower() in EXTENSIONS and path.name[0] != "."
    ]
    if not files:
        raise _refused(
            "the archive holds no image", "photos in folders, one per class", "pack such a folder"
        )
    return store.add_by_class(name, files)


def _class_of(path: Path, folder: Path, title: str) -> str:
    """Return the name of the folder that a photo lies in."""
    return title if path.parent == folder else path.parent.name


def _refused(what: str, expected: str, fix: str) -> Problem:
    return Problem(422, "bad_archive", what, expected, fix)
