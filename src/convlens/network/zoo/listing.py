"""What there is to say of the named networks without walking them: their group, year and numbers.

`facts/groups.toml` is written by hand. `facts/numbers.json` is computed from the networks by

    python tests/network/zoo/write_numbers.py

so that a list of all of them needs a fraction of a second; a test computes it again.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

GROUPS = {
    "learn": "to learn from",
    "records": "for records",
    "published": "published with their weights",
}
"""The groups in their order, and what a heading calls them."""


@dataclass(frozen=True)
class Facts:
    """What is known of one network.

    Parameters
    ----------
    name, group : str
        Its name, and one of `GROUPS`.
    input : (int, int, int)
        `(channels, height, width)`.
    classes : int
        How many it tells apart.
    about : str
        Why it is here.
    parameters, multiply_adds : int
        For one image.
    year : int or None
        In which it was published.
    published_parameters, published_giga_multiply_adds
        The same numbers as others publish them, or None.
    note : str
        Why they differ; empty where they do not.
    """

    name: str
    group: str
    input: tuple[int, int, int]
    classes: int
    about: str
    parameters: int
    multiply_adds: int
    year: int | None = None
    published_parameters: int | None = None
    published_giga_multiply_adds: float | None = None
    note: str = ""


@cache
def groups() -> dict[str, list[str]]:
    """Return the names of the networks in each group, in the order of the list.

    >>> groups()["learn"][0]
    'tutorial-torch'
    """
    return {group: list(_written()[group]) for group in GROUPS}


@cache
def facts(name: str) -> Facts:
    """Return what is known of a network of the zoo.

    >>> facts("resnet50").year, facts("resnet50").parameters
    (2015, 25557032)
    """
    group = next(group for group, names in groups().items() if name in names)
    known, numbers = _written()[group][name], dict(_numbers()[name])
    return Facts(
        name,
        group,
        tuple(numbers.pop("input")),
        **numbers,
        year=known.get("year"),
        published_parameters=known.get("parameters"),
        published_giga_multiply_adds=known.get("giga_multiply_adds"),
        note=known.get("note", ""),
    )


@cache
def _written() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(files(__package__).joinpath("facts", "groups.toml").read_text("utf-8"))


@cache
def _numbers() -> dict[str, dict[str, Any]]:
    text = files(__package__).joinpath("facts", "numbers.json").read_text("utf-8")
    numbers: dict[str, dict[str, Any]] = json.loads(text)
    return numbers
