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
    assert [item.name for item in first.shortcut] == [
        "residual1.shortcut.conv1",
        "residual1.shortcut.batch_norm1",
    ]
    assert first.main[0].name == "residual1.conv1"
    assert blocks["residual2"].shortcut == ()


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
@given(written=networks.written, draw=st.randoms(use_true_random=False))
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


def test_a_kind_that_ends_in_a_digit_never_takes_the_name_of_another_kind() -> None:
    layers = [*[{"relu": True}] * 61, {"relu6": True}, {"flatten": True}, {"linear": 2}]
    names = [step.name for step in Network(input=[1, 4, 4], layers=layers).plan().steps]
    assert names[60:62] == ["relu61", "relu6_1"]
