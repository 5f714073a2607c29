"""From the nodes of a foreign graph to a `Network` and its weights.

A reader gives nodes in the order of computation, each with the layers that it is worth. How they
are nested in the network's file, `convlens.network.tree` works out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convlens.foundation.errors import InputError, NetworkError, quote
from convlens.network import Network
from convlens.network.layers import AvgPool, Convolution, Layer, Pad, Sliding
from convlens.network.tree import GraphStep, tree
from convlens.network.walk import walk
from convlens.weights.tensor_file import Array

MOST_NODES = 20_000


@dataclass(frozen=True)
class ZeroPadding:
    """Zeros around the maps, as a node of its own: (top, bottom, left, right)."""

    padding: tuple[int, int, int, int]


@dataclass(frozen=True)
class Piece:
    """One layer with its arrays, in the neutral layout; or zeros that the next layer takes over.

    `name` is the layer's full name where the file has one worth keeping, else empty.
    """

    layer: Layer | ZeroPadding
    arrays: Mapping[str, Array] = field(default_factory=dict)
    name: str = ""


class NoLayerError(Exception):
    """A foreign operation, or a setting of one, that no layer of convlens computes.

    Readers collect these, to name all of a file at once; see `unsupported`.
    """


UNREADABLE = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError)
"""What Python raises where a file's setting has another type or size than its meaning allows."""


def make_layer(kind: type[Layer], **settings: Any) -> Layer:
    """Make a layer of a file's settings, checked as a user's would be.

    Raises
    ------
    NoLayerError
        Where the layer cannot have such a setting.
    """
    try:
        return kind(**settings)
    except ValueError as error:
        reason = " ".join(str(error).splitlines()[1:3])
        raise NoLayerError(f"{kind.kind}: {reason[:120]}") from None


@dataclass(frozen=True)
class Node:
    """One operation: the name of its output, what it reads, and the layers it is worth.

    Only a join, such as `Add`, reads more than one output; it is the node's only layer.
    """

    name: str
    inputs: tuple[str, ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, eq=False)
class Built:
    """A network made of nodes.

    Parameters
    ----------
    network : Network
        Strict where every window lands on the last cell, else with the floor rule of PyTorch,
        Keras and ONNX.
    weights : dict of str to array
        The nodes' arrays, named as the network does.
    origins : dict of str to str
        The nodes' own names by the network's layer names, where they have one.
    notes : tuple of str
        What the user should know.
    """

    network: Network
    weights: dict[str, Array]
    origins: dict[str, str]
    notes: tuple[str, ...]


def build(
    nodes: Sequence[Node],
    source: str,
    output: str,
    shape: tuple[int, int, int],
    name: str,
    where: str,
) -> Built:
    """Make the network that lies between a graph's input and an output, and name its arrays.

    Parameters
    ----------
    nodes : sequence of Node
        In the order of computation.
    source, output : str
        The names of the graph's input and of the output that is wanted.
    shape : (C, H, W)
        The network's input.
    name : str
        The network's name.
    where : str
        The file, for errors.

    Raises
    ------
    InputError
        Where the graph is too large.
    NetworkError
        Where the layers do not fit together, or branches share more than where they part.
    """
    if len(nodes) > MOST_NODES:
        raise InputError(f"the graph has {len(nodes):,} nodes", f"at most {MOST_NODES:,}")
    parts = {part.key: part for part in _merged(_leading_to(output, _parts(nodes)), output)}
    try:
        written = tree([_step(part) for part in parts.values()], source, output)
        plan = walk(shape, written.layers, floor=True)
    except NetworkError as error:
        raise NetworkError(f"{where}: {error.what}", error.expected, error.fix) from None
    for key, step in zip(written.keys, plan.steps, strict=True):
        # a layer that drops cells and pads exactly as "same" would: it asked for that
        if isinstance(step.layer, Sliding) and step.dropped != (0, 0):
            same = step.layer.model_copy(update={"padding": "same"})
            if same.windows(step.input) == step.layer.windows(step.input):
                piece = replace(parts[key].piece, layer=same)
                parts[key] = replace(parts[key], piece=piece)
    layers = tree([_step(part) for part in parts.values()], source, output).layers
    notes: list[str] = []
    network = Network(name=name, input=shape, layers=layers)
    try:
        walk(shape, layers)
    except NetworkError:  # what the floor rule takes, the strict one need not
        network = Network(name=name, input=shape, layers=layers, rounding="floor")
        notes.append('some windows drop the last rows or columns: rounding = "floor" is set')
    features = network.plan().output
    if len(features) == 1 and features[0] >= 2:
        network = Network.read({**network.to_dict(), "classes": features[0]})
    weights: dict[str, Array] = {}
    origins: dict[str, str] = {}
    for step, key in zip(network.plan().steps, written.keys, strict=True):
        piece = parts[key].piece
        weights |= {f"{step.name}.{array}": value for array, value in piece.arrays.items()}
        if piece.name:
            origins[step.name] = piece.name
    return Built(network, weights, origins, tuple(notes))


