"""Learned kernels: the arrays that the layers really compute with, by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings

from convlens import build
from convlens.foundation.errors import InputError
from convlens.inside.image_filters import apply_kernel
from convlens.inside.learned_kernels import (
    KernelLayer,
    kernel_layers,
    learned_kernels,
    strongest_channels,
)
from convlens.network import Network, zoo
from networks import fits, written


@settings(max_examples=40)
@given(written)
def test_every_convolution_of_a_network_has_kernels_of_its_channels(description: dict) -> None:
    network = Network.read(description)
    assume(fits(network))
    weights = build(network).weights()
    rows = {row.name: row for row in network.plan().steps}
    found = kernel_layers(network.plan())
    assert [layer.name for layer in found] == [
        n for n, w in rows.items() if w.multiply_adds and w.kind != "linear"
    ]
    for layer in found:
        kernels, row = learned_kernels(weights, layer.name), rows[layer.name]
        assert kernels.shape[0] == row.output[0]
        assert kernels.shape[1] * layer.groups == row.input[0]
        assert kernels.shape[2:] == row.layer.kernel


def test_a_map_is_the_sum_of_its_channels_filtered_with_the_learned_kernels() -> None:
    network = Network(input=(4, 9, 9), layers=[{"conv": 6, "kernel": 3, "groups": 2}])
    model, (layer,) = build(network, seed=3), kernel_layers(network.plan())
    images = np.random.default_rng(0).normal(size=(1, 4, 9, 9)).astype(np.float32)
    kernels, weights = learned_kernels(model.weights(), "conv1"), model.weights()
    maps = model.activations(images)["conv1"][0]
    for number in range(6):
        total = weights["conv1.bias"][number] + sum(
            apply_kernel(images[0, layer.input_channel(kernels, number, c)], kernels[number, c])
            for c in range(2)
        )
        np.testing.assert_allclose(maps[number], total, atol=1e-5)
    expected = F.conv2d(torch.from_numpy(images), torch.from_numpy(kernels), groups=2)
    bias = weights["conv1.bias"][:, None, None]
    np.testing.assert_allclose(maps - bias, expected[0].numpy(), atol=1e-5)


def test_only_a_first_layer_on_three_channels_sees_colours() -> None:
    colour = Network(input=(3, 8, 8), layers=[{"conv": 3}, {"conv": 4}, {"depthwise": 1}])
    assert [layer.colour for layer in kernel_layers(colour.plan())] == [True, False, False]
    grey = Network(input=(1, 8, 8), layers=[{"conv": 3}, {"conv": 4}])
    assert [layer.colour for layer in kernel_layers(grey.plan())] == [False, False]


def test_the_strongest_channels_have_the_largest_norms() -> None:
    kernels = np.random.default_rng(1).normal(size=(5, 7, 3, 2)).astype(np.float32)
    norms = np.sqrt((kernels.astype(float) ** 2).sum(axis=(2, 3)))
    found = strongest_channels(kernels, 3)
    assert found.shape == (5, 3)
    for filter_norms, channels in zip(norms, found, strict=True):
        assert filter_norms[channels].tolist() == sorted(filter_norms, reverse=True)[:3]
    assert strongest_channels(kernels, 99).shape == (5, 7)


def test_a_layer_without_kernels_or_that_does_not_exist_is_refused() -> None:
    weights = build(zoo.load("fast-mnist")).weights()
    with pytest.raises(InputError, match='did you mean "conv1"'):
        learned_kernels(weights, "conv11")
    with pytest.raises(InputError, match='"linear1" is no convolution') as error:
        learned_kernels(weights, "linear1")
    assert error.value.expected == "one of conv1, conv2"
    assert KernelLayer("conv1").groups == 1
