"""Graphs become lists of layers, with blocks where branches meet; a plan becomes its network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import networks
from convlens.foundation.errors import NetworkError
from convlens.network import Network, zoo
from convlens.network.layers import Add, Branches, Concat, Conv, Layer, Multiply, ReLU, Residual
from convlens.network.tree import GraphStep, tree, tree_of_plan


def relu(key: str, source: str, name: str = "") -> GraphStep:
    return GraphStep(key, ReLU(), (source,), name)


def add(key: str, *sources: str) -> GraphStep:
    return GraphStep(key, Add(), sources)


def kinds(layers: tuple[Layer, ...]) -> list[str]:
    return [layer.kind for layer in layers]


@settings(max_examples=200, deadline=None)
@given(written=st.one_of(networks.written, networks.branched))
def test_the_plan_of_any_network_is_that_of_the_tree_written_for_it(
    written: dict[str, Any],
) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    again = tree_of_plan(network.plan())
    assert again.keys == tuple(step.name for step in network.plan().steps)
    assert network.model_copy(update={"layers": again.layers}).plan() == network.plan()


@pytest.mark.parametrize("name", zoo.names())
def test_the_plan_of_a_named_network_becomes_its_layers(name: str) -> None:
    network = zoo.load(name)
    assert tree_of_plan(network.plan()).layers == network.layers


def test_layers_and_blocks_with_names_of_their_own_keep_them() -> None:
    inner = {"residual": [{"conv": 1, "kernel": 1, "name": "fold"}], "name": "inner"}
    layers = [{"relu": True, "name": "start"}, {"residual": [inner, {"relu": True}], "name": "b"}]
    network = Network(input=(1, 4, 4), layers=layers)
    assert [step.name for step in network.plan().steps][1] == "b.inner.fold"
    assert tree_of_plan(network.plan()).layers == network.layers


def test_a_sum_with_its_own_input_is_a_residual_block_without_shortcut() -> None:
    graph = [relu("a", "x"), relu("b", "a"), add("s", "a", "b"), relu("c", "s")]
    written = tree(graph, "x", "c")
    assert written.layers == (ReLU(), Residual(layers=(ReLU(),)), ReLU())
    assert written.keys == ("a", "b", "s", "c")


def test_blocks_inside_blocks_and_one_after_another_are_found() -> None:
    graph = [
        *(relu("a", "x"), relu("b", "a"), add("inner", "b", "a"), relu("c", "x")),
        *(add("outer", "inner", "c"), relu("d", "outer"), add("last", "outer", "d")),
    ]
    written = tree(graph, "x", "last")
    outer, last = written.layers
    assert isinstance(outer, Residual)
    assert isinstance(last, Residual)
    assert kinds(outer.layers) == ["relu", "residual"]
    assert kinds(outer.shortcut) == kinds(last.layers) == ["relu"]
    assert written.keys == ("a", "b", "inner", "c", "outer", "d", "last")


def test_a_long_chain_of_blocks_needs_no_deep_recursion() -> None:
    graph, source = [], "x"
    for i in range(3000):
        graph += [relu(f"r{i}", source), add(f"s{i}", source, f"r{i}")]
        source = f"s{i}"
    assert len(tree(graph, "x", source).layers) == 3000


def test_what_does_not_lead_to_the_output_is_left_out() -> None:
    graph = [relu("a", "x"), relu("side", "a"), relu("b", "a")]
    assert tree(graph, "x", "b").keys == ("a", "b")


def test_a_connection_across_blocks_is_refused() -> None:
    graph = [relu("a", "x"), relu("b", "x"), add("s", "a", "b"), add("t", "s", "a")]
    with pytest.raises(NetworkError, match='two branches share the node "a"'):
        tree(graph, "x", "t")


def test_blocks_nested_deeper_than_a_network_may_nest_them_are_refused() -> None:
    graph, source = [], "x"
    for i in range(20):
        graph += [relu(f"r{i}", source), add(f"s{i}", "x", f"r{i}")]
        source = f"s{i}"
    with pytest.raises(NetworkError, match="nested more than 16 deep"):
        tree(graph, "x", source)


def test_a_join_that_no_block_is_written_for_is_named() -> None:
    graph = [relu("a", "x"), relu("b", "x"), GraphStep("j", ReLU(), ("a", "b"))]
    with pytest.raises(NetworkError, match='"j" joins 2 branches by relu'):
        tree(graph, "x", "j")


def test_names_are_kept_list_by_list_where_all_of_a_list_can_be() -> None:
    graph = [relu("a", "x", "first"), relu("b", "a", "second")]
    assert [layer.name for layer in tree(graph, "x", "b").layers] == ["first", "second"]
    for wrong in ("", "first", "no name"):  # none, another one's, and one that no layer can have
        graph[1] = replace(graph[1], name=wrong)
        assert [layer.name for layer in tree(graph, "x", "b").layers] == [None, None]


def test_a_name_that_the_layer_would_get_anyway_is_not_written() -> None:
    conv = GraphStep("c", Conv(filters=1), ("x",), "conv1")
    assert tree([conv], "x", "c").layers == (Conv(filters=1),)


def test_branches_of_any_number_and_join_are_written_in_their_order() -> None:
    for join in (Add(), Concat(), Multiply()):
        graph = [relu("a", "x"), relu("b", "x"), GraphStep("j", join, ("a", "x", "b"))]
        (block,) = tree(graph, "x", "j").layers
        assert isinstance(block, Branches)
        assert block.join == join.kind
        assert [kinds(branch) for branch in block.branches] == [["relu"], [], ["relu"]]


def test_maps_that_are_concatenated_again_and_again_become_one_block_after_another() -> None:
    graph = [
        *(relu("a", "x"), GraphStep("two", Concat(), ("x", "a"))),
        *(relu("b", "two"), GraphStep("three", Concat(), ("x", "a", "b"))),
        *(relu("c", "three"), GraphStep("four", Concat(), ("x", "a", "b", "c"))),
    ]
    layers = tree(graph, "x", "four").layers
    assert kinds(layers) == ["branches"] * 3
    for layer in layers:
        assert isinstance(layer, Branches)
        assert [kinds(branch) for branch in layer.branches] == [[], ["relu"]]


def test_layers_that_are_named_as_copies_are_written_once() -> None:
    layers = [
        {"repeat": 3, "name": "stage", "layers": [{"residual": [{"relu": True}]}, {"relu": True}]}
    ]
    plan = Network(input=(1, 4, 4), layers=layers).plan()
    assert [layer.kind for layer in tree_of_plan(plan).layers] == ["repeat"]
    unlike = replace(plan.steps[0], layer=Conv(filters=1, kernel=(1, 1)))
    other = replace(plan, steps=(unlike, *plan.steps[1:]))
    assert kinds(tree_of_plan(other).layers) == ["residual", "relu"] * 3


def test_a_concatenation_that_begins_like_one_in_its_own_branch_keeps_its_branches() -> None:
    graph = [
        GraphStep("inner", Concat(), ("x", "x")),
        GraphStep("outer", Concat(), ("x", "x", "inner")),
    ]
    written = tree(graph, "x", "outer")
    assert written.keys == ("inner", "outer")
    (outer,) = written.layers
    assert outer.branches[:2] == ((), ())
    assert outer.branches[2][0].branches == ((), ())
