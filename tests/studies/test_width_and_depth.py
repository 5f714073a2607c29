"""Networks made wider and deeper are still networks, with the sizes that follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlens.network import Network, zoo
from convlens.network.layers import Conv, Residual
from convlens.studies import depth, width
from convlens.studies.depth import deepened
from convlens.studies.width import widened
from studies.example import bench


@pytest.mark.parametrize("name", zoo.names())
@pytest.mark.parametrize("factor", [0.1, 0.5, 1, 2])
def test_every_network_of_the_zoo_can_be_widened(name: str, factor: float) -> None:
    network = zoo.load(name)
    table = widened(network, factor).plan()
    assert table.output == network.plan().output
    if factor == 1:
        assert table.parameters == network.plan().parameters
    else:
        assert (table.parameters > network.plan().parameters) == (factor > 1)


@pytest.mark.parametrize("name", zoo.names())
def test_every_network_of_the_zoo_can_be_deepened(name: str) -> None:
    network = zoo.load(name)
    assert deepened(network, 1).plan().parameters == network.plan().parameters
    two, three = deepened(network, 2).plan(), deepened(network, 3).plan()
    assert two.output == three.output == network.plan().output
    assert network.plan().parameters < two.parameters < three.parameters
    assert three.parameters - two.parameters == two.parameters - network.plan().parameters


def test_a_repetition_keeps_the_size_and_leaves_poolings_out() -> None:
    rows = deepened(zoo.load("fast-batch-norm"), 2).plan().steps
    assert [(row.name, row.output) for row in rows[:7]] == [
        ("conv1", (24, 24, 24)),
        ("max_pool1", (24, 12, 12)),
        ("batch_norm1", (24, 12, 12)),
        ("relu1", (24, 12, 12)),
        ("conv2", (24, 12, 12)),
        ("batch_norm2", (24, 12, 12)),
        ("relu2", (24, 12, 12)),
    ]


BRANCHED = Network(
    input=(3, 16, 16),
    layers=[
        {
            "repeat": 2,
            "layers": [
                {"conv": 8, "kernel": 3, "padding": 1},
                {"batch_norm": True},
                {"relu": True},
            ],
        },
        {"conv": 8, "kernel": 3, "stride": 2, "padding": "same"},
        {
            "branches": [[], [{"global_avg_pool": True}, {"conv": 8, "kernel": 1}, {"silu": True}]],
            "join": "multiply",
        },
        {
            "branches": [
                [{"conv": 4, "kernel": 3, "stride": 2, "padding": "same"}],
                [{"max_pool": 2, "stride": 2}],
            ],
            "join": "concat",
        },
        {"global_avg_pool": True},
        {"flatten": True},
        {"linear": 4},
    ],
)


def test_networks_with_branches_and_repetitions_grow_too() -> None:
    plan = BRANCHED.plan()
    assert widened(BRANCHED, 1).plan() == plan
    wider = widened(BRANCHED, 2).plan()
    assert wider.step("repeat1.2.conv1").output == (16, 16, 16)
    assert wider.step("multiply1").output == (16, 8, 8)
    assert wider.output == plan.output
    deeper = deepened(BRANCHED, 2).plan()
    assert deeper.output == plan.output
    assert deeper.parameters > plan.parameters


def test_a_repeated_residual_block_adds_its_own_input() -> None:
    layers = deepened(zoo.load("bottleneck-resnet"), 2).layers
    blocks = [layer for layer in layers if isinstance(layer, Residual)]
    assert len(blocks) == 8
    assert blocks[0].shortcut
    assert blocks[1].shortcut == ()
    strided = [layer for layer in blocks[5].layers if isinstance(layer, Conv)]
    assert all(layer.stride == (1, 1) for layer in strided)


def test_filters_stay_a_multiple_of_their_groups() -> None:
    network = zoo.load("tutorial-torch")
    grouped = network.layers[3].model_copy(update={"groups": 4})
    layers = (*network.layers[:3], grouped, *network.layers[4:])
    wide = widened(network.model_copy(update={"layers": layers}), 0.3)
    conv = wide.layers[3]
    assert isinstance(conv, Conv)
    assert conv.filters % 4 == 0


def test_the_study_of_width_compares_cost_and_accuracy(tmp_path: Path) -> None:
    found = width.study(bench(tmp_path, "width", values=("0.5", "1"), epochs=1, seeds=2))
    half, whole = found.results["variants"]
    assert half["parameters"] < whole["parameters"]
    assert half["multiply_adds"] < whole["multiply_adds"]
    assert len(half["validation_accuracies"]) == 2
    assert half["seconds_an_epoch"] > 0
    assert "width" in found.sentence
    assert found.figures[0].svg.startswith("<svg")


def test_the_study_of_depth_counts_the_added_layers(tmp_path: Path) -> None:
    found = depth.study(bench(tmp_path, "depth", values=("1", "2"), epochs=1, seeds=1))
    one, two = found.results["variants"]
    assert two["parameters"] > one["parameters"]
    assert found.tables[0].rows[1][0] == "2"
