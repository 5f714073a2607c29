"""The reference engine: by hand where a hand can follow, and against PyTorch everywhere."""

from __future__ import annotations

import timeit
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import networks
from convlens.engines import build
from convlens.engines.reference import ReferenceModel
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError, WeightsError
from convlens.network import Network, zoo
from drawn_weights import random_weights


def assert_engines_agree(network: Network, seed: int) -> None:
    """Compare all layers and the logits: 1e-5 of the largest value so far in float32."""
    reference, model = ReferenceModel(network), TorchModel(network)
    weights = random_weights(network, seed)
    reference.load_weights(weights)
    model.load_weights(weights)
    x = np.random.default_rng(seed).standard_normal((2, *network.input)).astype(np.float32)
    ours, theirs = reference.activations(x), model.activations(x)
    module = model.module.double().eval()
    with torch.inference_mode():
        exact = {name: t.numpy() for name, t in module.outputs(torch.from_numpy(x).double())}
        double_logits = module(torch.from_numpy(x).double()).numpy()
    assert list(ours) == list(theirs) == [row.name for row in network.plan().steps]
    scale = np.abs(x).max()
    for name, values in ours.items():
        assert values.dtype == np.float64
        # a sum whose terms cancel is only as exact as its terms are
        scale = max(scale, np.abs(values).max())
        np.testing.assert_allclose(theirs[name], values, rtol=0, atol=1e-5 * scale, err_msg=name)
        np.testing.assert_allclose(exact[name], values, rtol=0, atol=1e-10 * scale, err_msg=name)
    np.testing.assert_allclose(double_logits, reference.logits(x), rtol=0, atol=1e-10 * scale)


@settings(max_examples=40)
@given(networks.written, st.integers(0, 2**32 - 1))
def test_every_layer_of_random_networks_agrees_with_torch(
    written: dict[str, Any], seed: int
) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    assert_engines_agree(network, seed)


@pytest.mark.parametrize("name", zoo.names())
def test_every_network_of_the_zoo_agrees_with_torch(name: str) -> None:
    assert_engines_agree(zoo.load(name), seed=len(name))


@settings(max_examples=30)
@given(st.lists(networks.simple, min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_elementwise_layers_agree_with_torch_on_features(
    written: list[dict[str, Any]], seed: int
) -> None:
    layers = [{"flatten": True}, {"linear": 7}, *written, {"linear": 3}, {"softmax": True}]
    assert_engines_agree(Network(input=(2, 3, 4), layers=layers), seed)


def computed(layers: list[dict[str, Any]], maps: Any, **weights: Any) -> np.ndarray:
    """Run a one-layer network on one image given as `[channel][row][column]`."""
    image = np.array(maps, float)
    network = Network(input=image.shape, rounding="floor", layers=layers)
    model = build(network, engine="reference")
    (row,) = network.plan().steps
    model.load_weights({f"{row.name}.{n}": np.array(a, float) for n, a in weights.items()})
    return model.activations(image[None])[row.name][0]


def test_a_convolution_done_by_hand() -> None:
    layers = [{"conv": 1, "kernel": 2, "padding": [0, 1, 0, 0]}]
    weight = [[[[1, 2], [3, -1]], [[0, 1], [0, 0]]]]
    first, second = [[1, 2, 0], [4, 5, 1]], [[10, 20, 30], [40, 50, 60]]
    # window (0, 1): 1*2 + 2*0 + 3*5 - 1*1 = 16, second channel 30, bias 0.5
    expected = [[[12 + 20 - 0 + 0.5, 16 + 30 + 0.5], [14 + 50 + 0.5, 7 + 60 + 0.5]]]
    assert computed(layers, [first, second], weight=weight, bias=[0.5]).tolist() == expected


def test_the_kernel_is_not_flipped() -> None:
    corner = [[[[1, 0], [0, 0]]]]
    maps = np.arange(16).reshape(1, 4, 4)
    picked = computed([{"conv": 1, "kernel": 2}], maps, weight=corner, bias=[0])
    np.testing.assert_array_equal(picked, maps[:, :3, :3])


def test_a_stride_of_three_down_and_two_across_takes_every_third_row_and_second_column() -> None:
    maps = np.arange(7 * 5).reshape(1, 7, 5)
    layer = {"conv": 1, "kernel": 1, "stride": [3, 2], "bias": False}
    assert computed([layer], maps, weight=[[[[1]]]]).tolist() == [
        [[0, 2, 4], [15, 17, 19], [30, 32, 34]]
    ]


def test_two_groups_see_their_own_channels_only() -> None:
    layer = {"conv": 2, "kernel": 1, "groups": 2, "bias": False}
    weight = np.array([[1, 10], [100, 1000]]).reshape(2, 2, 1, 1)
    maps = np.array([1, 2, 3, 4]).reshape(4, 1, 1)
    assert computed([layer], maps, weight=weight).ravel().tolist() == [21, 4300]


def test_two_depthwise_filters_a_channel_come_out_channel_by_channel() -> None:
    layer = {"depthwise": 2, "kernel": 1, "bias": False}
    maps = np.array([1, 10]).reshape(2, 1, 1)
    weight = np.array([1, 2, 3, 4]).reshape(4, 1, 1, 1)
    assert computed([layer], maps, weight=weight).ravel().tolist() == [1, 2, 30, 40]


def test_poolings_leave_padding_out() -> None:
    maps = [[[-1, -2, -3], [-4, -5, -6], [-7, -8, -9]]]
    assert computed([{"max_pool": 2, "padding": 1}], maps).tolist() == [[[-1, -2], [-4, -5]]]
    assert computed([{"avg_pool": 2, "padding": 1}], maps).tolist() == [[[-1, -2.5], [-5.5, -7]]]


def test_batch_norm_done_by_hand() -> None:
    moments = {"running_mean": [2], "running_var": [3.99], "weight": [10], "bias": [1]}
    layer = {"batch_norm": True, "epsilon": 0.01}
    values = computed([layer], [[[2, 4]]], **moments)
    np.testing.assert_allclose(values, [[[1, 11]]], rtol=1e-15)


def test_activations_have_their_published_values() -> None:
    x = [[[-1, 0, 2]]]
    assert computed([{"relu": True}], x).tolist() == [[[0, 0, 2]]]
    assert computed([{"leaky_relu": 0.5}], x).tolist() == [[[-0.5, 0, 2]]]
    # Phi(-1) and Phi(2) from the tables of the normal distribution; sigmoid by its definition
    np.testing.assert_allclose(computed([{"gelu": True}], x), [[[-0.158655254, 0, 1.954499736]]])
    np.testing.assert_allclose(
        computed([{"silu": True}], x), [[[-1 / (1 + np.e), 0, 2 / (1 + np.exp(-2))]]]
    )


def test_large_logits_give_probabilities() -> None:
    network = Network(input=(3, 1, 1), layers=[{"flatten": True}, {"softmax": True}])
    x = np.array([1000, 1000, -1000.0]).reshape(1, 3, 1, 1)
    model = build(network, engine="reference")
    assert model.activations(x)["softmax1"].tolist() == [[0.5, 0.5, 0]]
    assert model.logits(x).tolist() == [[1000, 1000, -1000]]


def test_one_seed_gives_the_same_weights_in_both_engines() -> None:
    network = zoo.load("small-batch-norm")
    theirs = build(network, seed=7).weights()
    ours = build(network, seed=7, engine="reference").weights()
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])