@dataclass(frozen=True)
class _Part:
    """One piece of a node, and what it reads."""

    key: str
    piece: Piece
    inputs: tuple[str, ...]


def _parts(nodes: Sequence[Node]) -> Iterator[_Part]:
    for node in nodes:
        inputs = node.inputs
        for number, piece in enumerate(node.pieces, start=1):
            # no name in a file holds a zero byte; the last piece gives the node's own output
            key = node.name if number == len(node.pieces) else f"{node.name}\0{number}"
            yield _Part(key, piece, inputs)
            inputs = (key,)


def _leading_to(output: str, parts: Iterator[_Part]) -> list[_Part]:
    """Return the parts that the output is computed from."""
    needed, kept = {output}, []
    for part in reversed(list(parts)):
        if part.key in needed:
            needed.update(part.inputs)
            kept.append(part)
    return kept[::-1]


def _merged(parts: Sequence[_Part], output: str) -> Iterator[_Part]:
    """Yield the parts without zeros that what reads them can pad itself; others are a `pad` layer.

    A pooling keeps its largest values from padding of its own, and not from such zeros.
    """
    readers: dict[str, list[_Part]] = {}
    for part in parts:
        for key in part.inputs:
            readers.setdefault(key, []).append(part)
    pads: dict[str, tuple[ZeroPadding, tuple[str, ...]]] = {}
    for part in parts:
        layer = part.piece.layer
        before = [pads[key] for key in part.inputs if key in pads]
        if isinstance(layer, ZeroPadding):
            after = [_padded(one.piece.layer, layer.padding) for one in readers.get(part.key, ())]
            if part.key != output and None not in after:
                pads[part.key] = layer, part.inputs
                continue
            alone = replace(part.piece, layer=Pad(padding=layer.padding))
            part = replace(part, piece=alone)
        elif before:
            [(pad, inputs)] = before
            padded = _padded(layer, pad.padding)
            assert padded is not None  # asked for above
            part = _Part(part.key, replace(part.piece, layer=padded), inputs)
        yield part


def _padded(layer: Layer | ZeroPadding, zeros: tuple[int, int, int, int]) -> Layer | None:
    """Return a layer that pads with these zeros itself; None for one that cannot."""
    if isinstance(layer, Convolution) and layer.padding != "same":
        total = tuple(a + b for a, b in zip(layer.padding, zeros, strict=True))
        return layer.model_copy(update={"padding": total})
    if isinstance(layer, AvgPool) and layer.padding == (0, 0, 0, 0) and not layer.ceil:
        top, bottom, left, right = zeros
        if max(top, bottom) < layer.kernel[0] and max(left, right) < layer.kernel[1]:
            return layer.model_copy(update={"padding": zeros, "count_padding": True})
    return None


def _step(part: _Part) -> GraphStep:
    assert isinstance(part.piece.layer, Layer)  # padding has been merged
    return GraphStep(part.key, part.piece.layer, part.inputs, part.piece.name)


def unsupported(where: str, foreign: Sequence[tuple[str, str]], known: Sequence[str]) -> InputError:
    """Return the error for layers that convlens has not: each named with its kind, ten at most."""
    listed = "; ".join(f"{quote(name)} ({kind[:200]})" for name, kind in foreign[:10])
    more = f"; and {len(foreign) - 10} more" if len(foreign) > 10 else ""
    return InputError(
        f"{where} has {len(foreign)} layers that convlens has not: {listed}{more}",
        "layers among " + ", ".join(known),
        "export the part that is an image-classification CNN of these layers",
    )
