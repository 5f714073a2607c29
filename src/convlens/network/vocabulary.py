"""What users of other libraries call layers and settings: the words of `vocabulary.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import tomli

_PREFIX = re.compile(r"^(?:torch|nn|f|functional|tf|keras|layers|torchvision|ops|jax|flax)\.")


@dataclass(frozen=True)
class Absent:
    """A kind that convlens does not have.

    `write` is the nearest that it has; where that is empty and `leave_out` is set, the layer is
    best left out.
    """

    differs: str
    write: tuple[dict[str, Any], ...] = ()
    leave_out: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """The tables of `vocabulary.toml`, by the word that a user types (see `plain`)."""

    kinds: dict[str, str]
    joins: dict[str, str]
    """Words for branches, and what they are joined by."""
    absent: dict[str, Absent]
    settings: dict[str, tuple[str, ...]]
    """Settings that a word may mean, of which each kind has at most one."""
    needless: dict[str, str]
    recipe: frozenset[str]
    """Settings of a training, which stand in its recipe."""
    network: dict[str, str]
    positional: dict[str, list[list[str]]]


def plain(word: str) -> str:
    """Return a word as `vocabulary.toml` writes it.

    >>> plain("nn.Conv2d"), plain("max_pooling_2d"), plain("keras.layers.BatchNormalization")
    ('conv2d', 'maxpooling2d', 'batchnormalization')
    """
    word = word.strip().lower()
    while (shorter := _PREFIX.sub("", word)) != word:
        word = shorter
    return re.sub(r"[_\-\s.]", "", word)


@cache
def vocabulary() -> Vocabulary:
    """Return the words, read once."""
    tables = tomli.loads(files(__package__).joinpath("vocabulary.toml").read_text("utf-8"))
    settings: dict[str, tuple[str, ...]] = {}
    for setting, words in tables["settings"].items():
        for word in words:
            settings[word] = (*settings.get(word, ()), setting)
    joins = _turned(tables["joins"])
    return Vocabulary(
        kinds={**_turned(tables["kinds"]), **dict.fromkeys(joins, "branches")},
        joins=joins,
        absent={
            word: Absent(
                entry["differs"], tuple(entry.get("write", ())), entry.get("leave_out", False)
            )
            for entry in tables["absent"]
            for word in entry["words"]
        },
        settings=settings,
        needless=_turned(tables["needless"]),
        recipe=frozenset(tables["recipe"]["words"]),
        network=_turned(tables["network"]),
        positional=tables["positional"],
    )


def _turned(table: dict[str, list[str]]) -> dict[str, str]:
    return {word: meant for meant, words in table.items() for word in words}


def setting_meant(word: str, known: Iterable[str]) -> str | None:
    """Return which of a kind's settings a word means, or None.

    >>> setting_meant("kernel_size", ["filters", "kernel"]), setting_meant("p", ["rate", "name"])
    ('kernel', 'rate')
    """
    known = list(known)
    means = vocabulary().settings.get(plain(word), ())
    return next((setting for setting in means if setting in known), None)
