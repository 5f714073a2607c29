"""Layers that move values, against PyTorch: where each cell comes from, and what it depends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from convlens.engines import build
from convlens.foundation.errors import NetworkError
from convlens.inside.windows import window
from convlens.network import Network
from convlens.network.layers import Channels, ChannelShuffle, Moving, Pad

sides = st.tuples(*[st.integers(0, 3)] * 4)
shapes = st.tuples(st.integers(1, 6), st.integers(4, 7), st.integers(4, 7))


def drawn(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, *shape))


@given(sides, shapes, st.sampled_from(["zero", "reflect", "replicate"]))
@settings(max_examples=100, deadline=None)
def test_padding_is_pytorchs(
    padding: tuple[int, int, int, int], shape: tuple[int, int, int], mode: Any
) -> None:
    x = drawn(shape)
    top, bottom, left, right = padding
    name = {"zero": "constant"}.get(mode, mode)
    theirs = F.pad(torch.from_numpy(x), (left, right, top, bottom), mode=name).numpy()
    layer = Pad(padding=padding, mode=mode)
    assert layer.output(shape) == theirs.shape[1:]
    np.testing.assert_array_equal(layer.compute(x, {}), theirs)


@given(st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_a_channel_shuffle_is_pytorchs(groups: int, of_one: int) -> None:
    x = drawn((groups * of_one, 2, 3))
    theirs = nn.ChannelShuffle(groups)(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(ChannelShuffle(groups=groups).compute(x, {}), theirs)


def test_channels_are_a_slice() -> None:
    x = drawn((5, 2, 3))
    np.testing.assert_array_equal(Channels(count=2, start=1).compute(x, {}), x[:, 1:3])
    np.testing.assert_array_equal(Channels(count=5).compute(x, {}), x)


LAYERS = [
    Pad(padding=(1, 0, 2, 1)),
    Pad(padding=(1, 3, 2, 1), mode="reflect"),
    Pad(padding=(1, 0, 2, 5), mode="replicate"),
    Channels(count=2, start=1),
    ChannelShuffle(groups=2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: f"{layer.kind} {layer.settings()}")
def test_every_cell_is_the_one_that_its_source_says(layer: Moving) -> None:
    shape = (4, 4, 5)
    x = drawn(shape)
    moved = layer.compute(x, {})[0]
    for cell in np.ndindex(moved.shape):
        source = layer.source(cell, shape)
        assert moved[cell] == (0.0 if source is None else x[0][source])


@pytest.mark.parametrize(
    "layers",
    [
        [{"pad": [1, 0, 2, 1]}, {"conv": 2, "kernel": 3}],
        [{"conv": 2, "kernel": 3, "stride": 2}, {"pad": 2, "mode": "reflect"}, {"conv": 1}],
        [{"pad": [0, 3, 2, 0], "mode": "replicate"}, {"max_pool": 2}],
        [{"adaptive_avg_pool": [3, 2]}, {"conv": 2, "kernel": 2}],
        [{"conv": 2, "kernel": 5, "stride": 2}, {"adaptive_avg_pool": [4, 7]}],
        [{"conv": 2, "kernel": 5, "stride": 2}, {"group_norm": 1}, {"conv": 2, "kernel": 2}],
        [{"layer_norm": True}, {"conv": 2, "kernel": 3}],
        [{"flatten": True}, {"layer_norm": True}],
    ],
    ids=str,
)
def test_a_cell_depends_on_no_pixel_outside_of_its_receptive_field(
    layers: list[dict[str, Any]],
) -> None:
    network = Network(input=(2, 9, 8), layers=layers, rounding="floor")
    model = build(network, 0, "torch")
    images = torch.from_numpy(drawn((2, 9, 8)).astype(np.float32)).requires_grad_()
    last = network.plan().steps[-1]
    values = dict(model.module.outputs(images))[last.name][0]
    for cell in np.ndindex(tuple(values.shape)):
        (gradient,) = torch.autograd.grad(values[cell], images, retain_graph=True)
        _, rows, columns = gradient[0].nonzero(as_tuple=True)
        field = window(model, images[0].detach().numpy(), last.name, cell).receptive_field
        assert rows.min() >= field.first_row
        assert rows.max() <= field.last_row
        assert columns.min() >= field.first_column
        assert columns.max() <= field.last_column


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([{"pad": 4, "mode": "reflect"}], "which have no more than that beside their border"),
        ([{"channels": 2, "start": 2}], "it takes the maps 2 to 3 of 3, counted from 0"),
        ([{"channel_shuffle": 2}], "channel_shuffle in 2 groups does not divide 3 channels"),
        ([{"group_norm": 2}], "group_norm in 2 groups does not divide 3 channels"),
        ([{"flatten": True}, {"pad": 1}], "pad needs maps"),
        ([{"flatten": True}, {"group_norm": 1}], "group_norm needs maps"),
        ([{"flatten": True}, {"local_response_norm": 1}], "local_response_norm needs maps"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said(layers: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(NetworkError) as error:
        Network(input=(3, 4, 4), layers=layers).plan()
    assert said in error.value.what


def test_groups_that_divide_the_channels_are_advised() -> None:
    with pytest.raises(NetworkError) as error:
        Network(input=(6, 4, 4), layers=[{"channel_shuffle": 4}]).plan()
    assert "use channel_shuffle 3" in error.value.fix


def test_padding_of_its_own_is_never_same() -> None:
    with pytest.raises(NetworkError, match="pad"):
        Network(input=(3, 4, 4), layers=[{"pad": "same"}])
