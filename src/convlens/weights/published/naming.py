"""What a file of published weights calls each array of a network: short rules, kept as data.

A rule is a pair of names, ours and theirs. `{n}` in ours stands for a number, and in theirs for
the same number; `{n+1}`, `{n-2}` and `{3n+1}` are computed from it. Where blocks are alike, a rule
says what a block is called and others what its layers are called. One file in `names/` holds the
rules of a network, or of several that are written alike.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files

_HOLE = re.compile(r"\{([^{}]*)\}")
_SUM = re.compile(r"(\d*)([a-z]+)([+-]\d+)?")


class Rule:
    """One pair of names.

    Parameters
    ----------
    ours, theirs : str
        The pattern, and what a name that it fits becomes.

    Examples
    --------
    >>> rule = Rule("repeat{s}.{b}.conv{c}", "layer{s}.{b-1}.conv{c}")
    >>> rule("repeat2.3.conv1")
    'layer2.2.conv1'
    >>> rule("linear1") is None
    True
    >>> rule.split("repeat2.3.conv1.weight")
    ('layer2.2.conv1', 'weight')
    """

    def __init__(self, ours: str, theirs: str) -> None:
        self.theirs = theirs
        pattern, seen = "", set()
        for number, part in enumerate(_HOLE.split(ours)):
            if number % 2 == 0:
                pattern += re.escape(part)
            elif part in seen:
                pattern += f"(?P={part})"
            else:
                pattern += rf"(?P<{part}>\d+)"
                seen.add(part)
        self._whole = re.compile(pattern)
        self._beginning = re.compile(rf"{pattern}\.")

    def __call__(self, name: str) -> str | None:
        """Return what a name becomes, or None where it does not fit."""
        fitting = self._whole.fullmatch(name)
        return None if fitting is None else self._become(fitting)

    def split(self, name: str) -> tuple[str, str] | None:
        """Return what the beginning of a name becomes, and the rest after the dot."""
        fitting = self._beginning.match(name)
        return None if fitting is None else (self._become(fitting), name[fitting.end() :])

    def _become(self, fitting: re.Match[str]) -> str:
        return _HOLE.sub(lambda hole: str(_value(hole[1], fitting.groupdict())), self.theirs)


def _value(text: str, numbers: Mapping[str, str]) -> int:
    written = _SUM.fullmatch(text)
    if written is None or written[2] not in numbers:
        raise ValueError(f"{{{text}}} is not computed from the numbers of the pattern")
    return int(written[1] or 1) * int(numbers[written[2]]) + int(written[3] or 0)


Pairs = Mapping[str, str]


@dataclass(frozen=True)
class Blocks:
    """Blocks that are alike: rules for their names, and rules for the layers inside them."""

    names: Pairs
    inside: Pairs

    def in_file(self, layer: str) -> str | None:
        """Return what the file calls a layer of one of the blocks, or None for another layer."""
        for block in self._name_rules:
            if (parts := block.split(layer)) is not None:
                theirs, rest = parts
                inner = _first(self._inside_rules, rest)
                return None if inner is None else f"{theirs}.{inner}"
        return None

    @cached_property
    def _name_rules(self) -> list[Rule]:
        return _rules(self.names)

    @cached_property
    def _inside_rules(self) -> list[Rule]:
        return _rules(self.inside)


@dataclass(frozen=True)
class Names:
    """How the arrays of a network are called in files that others wrote.

    Of rules for the same thing, the first one that fits is taken.

    Parameters
    ----------
    layers : mapping of str to str
        Rules for the names of layers, to which `.weight` and the like are added.
    blocks : tuple of Blocks
        Rules for layers inside blocks, tried after those.
    arrays : mapping of str to str
        Rules for the whole name of an array, tried before all others.
    unused : tuple of str
        How the names of arrays begin that the file holds and the network does not need.
    older : mapping of str to str
        Rules that bring the names of older files to those of newer ones.
    """

    layers: Pairs = field(default_factory=dict)
    blocks: tuple[Blocks, ...] = ()
    arrays: Pairs = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    older: Pairs = field(default_factory=dict)

    def in_file(self, name: str) -> str:
        """Return what the file calls an array of the network.

        Raises
        ------
        KeyError
            Where no rule fits.
        """
        whole = _first(self._array_rules, name)
        if whole is not None:
            return whole
        layer, _, array = name.rpartition(".")
        theirs = [_first(self._layer_rules, layer)]
        theirs += [blocks.in_file(layer) for blocks in self.blocks]
        known = next((one for one in theirs if one is not None), None)
        if known is None:
            raise KeyError(name)
        return f"{known}.{array}"

    def today(self, held: Iterable[str]) -> dict[str, str]:
        """Return the arrays of a file that count, by the name that they have today."""
        counted = {}
        for name in held:
            now = _first(self._older_rules, name) or name
            if not (now.startswith(self.unused) or now.endswith("num_batches_tracked")):
                counted[now] = name
        return counted

    @cached_property
    def _layer_rules(self) -> list[Rule]:
        return _rules(self.layers)

    @cached_property
    def _array_rules(self) -> list[Rule]:
        return _rules(self.arrays)

    @cached_property
    def _older_rules(self) -> list[Rule]:
        return _rules(self.older)


def _rules(pairs: Pairs) -> list[Rule]:
    return [Rule(*pair) for pair in pairs.items()]


def _first(rules: list[Rule], name: str) -> str | None:
    """Return what the first rule that fits makes of a name."""
    return next((new for rule in rules if (new := rule(name)) is not None), None)


@cache
def names_in(stem: str) -> Names:
    """Return the rules of one file in `names/`."""
    text = files(__package__).joinpath("names", f"{stem}.toml").read_text("utf-8")
    written = tomllib.loads(text)
    blocks = tuple(Blocks(**block) for block in written.pop("blocks", ()))
    return Names(blocks=blocks, unused=tuple(written.pop("unused", ())), **written)
