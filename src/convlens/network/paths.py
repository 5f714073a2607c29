"""Paths in a written network: which list of layers each leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convlens.network.layers import Compound, Layer
from convlens.network.layers.joins import Keys
from convlens.network.mistakes import Path

Layers = tuple[Layer, ...]


@dataclass(frozen=True)
class Descent:
    """One step of a path: from a list of layers into one of them, and into a list that it holds."""

    layers: Layers
    index: int
    block: Compound
    keys: Keys


def descents(layers: Layers, at: Path) -> Iterator[Descent]:
    """Yield how a path leads from the network's own list to a list inside it.

    What a path says after the last list, such as the index of a layer, is left out.

    >>> from convlens.network.layers import Flatten, Repeat, Softmax
    >>> layers = (Flatten(), Repeat(times=2, layers=(Softmax(),)))
    >>> [(one.index, one.keys) for one in descents(layers, ("layers", 1, "layers", 0))]
    [(1, ('layers',))]
    """
    rest = at[1:]
    while rest and isinstance(rest[0], int) and rest[0] < len(layers):
        index, block = rest[0], layers[rest[0]]
        if not isinstance(block, Compound):
            return
        keys = next((keys for keys in block.lists() if rest[1 : 1 + len(keys)] == keys), None)
        if keys is None:
            return
        yield Descent(layers, index, block, keys)
        layers, rest = block.lists()[keys], rest[1 + len(keys) :]


def list_at(layers: Layers, at: Path) -> Layers:
    """Return the list of layers that a path such as `("layers", 3, "residual")` leads to."""
    for step in descents(layers, at):
        layers = step.block.lists()[step.keys]
    return layers


def with_list_at(layers: Layers, at: Path, new: Layers) -> Layers:
    """Return a network's layers with another list in the place that a path leads to."""
    for step in reversed(list(descents(layers, at))):
        block = step.block.with_list(step.keys, new)
        new = (*step.layers[: step.index], block, *step.layers[step.index + 1 :])
    return new
