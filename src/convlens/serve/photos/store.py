"""Collections of photos on the disk: made, filled, shown and deleted; every change whole or not.

They lie in a hidden folder beside the runs, one folder per collection:

======================  ======================================================================
`collection.json`       classes, photos, what was trained: a photo that it does not name is none
`photos/`               the photos' files, byte for byte as they came
`thumbnails/`           a small JPEG of each
`trained/RUN/photos/`   what a run was trained on: labels, and links to the photos of then
`training/RUN/`         a run while it is trained
======================  ======================================================================

A lock of the file system lets one process at a time change them.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from convlens.data.decode import shown
from convlens.foundation import atomic
from convlens.foundation.errors import DataError
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem, wrong
from convlens.serve.photos.collection import (
    LONGEST_NAME,
    Collection,
    Photo,
    PhotoClass,
    Trained,
    clean_name,
    from_json,
    is_collection_id,
    is_photo_id,
    to_json,
)
from convlens.serve.photos.examine import examine

FOLDER = ".photos"
"""Beside the runs; what begins with a dot is no run."""

_DOCUMENT = "collection.json"
_DELETED = ".deleted-"
_INCOMING = ".incoming-"

Named = tuple[str, Callable[[], bytes]]
"""What a file is called for the person, and how to read it."""


@dataclass(frozen=True)
class Refusal:
    """A file that is no photo of the collection, and why."""

    file: str
    what: str
    expected: str
    fix: str


@dataclass(frozen=True)
class Added:
    """What became of files: the collection with them, how many are new, and which are refused."""

    collection: Collection
    added: int
    known: int
    refused: tuple[Refusal, ...]


class PhotoStore:
    """All collections of one folder of runs.

    Parameters
    ----------
    runs : Path
        The folder of the runs; it may not exist yet.
    limits : Limits
        How much may be collected.
    """

    def __init__(self, runs: Path, limits: Limits) -> None:
        self.root = runs.resolve() / FOLDER
        self._limits = limits

    # which there are

    def listing(self) -> list[Collection]:
        """Return all collections, the newest first."""
        collections = [self._read(folder.name) for folder in self._folders()]
        return sorted(collections, key=lambda one: (one.created, one.id), reverse=True)

    def collection(self, name: str) -> Collection:
        """Return a collection.

        Raises
        ------
        Problem
            404, where there is none of that name.
        """
        if not is_collection_id(name) or not (self.root / name / _DOCUMENT).is_file():
            raise _missing("collection of photos")
        return self._read(name)

    def folder(self, name: str) -> Path:
        """Return the folder of a collection that is there."""
        return self.root / self.collection(name).id

    def photo(self, name: str, photo: str) -> tuple[bytes, Photo]:
        """Return a photo's file as it came, and what is known of it.

        Raises
        ------
        Problem
            404, where there is none.
        """
        known = self._known(name, photo)
        return (self._photos(name) / known.file).read_bytes(), known

    def thumbnail(self, name: str, photo: str) -> bytes:
        """Return a photo's small picture, JPEG."""
        if is_collection_id(name) and is_photo_id(photo):
            # a page asks for hundreds: the document is not read for each
            with suppress(OSError):
                return (self._thumbnails(name) / f"{photo}.jpg").read_bytes()
        raise _missing("photo in this collection")

    # collections and classes

    def create(self, names: Sequence[str]) -> Collection:
        """Make a collection with classes of these names, and no photo yet.

        Raises
        ------
        Problem
            413 where there are too many already, 422 for a name that cannot be one.
        """
        with self._locked():
            if len(self._folders()) >= self._limits.photo_collections:
                raise _full(
                    f"there are {self._limits.photo_collections} collections of photos",
                    f"at most {self._limits.photo_collections}",
                    "delete one that is no longer needed",
                )
            now = datetime.now(UTC).isoformat(timespec="microseconds")
            collection = Collection(secrets.token_hex(6), now)
            for name in names:
                collection = self._with_class(collection, name)
            place = self.root / collection.id
            with atomic.new_folder(place) as fresh:
                (fresh / "photos").mkdir()
                (fresh / "thumbnails").mkdir()
                atomic.write_text(fresh / _DOCUMENT, to_json(collection))
            return collection

    def delete(self, name: str) -> None:
        """Delete a collection with its photos; runs that were trained on it stay."""
        with self._locked():
            folder = self.folder(name)
            gone = folder.with_name(_DELETED + secrets.token_hex(4))
            folder.rename(
                gone
            )  # in one step; what is left of a removal that fails is no collection
            shutil.rmtree(gone, ignore_errors=True)

    def add_class(self, name: str, title: str) -> Collection:
        """Add a class."""
        with self._changed(name) as change:
            return change(self._with_class(self.collection(name), title))

    def rename_class(self, name: str, label: str, title: str) -> Collection:
        """Give a class another name."""
        with self._changed(name) as change:
            collection = self.collection(name)
            renamed = replace(_class(collection, label), name=_checked_name(title))
            other = collection.named(renamed.name)
            if other is not None and other.id != label:
                raise _twice(renamed.name)
            return change(collection.with_changed(renamed))

    def remove_class(self, name: str, label: str) -> Collection:
        """Remove a class and its photos."""
        with self._changed(name) as change:
            collection = self.collection(name)
            removed = _class(collection, label)
            smaller = change(collection.without_class(label))
            self._unlink(name, removed.photos)
            return smaller

    def remember(self, name: str, trained: Trained) -> None:
        """Note the newest run that was trained on a collection."""
        with suppress(Problem), self._changed(name) as change:  # it may be deleted by now
            change(replace(self.collection(name), trained=trained))

    # photos

    def add(
        self, name: str, label: str, files: Sequence[Named], recording: str | None = None
    ) -> Added:
        """Add photos to a class; each file is taken or refused by itself.

        Raises
        ------
        Problem
            404 where there is no such class, 413 where the photos would be too many.
        """
        with self._changed(name) as change:
            collection = self.collection(name)
            adding = _Adding(self, collection, recording)
            self._require_room(collection, len(files))
            for title, read in files:
                adding.take(_class(adding.collection, label), title, read)
            return adding.done(change)

    def add_by_class(self, name: str, files: Sequence[tuple[str, Path, str]]) -> Added:
        """Add the photos of a folder to the classes that they name, which are made where missing.

        Parameters
        ----------
        name : str
            The collection.
        files : sequence of (str, Path, str)
            The name of each one's class, its file, and what it is called for the person.
        """
        with self._changed(name) as change:
            collection = self.collection(name)
            self._require_room(collection, len(files))
            for title in dict.fromkeys(title for title, _, _ in files):
                if collection.named(_checked_name(title)) is None:
                    collection = self._with_class(collection, title)
            adding = _Adding(self, collection, None)
            for title, path, file in files:
                label = adding.collection.named(_checked_name(title))
                assert label is not None
                adding.take(label, file, path.read_bytes)
            return adding.done(change)

    def remove(self, name: str, photo: str) -> Collection:
        """Remove a photo."""
        with self._changed(name) as change:
            known = self._known(name, photo)
            collection = self.collection(name)
            label = collection.class_of(photo)
            assert label is not None
            left = tuple(one for one in label.photos if one.id != photo)
            smaller = change(collection.with_changed(replace(label, photos=left)))
            self._unlink(name, [known])
            return smaller

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """Hand out a new folder for what arrives, which is removed afterwards."""
        self._make_root()
        folder = self.root / (_INCOMING + secrets.token_hex(8))
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def room(self) -> int:
        """How many bytes of photos are still accepted."""
        return self._limits.photo_bytes - sum(one.bytes for one in self.listing())

    # what is left behind

    def tidy(self, runs: Path) -> FileLock | None:
        """Remove what a server that was killed left behind: halves, and what nobody needs.

        Returns
        -------
        FileLock or None
            A lock to hold while the server runs: another server of the same folder leaves
            everything as it is.
        """
        if not self.root.is_dir():
            return None
        lock = FileLock(self.root / ".server.lock", blocking=False, thread_local=False)
        try:
            lock.acquire()
        except (Timeout, OSError):
            return None
        for left in [*self.root.glob(f"{_DELETED}*"), *self.root.glob(f"{_INCOMING}*")]:
            shutil.rmtree(left, ignore_errors=True)
        used = _sources(runs)
        for folder in self._folders():
            shutil.rmtree(folder / "training", ignore_errors=True)
            for trained in (folder / "trained").glob("*"):
                if used is not None and str(trained / "photos") not in used:
                    shutil.rmtree(trained, ignore_errors=True)
            with suppress(Exception):  # a damaged collection is told when it is asked for
                named = {photo.file for photo in self._read(folder.name).photos}
                for file in (folder / "photos").iterdir():
                    if file.name not in named:
                        file.unlink(missing_ok=True)
        return lock

    # the inner workings

    def _read(self, name: str) -> Collection:
        return from_json(self.root / name / _DOCUMENT)

    def _known(self, name: str, photo: str) -> Photo:
        for known in self.collection(name).photos if is_photo_id(photo) else ():
            if known.id == photo:
                return known
        raise _missing("photo in this collection")

    def _photos(self, name: str) -> Path:
        return self.root / name / "photos"

    def _thumbnails(self, name: str) -> Path:
        return self.root / name / "thumbnails"

    def _folders(self) -> list[Path]:
        try:
            return [path for path in self.root.iterdir() if is_collection_id(path.name)]
        except OSError:  # nothing was collected yet
            return []

    def _make_root(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)  # photos are for nobody else on this machine
        except OSError as error:
            raise atomic.explain(error, self.root) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._make_root()
        with FileLock(self.root / ".lock", thread_local=False):
            yield

    @contextmanager
    def _changed(self, name: str) -> Iterator[Callable[[Collection], Collection]]:
        """Hand out how to write a collection's new state, with nobody else changing it."""

        def write(collection: Collection) -> Collection:
            atomic.write_text(self.root / name / _DOCUMENT, to_json(collection))
            return collection

        self.collection(name)  # before a folder is made for the lock
        with self._locked():
            yield write

    def _with_class(self, collection: Collection, name: str) -> Collection:
        title = _checked_name(name)
        if collection.named(title) is not None:
            raise _twice(title)
        if len(collection.classes) >= self._limits.photo_classes:
            raise _full(
                f"the collection has {len(collection.classes)} classes",
                f"at most {self._limits.photo_classes} classes",
                "remove one first",
            )
        return collection.with_class(title)

    def _require_room(self, collection: Collection, more: int) -> None:
        count, most = len(collection.photos) + more, self._limits.photos
        if count > most:
            raise _full(
                f"the collection would have {count:,} photos",
                f"at most {most:,} photos",
                "add fewer; `convlens train --data FOLDER` knows no such limit",
            )

    def _unlink(self, name: str, photos: Iterable[Photo]) -> None:
        for photo in photos:
            (self._photos(name) / photo.file).unlink(missing_ok=True)
            (self._thumbnails(name) / f"{photo.id}.jpg").unlink(missing_ok=True)


