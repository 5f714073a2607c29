"""The known data sets: what they hold, whose they are, and where they lie on this machine.

One TOML file per set in `sets/` says it all, with the source of every hash; this module reads them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import tomli

from convlens.data import digits, formats
from convlens.data.cache import data_root
from convlens.data.dataset import Split
from convlens.data.preprocessing import Framing
from convlens.foundation.errors import DataError, nearest
from convlens.foundation.known_files import File


@dataclass(frozen=True)
class KnownDataSet:
    """What is known about one data set.

    Parameters
    ----------
    title, licence, citation, homepage : str
        For the reader.
    classes : tuple of str
        Class names by number.
    shape : (C, H, W)
        Shape of every image.
    counts : (int, int)
        Training and test images.
    format, options
        How its files are read: a name of `formats.FORMATS`, and its settings.
    framing : {"none", "mnist"}
        See `Preprocessing`.
    mirrors : tuple of str
        Addresses that a file's name is added to, the best first.
    files : tuple of File
        What to download.
    folder, inside : str
        The folder that the files lie in, and where inside it an archive unpacks to.
    folders : tuple of str
        Where else systems install it.
    content : mapping of str to str
        `content_hash` of the parts "train" and "test", where it was computed from checked files.
    mean, std : tuple of float
        Statistics of the training images, per channel on the scale 0 to 1; empty where they were
        not measured.
    how_to_get : str
        What to do where it is not found.
    """

    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    counts: tuple[int, int]
    licence: str
    citation: str
    homepage: str
    format: str
    folder: str
    how_to_get: str
    options: Mapping[str, Any] = field(default_factory=dict)
    framing: Framing = "none"
    mirrors: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    inside: str = ""
    folders: tuple[str, ...] = ()
    content: Mapping[str, str] = field(default_factory=dict)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def is_recognisable(self) -> bool:
        """Whether its files cannot be taken for those of another set."""
        return bool(self.content) or self.format != "idx" or "prefix" in self.options


@cache
def catalog() -> dict[str, KnownDataSet]:
    """Return all entries by name, the embedded set first."""
    folder = files(__name__.rpartition(".")[0]).joinpath("sets")
    stems = (file.name.removesuffix(".toml") for file in folder.iterdir() if ".toml" in file.name)
    entries = {
        name: _entry(name, tomli.loads(folder.joinpath(f"{name}.toml").read_text("utf-8")))
        for name in sorted(stems)
    }
    return dict(sorted(entries.items(), key=lambda item: item[1].format != "embedded"))


def _entry(name: str, written: dict[str, Any]) -> KnownDataSet:
    packed = tuple(
        File(
            file["name"],
            f"sha256:{file['sha256']}" if "sha256" in file else f"md5:{file['md5']}",
            file.get("bytes"),
            tuple(file.get("members", ())),
        )
        for file in written.pop("files", ())
    )
    folder = written.pop("folder", name)
    how_to_get = f"convlens data get {name}"
    if debian := written.pop("debian", ""):
        how_to_get += f", or on Debian apt-get install {debian}"
    fixed = {
        key: tuple(written.pop(key, ()))
        for key in ("classes", "shape", "mirrors", "folders", "mean", "std")
    }
    return KnownDataSet(
        counts=(written.pop("train"), written.pop("test")),
        folder=folder,
        files=packed,
        **{"how_to_get": how_to_get, **fixed, **written},
    )


def names() -> list[str]:
    """Return the names of the known data sets.

    >>> names()[:4]
    ['digits-5k', 'cifar-10', 'cifar-100', 'cifar10-subset']
    """
    return list(catalog())


def describe(name: str) -> dict[str, Any]:
    """Return what is known about a set, and where it was found on this machine (or None)."""
    entry = entry_of(name)
    place = digits.place() if entry.format == "embedded" else next(find(name), None)
    return {
        "title": entry.title,
        "classes": list(entry.classes),
        "shape": list(entry.shape),
        "train": entry.counts[0],
        "test": entry.counts[1],
        "mean": list(entry.mean) or None,
        "std": list(entry.std) or None,
        "licence": entry.licence,
        "citation": entry.citation,
        "homepage": entry.homepage,
        "found": None if place is None else str(place),
        "how_to_get": entry.how_to_get,
    }


def places(name: str) -> list[Path]:
    """Return the folders in which a known set is looked for, in order."""
    entry = entry_of(name)
    folders = []
    if os.environ.get("CONVLENS_DATA"):
        root = Path(os.environ["CONVLENS_DATA"])
        folders.append(root / entry.folder)
        if entry.is_recognisable:
            folders.append(root)
    folders.append(Path("..", "shared", "data", entry.folder))
    folders += [Path(folder) for folder in entry.folders]
    if not os.environ.get("CONVLENS_DATA"):
        folders.append(data_root() / entry.folder)
    return folders


def find(name: str) -> Iterator[Path]:
    """Give every folder or archive on this machine that may hold a known set, the best first."""
    entry = entry_of(name)
    if entry.format == "embedded":
        return
    form = formats.make(entry.format, entry.options)
    for place in places(name):
        for folder in (place, place / entry.inside):
            if folder.is_dir() and form.find(folder):
                yield folder
                break
        else:
            yield from (
                place / file.name
                for file in entry.files
                if file.members and (place / file.name).is_file()
            )


def entry_of(name: str) -> KnownDataSet:
    """Return what is known about a set, or refuse a name that is none."""
    if name not in catalog():
        raise DataError(
            f'there is no data set "{name}"{nearest(name, catalog())}',
            "one of " + ", ".join(catalog()),
        )
    return catalog()[name]


def content_hash(part: Split) -> str:
    """Return the sha256 of what a part holds, however its files are packed.

    Parameters
    ----------
    part : Split
        Images uint8 `(N, C, H, W)` and labels int64 `(N,)`.

    Returns
    -------
    str
        Over the shape as text, the pixels, and the labels as little-endian int64.

    Examples
    --------
    >>> one = Split(np.zeros((1, 1, 2, 2), np.uint8), np.array([3]))
    >>> content_hash(one)[:16]
    'c435b7726ab08610'
    """
    digest = hashlib.sha256(str(tuple(map(int, part.images.shape))).encode())
    digest.update(np.ascontiguousarray(part.images).data)
    digest.update(part.labels.astype("<i8").data)
    return digest.hexdigest()
