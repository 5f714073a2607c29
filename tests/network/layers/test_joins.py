"""Where branches meet: shapes, what is refused, and what is computed in every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import networks
from convlens.engines import build
from convlens.network import Network
from convlens.network.layers import Add, Concat, Multiply, Unfit


def test_a_sum_needs_one_shape() -> None:
    assert Add().joined([(3, 4, 4)] * 3) == (3, 4, 4)
    with pytest.raises(Unfit, match="branch 1 gives 3x4x4, branch 2 gives 3x4x4 and branch 3"):
        Add().joined([(3, 4, 4), (3, 4, 4), (3, 1, 1)])


def test_maps_of_one_size_are_put_one_after_the_other_and_features_too() -> None:
    assert Concat().joined([(3, 4, 5), (1, 4, 5)]) == (4, 4, 5)
    assert Concat().joined([(7,), (2,)]) == (9,)
    for other in [(3, 4, 4), (3, 1, 1), (3,)]:
        with pytest.raises(Unfit):
            Concat().joined([(3, 4, 5), other])


def test_one_cell_per_map_multiplies_maps_of_any_size_in_either_order() -> None:
    assert Multiply().joined([(3, 4, 5), (3, 1, 1)]) == (3, 4, 5)
    assert Multiply().joined([(3, 1, 1), (3, 4, 5), (3, 4, 5)]) == (3, 4, 5)
    assert Multiply().joined([(3, 1, 1), (3, 1, 1)]) == (3, 1, 1)
    assert Multiply().joined([(7,), (7,)]) == (7,)
    for other in [(1, 1, 1), (3, 1, 5), (1, 4, 5), (3,)]:
        with pytest.raises(Unfit):
            Multiply().joined([(3, 4, 5), other])


@pytest.mark.parametrize("engine", ["torch", "keras"])
@settings(max_examples=15, deadline=None)
@given(written=networks.branched)
def test_the_engines_agree_on_every_step_of_random_branches(
    engine: str, written: dict[str, Any]
) -> None:
    if engine == "keras":
        pytest.importorskip("keras")
    network = Network.read(written)
    images = np.random.default_rng(1).standard_normal((2, *network.input)).astype(np.float32)
    ours = build(network, 5, "reference").activations(images)
    theirs = build(network, 5, engine).activations(images)
    assert list(ours) == list(theirs)
    for name, values in ours.items():
        np.testing.assert_allclose(theirs[name], values, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("join", ["add", "concat", "multiply"])
def test_features_meet_as_maps_do(join: str) -> None:
    branches = [[{"linear": 4}], [{"relu": True}, {"linear": 4}], [{"linear": 4}]]
    network = Network(
        input=(2, 3, 3), layers=[{"flatten": True}, {"branches": branches, "join": join}]
    )
    model = build(network, engine="reference")
    values = model.activations(np.random.default_rng(0).standard_normal((2, 2, 3, 3)))
    ends = [values[name] for name in network.plan().sources(f"{join}1") if name]
    expected = {
        "add": lambda: ends[0] + ends[1] + ends[2],
        "concat": lambda: np.concatenate(ends, axis=1),
        "multiply": lambda: ends[0] * ends[1] * ends[2],
    }[join]()
    np.testing.assert_allclose(values[f"{join}1"], expected, rtol=1e-12)
