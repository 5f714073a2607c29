"""What is known of a collection of photos: its classes, their photos, and what was trained on them.

Names of classes are data and never part of a path: a class is a number, and a photo is called by a
digest of its bytes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from pathlib import Path

import pydantic

from convlens.foundation.errors import StorageError

LONGEST_NAME = 60
"""Characters of a class's name."""

_COLLECTION = re.compile(r"[0-9a-f]{12}")
_PHOTO = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True)
class Photo:
    """One photo.

    Parameters
    ----------
    id : str
        A digest of its bytes.
    ending : str
        Of its file: ".jpg" and the like.
    bytes : int
        Its length.
    recording : str, optional
        The recording of a camera that it is a frame of. Frames of one recording resemble each
        other, so that they must not lie on both sides of a split.
    """

    id: str
    ending: str
    bytes: int
    recording: str | None = None

    @property
    def file(self) -> str:
        """The name of its file."""
        return self.id + self.ending


@dataclass(frozen=True)
class PhotoClass:
    """A class: what the person calls it, and its photos in the order in which they came."""

    id: str
    name: str
    photos: tuple[Photo, ...] = ()


@dataclass(frozen=True)
class Trained:
    """A run that was trained on a collection, and what the collection was then."""

    run: str
    revision: int


@dataclass(frozen=True)
class Collection:
    """A collection of photos, as `collection.json` has it.

    Parameters
    ----------
    id : str
        Its name in addresses and its folder's name.
    created : str
        When, ISO 8601 in UTC.
    revision : int
        One more with every change of its classes or its photos.
    next_class : int
        The number of the next class; none is given twice.
    classes : tuple of PhotoClass
        In the order in which they were made.
    trained : Trained, optional
        The newest run that was trained on it.
    """

    id: str
    created: str
    revision: int = 0
    next_class: int = 1
    classes: tuple[PhotoClass, ...] = ()
    trained: Trained | None = None
    version: int = field(default=1, kw_only=True)

    @property
    def photos(self) -> list[Photo]:
        """All photos, class by class."""
        return [photo for one in self.classes for photo in one.photos]

    @property
    def bytes(self) -> int:
        """The bytes of all photos."""
        return sum(photo.bytes for photo in self.photos)

    def named(self, name: str) -> PhotoClass | None:
        """Return the class of a name, case aside, if there is one."""
        return next((one for one in self.classes if _key(one.name) == _key(name)), None)

    def class_of(self, photo: str) -> PhotoClass | None:
        """Return the class that holds a photo, if one does."""
        return next((one for one in self.classes if any(p.id == photo for p in one.photos)), None)

    def with_class(self, name: str) -> Collection:
        """Return the collection with one class more."""
        added = PhotoClass(str(self.next_class), name)
        return replace(
            self,
            classes=(*self.classes, added),
            next_class=self.next_class + 1,
            revision=self.revision + 1,
        )

    def with_changed(self, changed: PhotoClass) -> Collection:
        """Return the collection with another state of one of its classes."""
        classes = tuple(changed if one.id == changed.id else one for one in self.classes)
        return replace(self, classes=classes, revision=self.revision + 1)

    def without_class(self, label: str) -> Collection:
        """Return the collection without a class."""
        classes = tuple(one for one in self.classes if one.id != label)
        return replace(self, classes=classes, revision=self.revision + 1)


_ADAPTER = pydantic.TypeAdapter(Collection)


def to_json(collection: Collection) -> str:
    """Return a collection as it is written."""
    return _ADAPTER.dump_json(collection, indent=1).decode() + "\n"


def from_json(path: Path) -> Collection:
    """Read a collection.

    Raises
    ------
    StorageError
        Where the file is missing or damaged.
    """
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except (OSError, pydantic.ValidationError) as error:
        raise StorageError(
            f"{path} cannot be read: {type(error).__name__}", "a collection of photos"
        ) from None


def is_collection_id(text: str) -> bool:
    """Say whether a text can be a collection's name; nothing else is looked for on the disk."""
    return _COLLECTION.fullmatch(text) is not None


def is_photo_id(text: str) -> bool:
    """Say whether a text can be a photo's name."""
    return _PHOTO.fullmatch(text) is not None


def clean_name(name: str) -> str | None:
    r"""Return a class's name without surrounding and double spaces; None where it can be no name.

    Examples
    --------
    >>> clean_name("  my   cat "), clean_name("猫"), clean_name("a\x00b"), clean_name(" ")
    ('my cat', '猫', None, None)
    """
    text = " ".join(unicodedata.normalize("NFC", name).split())
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        return None
    return text


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