class _Adding:
    """Photos on their way into a collection: their files, then the document that names them."""

    def __init__(self, store: PhotoStore, collection: Collection, recording: str | None) -> None:
        self.store, self.collection, self.recording = store, collection, recording
        self.added = self.known = 0
        self.refused: list[Refusal] = []
        self._room = store.room
        self._holder = {p.id: one for one in collection.classes for p in one.photos}

    def take(self, label: PhotoClass, title: str, read: Callable[[], bytes]) -> None:
        """Take one file into a class, or note why not."""
        try:
            photo, content, small = examine(read(), self.store._limits, self.recording)
        except DataError as error:
            self._refuse(title, error.what, error.expected, error.fix)
            return
        holder = self._holder.get(photo.id)
        if holder is not None and holder.id == label.id:
            self.known += 1
            return
        if holder is not None:
            self._refuse(
                *(title, f'the same photo is in the class "{holder.name}"'),
                "each photo in one class",
                "remove it there first, if it belongs here",
            )
            return
        self._room -= photo.bytes
        if self._room < 0:
            most = self.store._limits.photo_bytes
            raise _full(
                f"all photos together would have more than {most:,} bytes",
                f"at most {most:,} bytes",
                "delete a collection that is no longer needed, or add smaller photos",
            )
        name = self.collection.id
        atomic.write_bytes(self.store._photos(name) / photo.file, content)
        atomic.write_bytes(self.store._thumbnails(name) / f"{photo.id}.jpg", small)
        larger = replace(label, photos=(*label.photos, photo))
        self.collection = self.collection.with_changed(larger)
        self._holder[photo.id] = label
        self.added += 1

    def done(self, write: Callable[[Collection], Collection]) -> Added:
        """Write the collection with its new photos."""
        return Added(write(self.collection), self.added, self.known, tuple(self.refused))

    def _refuse(self, title: str, what: str, expected: str, fix: str) -> None:
        self.refused.append(Refusal(shown(title[:120]), what, expected, fix))


def _sources(runs: Path) -> set[str] | None:
    """Return what the runs were trained on, under any name; None where one cannot be read."""
    sources = set()
    for file in runs.glob("*/data.json"):
        try:
            sources.add(str(json.loads(file.read_bytes())["source"]))
        except (OSError, ValueError, LookupError, TypeError):
            return None  # it may be a run of photos
    return sources


def _class(collection: Collection, label: str) -> PhotoClass:
    for one in collection.classes:
        if one.id == label:
            return one
    raise _missing("class in this collection")


def _checked_name(name: str) -> str:
    title = clean_name(name)
    if title is None:
        raise wrong(
            "name", f'"{shown(name[:80])}" cannot name a class', f"1 to {LONGEST_NAME} characters"
        )
    return title


def _twice(name: str) -> Problem:
    return wrong("name", f'there is a class "{name}" already', "a name for each class")


def _missing(what: str) -> Problem:
    return Problem(404, "no_such_photos", f"there is no such {what}", "", "reload the page")


def _full(what: str, expected: str, fix: str) -> Problem:
    return Problem(413, "too_many_photos", what, expected, fix)
