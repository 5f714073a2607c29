"""From the nodes of a foreign graph to a `Network` and its weights.

A reader gives nodes in the order of computation, each with the layers that it is worth. Sums of
two branches become residual blocks: the branches run from the sum back to where they part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convlens.foundation.errors import InputError, NetworkError
from convlens.network import Network
from convlens.network.layers import Conv, Depthwise, Layer, Residual, Sliding
from convlens.network.plan import Step
from convlens.network.walk import named, walk
from convlens.weights.tensor_file import Array, quote

MOST_NODES = 20_000


@dataclass(frozen=True)
class Pad:
    """Zeros around the maps, as a node of its own: (top, bottom, left, right)."""

    padding: tuple[int, int, int, int]


@dataclass(frozen=True)
class Piece:
    """One layer with its arrays, in the neutral layout; or zeros that the next layer takes over.

    `name` is the layer's full name where the file has one worth keeping, else empty.
    """

    layer: Layer | Pad
    arrays: Mapping[str, Array] = field(default_factory=dict)
    name: str = ""
    main: tuple[Piece, ...] = ()
    shortcut: tuple[Piece, ...] = ()


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
    """One operation: what it is called, what it reads, and the layers it is worth.

    Two inputs mean their sum.
    """

    name: str
    inputs: tuple[str, ...]
    pieces: tuple[Piece, ...] = ()


def assemble(nodes: Sequence[Node], source: str, output: str) -> list[Piece]:
    """Return the layers between the graph's input and an output, sums as residual blocks.

    Parameters
    ----------
    nodes : sequence of Node
        In the order of computation; a node's name is also that of its output.
    source, output : str
        The names of the graph's input and of the output that is wanted.

    Raises
    ------
    InputError
        Where two branches share more than the place where they part.
    """
    if len(nodes) > MOST_NODES:
        raise InputError(
            f"the graph has {len(nodes):,} nodes", f"at most {MOST_NODES:,}", "simplify it"
        )
    return _Assembly(nodes, source).between(source, output, 0)


class _Assembly:
    def __init__(self, nodes: Sequence[Node], source: str) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.place = {source: -1, **{node.name: i for i, node in enumerate(nodes)}}
        self.forks: dict[str, str] = {}
        self.used: set[str] = set()
        for node in nodes:  # in order, so that each search finds the earlier sums done
            if len(node.inputs) == 2:
                self.forks[node.name] = self._fork(node)

    def before(self, name: str) -> str:
        """Return what all ways to a node come through last."""
        return self.forks[name] if name in self.forks else self.nodes[name].inputs[0]

    def _fork(self, node: Node) -> str:
        first, second = node.inputs
        while first != second:  # the one computed later cannot be where they part
            if self.place[first] > self.place[second]:
                first = self.before(first)
            else:
                second = self.before(second)
        return first

    def between(self, start: str, end: str, depth: int) -> list[Piece]:
        if depth > 16:
            raise InputError(
                "sums are nested more than 16 deep", "at most 16 blocks inside one another", ""
            )
        pieces: list[Piece] = []
        while end != start:
            node = self.nodes[end]
            if end in self.used:
                raise InputError(
                    f"two branches share the node {quote(end)}",
                    "branches that meet in sums and have nothing else in common",
                    "import a network without connections across its blocks",
                )
            self.used.add(end)
            if len(node.inputs) == 2:
                fork = self.forks[end]
                sides = [self.between(fork, side, depth + 1) for side in node.inputs]
                if not sides[0]:  # x + f(x): the shortcut is the empty side
                    sides.reverse()
                main, shortcut = map(merge_padding, sides)
                block = Residual(layers=_layers(main), shortcut=_layers(shortcut))
                name = node.pieces[0].name if node.pieces else ""
                pieces.append(Piece(block, {}, name, tuple(main), tuple(shortcut)))
            else:
                pieces += reversed(node.pieces)
            end = self.before(end)
        return pieces[::-1]


def merge_padding(pieces: Sequence[Piece]) -> list[Piece]:
    """Give zeros that stand alone to the convolution after them.

    Raises
    ------
    InputError
        Where something else follows: a pooling, for one, does not see its padding as zeros.
    """
    merged: list[Piece] = []
    waiting: Pad | None = None
    for piece in pieces:
        if isinstance(piece.layer, Pad):
            if waiting is not None:
                raise _stray_padding("more padding")
            waiting = piece.layer
            continue
        if waiting is not None:
            if not isinstance(piece.layer, Conv | Depthwise) or piece.layer.padding == "same":
                raise _stray_padding(piece.layer.kind)
            own = piece.layer.padding
            total = tuple(a + b for a, b in zip(own, waiting.padding, strict=True))
            layer = piece.layer.model_copy(update={"padding": total})
            piece, waiting = replace(piece, layer=layer), None
        merged.append(piece)
    if waiting is not None:
        raise _stray_padding("the end")
    return merged


def _stray_padding(follower: str) -> InputError:
    return InputError(
        f"zeros are padded before {follower}",
        "padding before a convolution, whose own padding it becomes",
        "move it, or use the layer's own padding",
    )


def _layers(pieces: Sequence[Piece]) -> tuple[Layer, ...]:
    return tuple(piece.layer for piece in pieces if isinstance(piece.layer, Layer))


@dataclass(frozen=True, eq=False)
class Built:
    """A network made of pieces.

    Parameters
    ----------
    network : Network
        Strict where every window lands on the last cell, else with the floor rule of PyTorch,
        Keras and ONNX.
    weights : dict of str to array
        The pieces' arrays, named as the network does.
    origins : dict of str to str
        The pieces' own names by the network's layer names, where they have one.
    notes : tuple of str
        What the user should know.
    """

    network: Network
    weights: dict[str, Array]
    origins: dict[str, str]
    notes: tuple[str, ...]


def build(pieces: Sequence[Piece], shape: tuple[int, int, int], name: str, where: str) -> Built:
    """Make the network of the pieces, and name their arrays as it does.

    Parameters
    ----------
    pieces : sequence of Piece
        From `assemble`.
    shape : (C, H, W)
        The network's input.
    name : str
        The network's name.
    where : str
        The file, for errors.

    Raises
    ------
    NetworkError
        Where the layers do not fit together.
    """
    merged = merge_padding(pieces)
    try:
        plan = walk(shape, _with_names(merged, ""), floor=True)
    except NetworkError as error:
        raise NetworkError(f"{where}: {error.what}", error.expected, error.fix) from None
    merged = _with_same_padding(merged, iter(plan.steps))
    layers = _with_names(merged, "")
    notes: list[str] = []
    network = Network(name=name, input=shape, layers=layers)
    try:
        walk(shape, layers)
    except NetworkError:  # what the floor rule takes, the strict one need not
        network = Network(name=name, input=shape, layers=layers, rounding="floor")
        notes.append('some windows drop the last rows or columns: rounding = "floor" is set')
    output = network.plan().output
    if len(output) == 1 and output[0] >= 2:
        network = Network.read({**network.to_dict(), "classes": output[0]})
    weights: dict[str, Array] = {}
    origins: dict[str, str] = {}
    for step, piece in zip(network.plan().steps, _in_table_order(merged), strict=True):
        weights |= {f"{step.name}.{array}": value for array, value in piece.arrays.items()}
        if piece.name:
            origins[step.name] = piece.name
    return Built(network, weights, origins, tuple(notes))


def _with_same_padding(pieces: Sequence[Piece], rows: Iterator[Step]) -> list[Piece]:
    """Write "same" where a layer that drops cells pads exactly as "same" would: it asked for it."""
    found: list[Piece] = []
    for piece in pieces:
        main = _with_same_padding(piece.main, rows)
        shortcut = _with_same_padding(piece.shortcut, rows)
        step, layer = next(rows), piece.layer
        if isinstance(layer, Residual):
            piece = replace(piece, main=tuple(main), shortcut=tuple(shortcut))
        elif isinstance(layer, Sliding) and step.dropped != (0, 0):
            same = layer.model_copy(update={"padding": "same"})
            if same.windows(step.input) == layer.windows(step.input):
                piece = replace(piece, layer=same)
        found.append(piece)
    return found


def _with_names(pieces: Sequence[Piece], prefix: str) -> tuple[Layer, ...]:
    """Return the layers, named as the file does where all its names of a list can be kept."""
    plain: list[Layer] = []
    for piece in pieces:
        assert isinstance(piece.layer, Layer)  # padding has been merged
        layer = piece.layer
        if isinstance(layer, Residual):
            inner = f"{piece.name}." if piece.name else "\0"  # a prefix that no name has
            layer = layer.model_copy(
                update={
                    "layers": _with_names(piece.main, inner),
                    "shortcut": _with_names(piece.shortcut, f"{inner}shortcut."),
                }
            )
        plain.append(layer)
    wanted = [
        piece.name.removeprefix(prefix) if piece.name.startswith(prefix) else "" for piece in pieces
    ]
    usual = [name for name, _ in named(tuple(plain))]
    if not all(wanted) or len(set(wanted)) < len(wanted) or wanted == usual:
        return tuple(plain)
    try:
        # by `type(layer)` and not by copy, so that a name is checked as a user's would be
        return tuple(
            type(layer)(**{**_fields(layer), "name": name if name != normal else None})
            for layer, name, normal in zip(plain, wanted, usual, strict=True)
        )
    except ValueError:
        return tuple(plain)


def _fields(layer: Layer) -> dict[str, object]:
    return {key: getattr(layer, key) for key in type(layer).model_fields}


def _in_table_order(pieces: Sequence[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield from _in_table_order(piece.main)
        yield from _in_table_order(piece.shortcut)
        yield piece


def unsupported(where: str, found: Sequence[tuple[str, str]], known: Sequence[str]) -> InputError:
    """Return the error for layers that convlens has not: each named with its kind, ten at most."""
    listed = "; ".join(f"{quote(name)} ({kind[:200]})" for name, kind in found[:10])
    more = f"; and {len(found) - 10} more" if len(found) > 10 else ""
    return InputError(
        f"{where} has {len(found)} layers that convlens has not: {listed}{more}",
        "layers among " + ", ".join(known),
        "export the part that is an image-classification CNN of these layers",
    )