def test_float64_weights_come_back_as_they_were_and_apart_from_the_model() -> None:
    network = Network(input=(1, 1, 1), layers=[{"conv": 1, "kernel": 1, "bias": False}])
    model = ReferenceModel(network)
    given_weight = np.array([[[[1 / 3]]]])
    model.load_weights({"conv1.weight": given_weight})
    given_weight[:] = 5
    model.weights()["conv1.weight"][:] = 6
    assert model.weights()["conv1.weight"].item() == 1 / 3


def test_many_images_give_what_each_gives_alone() -> None:
    model = ReferenceModel(zoo.load("lenet-5"), seed=1)
    x = np.random.default_rng(0).standard_normal((65, *model.network.input))
    together = model.logits(x)
    np.testing.assert_allclose(model.logits(x[64:])[0], together[64], rtol=1e-12)
    assert model.logits(x[:0]).shape == (0, 10)


def test_weights_of_another_network_change_nothing() -> None:
    model = ReferenceModel(zoo.load("tutorial-torch"))
    before = model.weights()
    with pytest.raises(WeightsError, match=r'"conv2\.weight" is \[64, 32, 3, 3\]'):
        model.load_weights(build(zoo.load("tutorial-keras")).weights())
    with pytest.raises(WeightsError, match=r'"conv1\.bias" is complex128, not float'):
        model.load_weights({**before, "conv1.bias": before["conv1.bias"] + 1j})
    for name, array in model.weights().items():
        np.testing.assert_array_equal(array, before[name])


def test_images_of_another_shape_and_layers_that_do_not_exist_are_refused() -> None:
    model = ReferenceModel(zoo.load("lenet-5"))
    one = np.zeros(model.network.input)
    with pytest.raises(InputError, match=r"images\[None\]"):
        model.logits(one)
    with pytest.raises(InputError, match='did you mean "conv1"'):
        model.activations(one[None], ["conf1"])


@pytest.mark.slow
def test_one_image_through_the_tutorials_network_takes_less_than_50_ms() -> None:
    model = ReferenceModel(zoo.load("tutorial-torch"))
    image = np.random.default_rng(0).standard_normal((1, 1, 28, 28))
    # the best of ten: other work on the machine only ever adds
    assert min(timeit.repeat(lambda: model.logits(image), number=1, repeat=10)) < 0.05
