"""Graphs become lists of layers: sums where branches meet, zeros where a convolution takes them."""

from __future__ import annotations

import pytest

from convlens.foundation.errors import InputError
from convlens.interchange.assembly import Node, Pad, Piece, assemble, build, merge_padding
from convlens.network.layers import Conv, MaxPool, ReLU, Residual


def relu(name: str, source: str) -> Node:
    return Node(name, (source,), (Piece(ReLU(), {}, name),))


def add(name: str, first: str, second: str) -> Node:
    return Node(name, (first, second))


def test_a_sum_with_its_own_input_is_a_residual_block_without_shortcut() -> None:
    nodes = [relu("a", "x"), relu("b", "a"), add("s", "a", "b"), relu("c", "s")]
    pieces = assemble(nodes, "x", "c")
    kinds = [piece.layer.kind for piece in pieces if not isinstance(piece.layer, Pad)]
    assert kinds == ["relu", "residual", "relu"]
    assert [piece.name for piece in pieces[1].main] == ["b"]
    assert pieces[1].shortcut == ()


def test_blocks_inside_blocks_and_one_after_another_are_found() -> None:
    nodes = [
        *(relu("a", "x"), relu("b", "a"), add("inner", "b", "a"), relu("c", "x")),
        *(add("outer", "inner", "c"), relu("d", "outer"), add("last", "outer", "d")),
    ]
    outer, last = assemble(nodes, "x", "last")
    assert [type(piece.layer) for piece in outer.main] == [ReLU, Residual]
    assert [piece.name for piece in outer.shortcut] == ["c"]
    assert [piece.name for piece in last.main] == ["d"]


def test_a_long_chain_of_blocks_needs_no_deep_recursion() -> None:
    nodes, source = [], "x"
    for i in range(3000):
        nodes += [relu(f"r{i}", source), add(f"s{i}", source, f"r{i}")]
        source = f"s{i}"
    assert len(assemble(nodes, "x", source)) == 3000


def test_a_connection_across_blocks_is_refused() -> None:
    nodes = [relu("a", "x"), relu("b", "x"), add("s", "a", "b"), add("t", "s", "a")]
    with pytest.raises(InputError, match='two branches share the node "a"'):
        assemble(nodes, "x", "t")


def test_zeros_go_to_the_convolution_after_them() -> None:
    pad, conv = Piece(Pad((0, 1, 0, 1))), Piece(Conv(filters=2, padding=1))
    [merged] = merge_padding([pad, conv])
    assert isinstance(merged.layer, Conv)
    assert merged.layer.padding == (1, 2, 1, 2)
    with pytest.raises(InputError, match="zeros are padded before max_pool"):
        merge_padding([pad, Piece(MaxPool(kernel=2))])


def test_padding_that_is_same_is_spelled_so_and_the_floor_rule_only_where_it_is_needed() -> None:
    halving = Piece(Conv(filters=2, kernel=1, stride=2))
    built = build([halving], (1, 8, 8), "net", "net.onnx")
    assert (built.network.layers[0], built.network.rounding) == (
        Conv(filters=2, kernel=1, stride=2, padding="same"),
        "strict",
    )
    dropping = Piece(MaxPool(kernel=2))
    built = build([dropping], (1, 7, 7), "net", "net.onnx")
    assert built.network.rounding == "floor"
    assert "drop the last rows" in built.notes[0]
