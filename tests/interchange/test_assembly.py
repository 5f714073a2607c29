"""Nodes of a file become a network: zeros go to the convolution after them, names are kept."""

from __future__ import annotations

import numpy as np
import pytest

from convlens.foundation.errors import NetworkError
from convlens.interchange.assembly import Built, Node, Piece, ZeroPadding, build
from convlens.network import Network
from convlens.network.layers import Add, AvgPool, Concat, Conv, MaxPool, Pad, ReLU

PAD = Node("pad", ("x",), (Piece(ZeroPadding((0, 1, 0, 1))),))


def built(*nodes: Node, size: int = 8) -> Built:
    return build(nodes, "x", nodes[-1].name, (1, size, size), "net", "net.onnx")


def conv(name: str, source: str, **settings: object) -> Node:
    arrays = {"weight": np.ones(1, np.float32)}
    return Node(name, (source,), (Piece(Conv(filters=1, **settings), arrays, name),))


def test_the_arrays_of_both_branches_get_the_names_of_the_network() -> None:
    add = Node("sum", ("left", "right"), (Piece(Add()),))
    result = built(conv("left", "x"), conv("right", "x"), add)
    assert list(result.weights) == ["residual1.conv1.weight", "residual1.shortcut.conv1.weight"]
    assert result.origins == {"residual1.conv1": "left", "residual1.shortcut.conv1": "right"}


def test_the_pieces_of_one_node_are_layers_one_after_another() -> None:
    node = Node("both", ("x",), (Piece(ReLU()), Piece(MaxPool(kernel=2))))
    assert [layer.kind for layer in built(node).network.layers] == ["relu", "max_pool"]


def test_zeros_go_to_the_convolution_after_them() -> None:
    [layer] = built(PAD, conv("c", "pad", padding=1)).network.layers
    assert isinstance(layer, Conv)
    assert layer.padding == (1, 2, 1, 2)


def test_zeros_that_two_convolutions_read_go_to_both() -> None:
    sides = conv("left", "pad"), conv("right", "pad")
    result = built(PAD, *sides, Node("sum", ("left", "right"), (Piece(Add()),)))
    assert {step.layer.padding for step in result.network.plan().steps[:2]} == {(0, 1, 0, 1)}


def test_zeros_that_a_mean_counts_go_to_it() -> None:
    mean = Node("p", ("pad",), (Piece(AvgPool(kernel=2)),))
    [layer] = built(PAD, mean).network.layers
    assert layer == AvgPool(kernel=2, padding=(0, 1, 0, 1), count_padding=True)


@pytest.mark.parametrize(
    "after",
    [
        [Node("p", ("pad",), (Piece(MaxPool(kernel=2)),))],
        [Node("p", ("pad",), (Piece(AvgPool(kernel=2, ceil=True)),))],
        [Node("p", ("pad",), (Piece(AvgPool(kernel=1)),))],
        [Node("s", ("pad", "pad"), (Piece(Add()),))],
        [conv("c", "pad", padding="same")],
        [conv("c", "pad", kernel=1), Node("s", ("c", "pad"), (Piece(Concat()),))],
        [],
    ],
    ids=lambda nodes: " ".join(piece.layer.kind for node in nodes for piece in node.pieces),
)
def test_zeros_before_anything_else_are_a_layer(after: list[Node]) -> None:
    first, *others = built(PAD, *after).network.layers
    assert isinstance(first, Pad)
    assert first.padding == (0, 1, 0, 1)
    assert all(getattr(layer, "padding", None) != (0, 1, 0, 1) for layer in others)


def test_zeros_before_zeros_are_both_kept() -> None:
    more = Node("more", ("pad",), (Piece(ZeroPadding((1, 1, 1, 1))),))
    pad, layer = built(PAD, more, conv("c", "more")).network.layers
    assert isinstance(pad, Pad)
    assert isinstance(layer, Conv)
    assert layer.padding == (1, 1, 1, 1)


def test_zeros_that_do_not_lead_to_the_output_do_no_harm() -> None:
    pool = Node("p", ("pad",), (Piece(MaxPool(kernel=2)),))
    assert built(PAD, pool, conv("c", "x")).network.layers == (Conv(filters=1, name="c"),)


def test_branches_that_cannot_be_nested_are_refused_with_the_file() -> None:
    nodes = [conv("a", "x"), conv("b", "x"), Node("s", ("a", "b"), (Piece(Add()),))]
    with pytest.raises(NetworkError, match=r'net\.onnx: two branches share the node "a"'):
        built(*nodes, Node("t", ("s", "a"), (Piece(Add()),)))


def test_padding_that_is_same_is_spelled_so_and_the_floor_rule_only_where_it_is_needed() -> None:
    network = built(conv("c", "x", kernel=1, stride=2)).network
    assert isinstance(network, Network)
    assert network.rounding == "strict"
    assert network.layers == (Conv(filters=1, kernel=1, stride=2, padding="same", name="c"),)
    result = built(Node("p", ("x",), (Piece(MaxPool(kernel=2)),)), size=7)
    assert result.network.rounding == "floor"
    assert "drop the last rows" in result.notes[0]
