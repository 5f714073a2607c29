"""Steps: by hand, by the mission's examples, and a thousand cells of random networks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import networks
from convlens import data
from convlens.engines import build
from convlens.engines.reference import ReferenceModel
from convlens.foundation.errors import InputError
from convlens.inside.records import (
    Addition,
    CellComputation,
    Concatenation,
    Correlation,
    Elementwise,
    Pooling,
    Product,
    WeightedSum,
)
from convlens.inside.windows import window
from convlens.network import Network, zoo


def model_of(layers: list[dict[str, Any]], shape: Any, **weights: Any) -> ReferenceModel:
    """Build a small network with given weights; `conv1_weight` is `conv1.weight`."""
    model = ReferenceModel(Network(input=shape, layers=layers, rounding="floor"))
    model.load_weights({n.replace("_", ".", 1): np.array(a, float) for n, a in weights.items()})
    return model


def test_a_step_of_two_channels_with_padding_done_by_hand() -> None:
    layer = {"conv": 2, "kernel": 2, "stride": [1, 2], "padding": [1, 0, 0, 0]}
    weight = np.zeros((2, 2, 2, 2))
    weight[1] = [[[1, 2], [3, 4]], [[0, -1], [5, 0]]]
    model = model_of([layer], (2, 2, 4), conv1_weight=weight, conv1_bias=[0, 0.25])
    image = np.array([[[1, 2, 3, 4], [5, 6, 7, 8]], [[10, 20, 30, 40], [50, 60, 70, 80]]], float)
    step = window(model, image, "conv1", (1, 0, 1))
    assert isinstance(step, Correlation)
    assert step.rows.tolist() == [-1, 0]
    assert step.columns.tolist() == [2, 3]
    assert step.padding.tolist() == [[True, True], [False, False]]
    assert step.patch.tolist() == [[[0, 0], [3, 4]], [[0, 0], [30, 40]]]
    assert step.kernel.tolist() == weight[1].tolist()
    assert step.products.tolist() == [[[0, 0], [9, 16]], [[0, 0], [150, 0]]]
    assert step.channel_sums.tolist() == [25, 150]
    assert (step.bias, step.total, step.computed) == (0.25, 175.25, 175.25)
    assert str(step.receptive_field) == "rows -1 to 0, columns 2 to 3"
    assert str(step.visible) == "rows 0 to 0, columns 2 to 3"


def test_the_corner_filter_picks_the_upper_left_value_of_all_nine_windows() -> None:
    corner = [[[[1, 0], [0, 0]]]]
    model = model_of([{"conv": 1, "kernel": 2}], (1, 4, 4), conv1_weight=corner, conv1_bias=[0])
    image = np.random.default_rng(0).standard_normal((1, 4, 4))
    for y in range(3):
        for x in range(3):
            step = window(model, image, "conv1", (y, x), filter=0)
            assert step.total == step.computed == image[0, y, x] == step.patch[0, 0, 0]


def test_a_stride_of_three_down_and_two_across_moves_the_window_so() -> None:
    layer = {"conv": 1, "kernel": [4, 3], "stride": [3, 2], "bias": False}
    model = model_of([layer], (1, 10, 9), conv1_weight=np.ones((1, 1, 4, 3)))
    image = np.arange(90.0).reshape(1, 10, 9)
    assert model.network.plan().output == (1, 3, 4)
    for y in range(3):
        for x in range(4):
            step = window(model, image, "conv1", (0, y, x))
            assert step.rows.tolist() == [3 * y, 3 * y + 1, 3 * y + 2, 3 * y + 3]
            assert step.columns.tolist() == [2 * x, 2 * x + 1, 2 * x + 2]
            assert step.patch[0, 0, 0] == 9 * 3 * y + 2 * x
            assert step.bias is None


def test_dilation_leaves_gaps_between_the_taps() -> None:
    layer = {"conv": 1, "kernel": 2, "dilation": [2, 3], "bias": False}
    model = model_of([layer], (1, 5, 5), conv1_weight=[[[[1, 10], [100, 1000]]]])
    step = window(model, np.arange(25.0).reshape(1, 5, 5), "conv1", (0, 1, 1))
    assert step.patch[0].tolist() == [[6, 9], [16, 19]]
    assert step.total == 6 + 90 + 1600 + 19000


def test_filters_of_a_group_and_depthwise_filters_see_their_own_channels() -> None:
    layers = [{"conv": 6, "kernel": 1, "groups": 2}, {"depthwise": 2, "kernel": 1}]
    model = build(Network(input=(4, 2, 2), layers=layers), seed=1, engine="reference")
    image = np.random.default_rng(0).standard_normal((4, 2, 2))
    channels = [window(model, image, "conv1", (f, 0, 0)).channels.tolist() for f in range(6)]
    assert channels == [[0, 1]] * 3 + [[2, 3]] * 3
    channels = [window(model, image, "depthwise1", (f, 0, 0)).channels.tolist() for f in range(12)]
    assert channels == [[f // 2] for f in range(12)]


def test_the_winner_of_a_max_pool_is_the_first_of_the_largest() -> None:
    model = model_of([{"max_pool": 2, "padding": 1}], (1, 3, 3))
    image = np.array([[[-9, -1, -1], [-1, -2, -1], [-3, -4, -5]]], float)
    step = window(model, image, "max_pool1", (0, 0, 0))
    assert isinstance(step, Pooling)
    assert (step.winner, step.total, step.counted) == ((0, 0), -9, 1)
    np.testing.assert_array_equal(step.patch, [[np.nan, np.nan], [np.nan, -9]])
    step = window(model, image, "max_pool1", (0, 1, 1))
    assert (step.winner, step.total) == ((1, 2), -1)
    step = window(model, image, "max_pool1", (0, 0, 1))
    assert (step.winner, step.total) == ((0, 1), -1)


def test_an_average_divides_by_the_real_cells() -> None:
    model = model_of([{"avg_pool": 2, "padding": [1, 0, 0, 0]}], (1, 3, 4))
    image = np.array([[[1, 2, 3, 5], [5, 6, 7, 8], [9, 10, 11, 12]]], float)
    step = window(model, image, "avg_pool1", (0, 0, 1))
    assert (step.counted, step.total, step.winner) == (2, 4, None)


def test_a_linear_step_knows_the_maps_that_its_inputs_were() -> None:
    layers = [{"flatten": True}, {"linear": 1}, {"linear": 1, "bias": False}]
    model = model_of(
        layers,
        (2, 1, 2),
        linear1_weight=[[1, 10, 100, 1000]],
        linear1_bias=[0.5],
        linear2_weight=[[2]],
    )
    image = np.array([[[1, 2]], [[3, 4]]], float)
    step = window(model, image, "linear1", 0)
    assert isinstance(step, WeightedSum)
    assert step.products.tolist() == [1, 20, 300, 4000]
    assert (step.total, step.bias, step.maps) == (4321.5, 0.5, (2, 1, 2))
    assert step.place(2) == (1, 0, 0)
    step = window(model, image, "linear2", 0)
    assert (step.total, step.bias, step.maps, step.place(0)) == (8643, None, None, None)


def test_elementwise_steps_say_what_they_did() -> None:
    layers = [
        {"batch_norm": True, "epsilon": 0.01, "name": "norm"},
        {"leaky_relu": 0.5},
        {"flatten": True},
    ]
    model = model_of(
        layers,
        (2, 1, 2),
        norm_weight=[1, 10],
        norm_bias=[0, 1],
        norm_running_mean=[0, 6],
        norm_running_var=[1, 3.99],
    )
    image = np.array([[[1, 2]], [[3, 4]]], float)
    norm = window(model, image, "norm", (1, 0, 1))
    assert isinstance(norm, Elementwise)
    assert norm.value == 4
    assert norm.constants == {"mean": 6, "variance": 3.99, "epsilon": 0.01, "weight": 10, "bias": 1}
    assert norm.total == pytest.approx((4 - 6) / 2 * 10 + 1)
    leaky = window(model, image, "leaky_relu1", (1, 0, 1))
    assert leaky.value == pytest.approx(-9)
    assert (leaky.total, leaky.formula) == (pytest.approx(-4.5), "slope * x, as x <= 0")
    flat = window(model, image, "flatten1", 3)
    assert (flat.source, flat.total) == ((1, 0, 1), pytest.approx(-4.5))
    assert str(flat.receptive_field) == "rows 0 to 0, columns 1 to 1"


def test_a_softmax_step_gives_the_share_of_one_class() -> None:
    model = model_of([{"flatten": True}, {"softmax": True}], (2, 1, 1))
    step = window(model, np.log([1.0, 3.0]).reshape(2, 1, 1), "softmax1", 1)
    assert step.total == pytest.approx(0.75)
    assert step.constants["sum"] == pytest.approx(4 / 3)


def test_a_residual_step_has_two_addends() -> None:
    block = {"residual": [{"conv": 1, "kernel": 1, "bias": False}]}
    model = ReferenceModel(Network(input=(1, 1, 2), layers=[block]))
    model.load_weights({"residual1.conv1.weight": np.full((1, 1, 1, 1), 3.0)})
    step = window(model, np.array([[[1.0, 2.0]]]), "residual1", (0, 0, 1))
    assert isinstance(step, Addition)
    assert (step.addends, step.sources, step.total) == ((6, 2), ("residual1.conv1", "image"), 8)


GATED = Network(
    input=(2, 2, 2),
    layers=[
        {"branches": [[], [{"relu": True}], [{"depthwise": 1, "kernel": 1}]], "join": "concat"},
        {"branches": [[{"global_max_pool": True}], []], "join": "multiply"},
    ],
)


def test_a_cell_of_a_concatenation_is_a_cell_of_one_branch() -> None:
    model = build(GATED, engine="reference")
    image = np.arange(8.0).reshape(2, 2, 2) - 4
    step = window(model, image, "concat1", (3, 0, 1))
    assert isinstance(step, Concatenation)
    assert (step.branch, step.source, step.source_cell) == (1, "concat1.branch2.relu1", (1, 0, 1))
    assert step.total == step.value == step.computed == 1
    first = window(model, image, "concat1", (1, 1, 1))
    assert isinstance(first, Concatenation)
    assert (first.branch, first.source, first.source_cell) == (0, "image", (1, 1, 1))


def test_a_gate_multiplies_every_cell_of_a_map_with_its_only_number() -> None:
    model = build(GATED, engine="reference")
    image = np.arange(8.0).reshape(2, 2, 2) - 2
    step = window(model, image, "multiply1", (1, 0, 1))
    assert isinstance(step, Product)
    assert step.factors == (5, 3)
    assert step.cells == ((1, 0, 0), (1, 0, 1))
    assert step.sources == ("multiply1.branch1.global_max_pool1", "concat1")
    assert step.total == step.computed == 15
    assert str(step.visible) == "rows 0 to 1, columns 0 to 1"


def test_a_cell_that_sees_only_padding_says_so() -> None:
    model = build(Network(input=(1, 3, 3), layers=[{"conv": 1, "kernel": 1, "padding": 1}]))
    step = window(model, np.ones((1, 3, 3)), "conv1", (0, 0, 0))
    assert step.visible is None
    assert step.total == step.bias


def test_on_a_real_digit_every_layer_of_the_tutorials_network_adds_up() -> None:
    digits = data.load("digits-5k")
    image = digits.preprocessing.normalise(digits.test.images[:1])[0]
    model = build(zoo.load("tutorial-torch"), seed=1)
    for row in model.network.plan().steps:
        step = window(model, image, row.name, tuple(n // 2 for n in row.output))
        assert step.total == pytest.approx(step.computed, rel=1e-5, abs=1e-6)


def test_a_layer_that_does_not_exist_and_a_batch_of_images_are_refused() -> None:
    model = build(zoo.load("tutorial-torch"))
    image = np.zeros((1, 28, 28), np.float32)
    with pytest.raises(InputError, match='did you mean "conv2"'):
        window(model, image, "con2", (0, 0, 0))
    with pytest.raises(InputError, match=r"images\[0\]"):
        window(model, image[None], "conv2", (0, 0, 0))


def recomputed(step: CellComputation) -> float:
    """Return the cell's value from nothing but the step's numbers."""
    match step:
        case Correlation():
            np.testing.assert_array_equal(step.patch * step.kernel, step.products)
            return float((step.patch * step.kernel).sum() + (step.bias or 0))
        case WeightedSum():
            return float(step.patch @ step.kernel + (step.bias or 0))
        case Pooling():
            return float((np.nanmean if step.winner is None else np.nanmax)(step.patch))
        case Addition():
            return sum(step.addends)
        case Product():
            return float(np.prod(step.factors))
        case Concatenation():
            return step.value
        case Elementwise(kind="batch_norm", value=x, constants=c):
            normal = (x - c["mean"]) / np.sqrt(c["variance"] + c["epsilon"])
            return float(normal * c["weight"] + c["bias"])
        case Elementwise():
            return step.total
    raise TypeError(step)


CELLS = Counter[str]()


@settings(max_examples=63, suppress_health_check=list(HealthCheck))
@given(networks.written, st.integers(0, 2**32 - 1))
def check_sixteen_cells(written: dict[str, Any], seed: int) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    rng, table = np.random.default_rng(seed), network.plan()
    torch_model, reference = build(network, seed % 1000), ReferenceModel(network)
    reference.load_weights(torch_model.weights())
    image = rng.standard_normal(network.input).astype(np.float32)
    exact, rounded = reference.activations(image[None]), torch_model.activations(image[None])
    sliding = [row for row in table.steps if "pool" in row.kind or row.parameters] or table.steps
    scale = max(1.0, *(float(np.abs(values).max()) for values in exact.values()))
    for _ in range(16):
        row = sliding[rng.integers(len(sliding))]
        cell = tuple(int(rng.integers(n)) for n in row.output)
        step = window(reference, image, row.name, cell)
        value = recomputed(step)
        assert abs(value - exact[row.name][0][cell]) <= 1e-10 * scale
        assert abs(value - rounded[row.name][0][cell]) <= 1e-5 * scale
        assert step.total == pytest.approx(value, abs=1e-12 * scale)
        CELLS[row.kind] += 1


def test_a_thousand_random_cells_recomputed_from_their_steps_match_both_engines() -> None:
    CELLS.clear()
    kinds = {"conv", "depthwise", "max_pool", "avg_pool", "linear"}
    # a round of random networks may lack one kind of layer
    for _ in range(4):
        check_sixteen_cells()
        if CELLS.total() >= 1000 and kinds <= set(CELLS):
            break
    assert CELLS.total() >= 1000
    assert kinds <= set(CELLS)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks.branched, st.integers(0, 2**32 - 1))
def test_random_cells_where_branches_meet_are_what_the_engine_computes(
    written: dict[str, Any], seed: int
) -> None:
    network, rng = Network.read(written), np.random.default_rng(seed)
    reference = build(network, seed % 1000, engine="reference")
    image = rng.standard_normal(network.input)
    joins = [step for step in network.plan().steps if len(step.inputs) > 1]
    for step in joins[:4]:
        cell = tuple(int(rng.integers(n)) for n in step.output)
        computation = window(reference, image, step.name, cell)
        assert isinstance(computation, Addition | Product | Concatenation)
        assert recomputed(computation) == pytest.approx(computation.computed, rel=1e-9, abs=1e-12)
