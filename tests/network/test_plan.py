"""The flat plan of a network: what each layer reads, and where it can be cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import networks
from convlens.engines import build
from convlens.foundation.errors import InputError
from convlens.network import Network, zoo
from convlens.network.layers import Add
from convlens.network.plan import IMAGE, Block

RESNET = zoo.load("bottleneck-resnet")


def test_every_sum_of_a_resnet_adds_what_its_two_sources_put_out() -> None:
    model = build(RESNET, seed=1, engine="reference")
    maps = model.activations(np.random.default_rng(0).standard_normal((1, *RESNET.input)))
    plan = RESNET.plan()
    sums = [row for row in plan.steps if isinstance(row.layer, Add)]
    assert len(sums) == 4
    for row in sums:
        main, shortcut = plan.sources(row.name)
        assert main is not None
        assert shortcut is not None
        np.testing.assert_array_equal(maps[row.name], maps[main] + maps[shortcut])


def test_the_first_layers_of_both_branches_read_what_the_block_reads() -> None:
    plan = RESNET.plan()
    assert plan.sources("conv1") == (None,)
    assert plan.sources("residual1.conv1") == ("relu1",)
    assert plan.sources("residual1.shortcut.conv1") == ("relu1",)
    assert plan.sources("residual2") == ("residual2.batch_norm3", "relu2")
    assert plan.sources("relu3") == ("residual2",)


def test_blocks_hold_the_rows_of_their_branches_as_they_are_written() -> None:
    blocks = {item.name: item for item in RESNET.plan().nested() if isinstance(item, Block)}
    assert list(blocks) == ["residual1", "residual2", "residual3", "residual4"]
    first = blocks["residual1"]
    main, shortcut = first.branches
    assert [item.name for item in shortcut] == [
        "residual1.shortcut.conv1",
        "residual1.shortcut.batch_norm1",
    ]
    assert main[0].name == "residual1.conv1"
    assert blocks["residual2"].branches[1] == ()


def test_a_copy_with_other_layers_has_a_plan_of_its_own() -> None:
    network = Network(input=(1, 8, 8), layers=[{"conv": 2}, {"relu": True}])
    assert [row.name for row in network.plan().steps] == ["conv1", "relu1"]
    shorter = network.model_copy(update={"layers": network.layers[:1]})
    assert [row.name for row in shorter.plan().steps] == ["conv1"]


def test_a_network_is_not_cut_inside_a_block() -> None:
    plan = RESNET.plan()
    with pytest.raises(InputError, match=r'cannot be cut after "residual2\.conv1"') as error:
        plan.cut("residual2.conv1")
    advised = error.value.fix.removeprefix("cut after ").split(", ")
    assert {"relu2", "residual2"} <= set(advised)
    for name in advised:
        plan.cut(name)


def test_the_second_part_reads_the_first_ones_output() -> None:
    before, after = RESNET.plan().cut("residual2")
    assert before.steps[-1].name == "residual2"
    assert after.steps[0].inputs == (IMAGE,)
    assert after.input == before.output
    assert after.parameters + before.parameters == RESNET.plan().parameters


@pytest.mark.parametrize("engine", ["torch", "reference", "keras"])
@settings(max_examples=15, deadline=None)
@given(
    written=st.one_of(networks.written, networks.branched), draw=st.randoms(use_true_random=False)
)
def test_both_parts_of_any_cut_together_compute_the_whole(
    engine: str, written: dict[str, Any], draw: Any
) -> None:
    if engine == "keras":
        pytest.importorskip("keras")
    network = Network.read(written)
    assume(networks.fits(network))
    plan = network.plan()
    name = draw.choice(plan.cuts)
    parts = plan.cut(name)
    whole = build(network, seed=draw.randrange(1000), engine=engine)
    images = np.random.default_rng(0).standard_normal((2, *network.input)).astype(np.float32)
    values: Any = images
    weights = whole.weights()
    layers: list[str] = []
    for part in parts:
        model = build(part, engine=engine)
        model.load_weights({name: weights[name] for name in part.weight_shapes()})
        layers += model.activations(values)
        values = model.logits(values)
        if part is parts[0] and plan.step(name).kind == "softmax":  # logits leave it out
            break
    assert layers == [row.name for row in plan.steps[: len(layers)]]
    np.testing.assert_allclose(values, whole.logits(images), rtol=1e-5, atol=1e-6)


BRANCHED = Network(
    input=(4, 8, 8),
    layers=[
        {
            "branches": [[], [{"conv": 8, "kernel": 3, "padding": 1}], [{"conv": 2, "kernel": 1}]],
            "join": "concat",
        },
        {
            "repeat": 2,
            "name": "stage",
            "layers": [
                {
                    "branches": [
                        [],
                        [{"global_avg_pool": True}, {"conv": 14, "kernel": 1}, {"silu": True}],
                    ],
                    "join": "multiply",
                },
                {"conv": 14, "kernel": 3, "padding": 1},
            ],
        },
    ],
)


def test_branches_and_repetitions_have_names_that_say_where_a_layer_stands() -> None:
    assert [step.name for step in BRANCHED.plan().steps] == [
        "concat1.branch2.conv1",
        "concat1.branch3.conv1",
        "concat1",
        *(
            f"stage.{copy}.{name}"
            for copy in (1, 2)
            for name in (
                "multiply1.branch2.global_avg_pool1",
                "multiply1.branch2.conv1",
                "multiply1.branch2.silu1",
                "multiply1",
                "conv1",
            )
        ),
    ]


def test_every_copy_of_repeated_layers_has_weights_of_its_own() -> None:
    weights = build(BRANCHED).weights()
    first, second = (weights[f"stage.{copy}.conv1.weight"] for copy in (1, 2))
    assert first.shape == second.shape
    assert not np.array_equal(first, second)


def test_a_join_reads_the_end_of_each_branch_in_its_order() -> None:
    plan = BRANCHED.plan()
    assert plan.sources("concat1") == (None, "concat1.branch2.conv1", "concat1.branch3.conv1")
    assert plan.sources("stage.1.multiply1") == ("concat1", "stage.1.multiply1.branch2.silu1")
    assert plan.step("concat1").output == (14, 8, 8)
    assert plan.step("stage.1.multiply1").output == (14, 8, 8)


def test_steps_know_the_join_and_the_branch_that_they_stand_in() -> None:
    step = BRANCHED.plan().step("concat1.branch3.conv1")
    assert (step.block, step.branch, step.depth) == ("concat1", 2, 1)
    step = BRANCHED.plan().step("stage.2.multiply1.branch2.conv1")
    assert (step.block, step.branch, step.depth) == ("stage.2.multiply1", 1, 1)
    step = BRANCHED.plan().step("stage.2.conv1")
    assert (step.block, step.branch, step.depth) == ("", 0, 0)


def test_a_gate_lets_every_cell_see_what_the_gate_sees() -> None:
    rows, columns = BRANCHED.plan().step("stage.1.multiply1").receptive_field
    # the pooled maps see the whole image and, through the 3x3 kernel, one row of padding around it
    assert rows == columns
    assert (rows.size, rows.jump, rows.offset) == (10, 0, -1)
    rows, _ = BRANCHED.plan().step("concat1").receptive_field
    assert (rows.size, rows.jump, rows.offset) == (3, 1, -1)


@settings(max_examples=15, deadline=None)
@given(written=networks.branched, cell=st.tuples(*[st.integers(0, 10**6)] * 3))
def test_no_cell_depends_on_a_pixel_outside_of_its_receptive_field(
    written: dict[str, Any], cell: tuple[int, int, int]
) -> None:
    network = Network.read(written)
    model = build(network, seed=3, engine="reference")
    plan = network.plan()
    rng = np.random.default_rng(0)
    image = rng.standard_normal((1, *network.input))
    before = model.activations(image)
    for step in plan.steps:
        if len(step.output) != 3:
            continue
        channel, y, x = (at % size for at, size in zip(cell, step.output, strict=True))
        rows, columns = (
            axis.region(at) for axis, at in zip(step.receptive_field, (y, x), strict=True)
        )
        outside = np.ones(network.input[1:], bool)
        outside[max(rows[0], 0) : rows[1] + 1, max(columns[0], 0) : columns[1] + 1] = False
        other = np.where(outside, rng.standard_normal(image.shape), image)
        after = model.activations(other, [step.name])
        assert before[step.name][0, channel, y, x] == pytest.approx(
            after[step.name][0, channel, y, x], rel=1e-9, abs=1e-12
        )


def test_a_kind_that_ends_in_a_digit_never_takes_the_name_of_another_kind() -> None:
    layers = [*[{"relu": True}] * 61, {"relu6": True}, {"flatten": True}, {"linear": 2}]
    names = [step.name for step in Network(input=[1, 4, 4], layers=layers).plan().steps]
    assert names[60:62] == ["relu61", "relu6_1"]


def test_nothing_that_is_repeated_is_nothing() -> None:
    layers = [{"repeat": 2**31, "layers": [{"repeat": 2**31, "layers": []}]}, {"relu": True}]
    plan = Network(input=[1, 4, 4], layers=layers).plan()
    assert [step.name for step in plan.steps] == ["relu1"]
