"""The Keras engine: the reference's numbers on any network, the neutral weights, Keras's counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import networks
from convlens.engines import build
from convlens.foundation.errors import InputError, WeightsError
from convlens.network import Network, zoo
from drawn_weights import random_weights

pytest.importorskip("keras", reason="needs the extra keras")


def assert_engines_agree(network: Network, seed: int) -> None:
    """Compare all layers and the logits: 1e-5 of the largest value so far in float32."""
    reference, torch, keras = (build(network, engine=e) for e in ("reference", "torch", "keras"))
    weights = random_weights(network, seed)
    for model in (reference, torch, keras):
        model.load_weights(weights)
    x = np.random.default_rng(seed).standard_normal((2, *network.input)).astype(np.float32)
    exact, theirs, ours = (model.activations(x) for model in (reference, torch, keras))
    assert list(ours) == list(exact) == [row.name for row in network.plan().steps]
    scale = np.abs(x).max()
    for row in network.plan().steps:
        name = row.name
        assert ours[name].dtype == np.float32
        assert ours[name].shape == (2, *row.output)
        # a sum whose terms cancel is only as exact as its terms are
        scale = max(scale, np.abs(exact[name]).max())
        np.testing.assert_allclose(ours[name], exact[name], rtol=0, atol=1e-5 * scale, err_msg=name)
        np.testing.assert_allclose(
            ours[name], theirs[name], rtol=0, atol=1e-5 * scale, err_msg=name
        )
    np.testing.assert_allclose(keras.logits(x), reference.logits(x), rtol=0, atol=1e-5 * scale)


@settings(max_examples=25)
@given(networks.written, st.integers(0, 2**32 - 1))
def test_every_layer_of_random_networks_agrees_with_reference_and_torch(
    written: dict[str, Any], seed: int
) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    assert_engines_agree(network, seed)


@pytest.mark.slow
@settings(max_examples=300)
@given(networks.written, st.integers(0, 2**32 - 1))
def test_every_layer_of_many_random_networks_agrees(written: dict[str, Any], seed: int) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    assert_engines_agree(network, seed)


@pytest.mark.parametrize("name", zoo.names())
def test_every_network_of_the_zoo_agrees_and_has_keras_parameters_and_shapes(name: str) -> None:
    network = zoo.load(name)
    assert_engines_agree(network, seed=len(name))
    model = build(network, engine="keras")
    assert sum(np.prod(v.shape) for v in model.keras_model.trainable_weights) == (
        network.plan().parameters
    )
    for row in network.plan().steps:
        layer = model.keras_model.get_layer(row.name.replace(".", "-"))
        trained = sum(int(np.prod(v.shape)) for v in layer.trainable_weights)
        assert trained == row.parameters
        shape = tuple(layer.output.shape[1:])
        assert (shape if len(shape) == 1 else (shape[2], *shape[:2])) == row.output


@pytest.mark.parametrize(
    "layer",
    [
        {"conv": 6, "kernel": 3, "stride": 2, "padding": 1},  # not the side that "same" pads
        {"conv": 6, "kernel": [2, 4], "padding": "same", "stride": [3, 2]},
        {"conv": 6, "kernel": 3, "padding": [0, 1, 2, 0]},
        {"conv": 6, "kernel": 3, "dilation": 2, "stride": 2},  # Keras has no such layer
        {"conv": 6, "kernel": 3, "dilation": [1, 2], "stride": [2, 1], "padding": "same"},
        {"conv": 6, "kernel": 3, "groups": 2, "stride": 2},
        {"conv": 6, "kernel": 3, "groups": 2, "dilation": 2, "padding": "same"},
        {"depthwise": 2, "kernel": 3, "stride": [2, 1]},  # nor TensorFlow on a CPU
        {"depthwise": 3, "kernel": 3, "dilation": 2, "stride": 2, "padding": 1},
        {"max_pool": 3, "stride": 2, "padding": [1, 0, 0, 2]},
        {"max_pool": 3, "stride": 2, "padding": "same"},
        {"avg_pool": 3, "stride": 2, "padding": 1},
        {"avg_pool": [2, 3], "stride": [1, 2], "padding": "same"},
        {"avg_pool": 3, "padding": [2, 0, 0, 1]},
    ],
    ids=str,
)
def test_windows_that_keras_lacks_are_computed_exactly_and_learned_alike(
    layer: dict[str, Any],
) -> None:
    layers = [layer, {"gelu": True}, {"flatten": True}, {"linear": 3}]
    network = Network(input=(4, 9, 8), rounding="floor", layers=layers)
    assert_engines_agree(network, seed=3)
    assert_gradients_agree(network, seed=3)


def assert_gradients_agree(network: Network, seed: int) -> None:
    """Take one step of plain gradient descent in both and compare the weights after it."""
    import torch
    from torch.nn import functional

    from convlens.engines.keras_backend import keras

    weights = random_weights(network, seed)
    theirs, ours = build(network), build(network, engine="keras")
    theirs.load_weights(weights)
    ours.load_weights(weights)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((5, *network.input)).astype(np.float32)
    y = rng.integers(0, network.plan().output[0], 5)
    optimizer = torch.optim.SGD(theirs.module.parameters(), 1.0)
    functional.cross_entropy(theirs.module(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    optimizer.step()
    ours.logits_model.compile(
        keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    ours.logits_model.train_on_batch(x.transpose(0, 2, 3, 1), y)
    for name, after in theirs.weights().items():
        np.testing.assert_allclose(ours.weights()[name], after, atol=1e-5, err_msg=name)


def test_batch_norm_moves_as_torchs_but_by_the_biased_variance() -> None:
    layers = [{"batch_norm": True, "momentum": 0.3}, {"flatten": True}, {"linear": 2}]
    network = Network(input=(2, 2, 3), layers=layers)
    model = build(network, engine="keras")
    x = np.random.default_rng(0).standard_normal((4, 2, 2, 3)).astype(np.float32)
    model.logits_model(x.transpose(0, 2, 3, 1), training=True)
    moved = model.weights()
    mean, biased = x.mean((0, 2, 3)), x.var((0, 2, 3))
    np.testing.assert_allclose(moved["batch_norm1.running_mean"], 0.3 * mean, rtol=1e-5)
    np.testing.assert_allclose(moved["batch_norm1.running_var"], 0.7 + 0.3 * biased, rtol=1e-5)


@settings(max_examples=10)
@given(networks.written, st.integers(0, 2**32 - 1))
def test_weights_go_round_bit_for_bit(written: dict[str, Any], seed: int) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    weights = random_weights(network, seed)
    ours, theirs = build(network, engine="keras"), build(network)
    ours.load_weights(weights)
    theirs.load_weights(ours.weights())
    for name, array in theirs.weights().items():
        np.testing.assert_array_equal(array, weights[name])
    assert list(ours.weights()) == list(theirs.weights())


def test_one_seed_starts_keras_where_it_starts_torch() -> None:
    network = zoo.load("small-batch-norm")
    ours, theirs = build(network, 7, "keras").weights(), build(network, 7).weights()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array)


def test_the_model_is_a_plain_sequential_named_as_the_network() -> None:
    from convlens.engines.keras_backend import keras

    model = build(zoo.load("tutorial-keras"), engine="keras").keras_model
    assert isinstance(model, keras.Sequential)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    assert model.name == "tutorial-keras"
    lines: list[str] = []
    model.summary(print_fn=lambda text, **_: lines.append(text))
    assert "Total params: 34,826" in "".join(lines)


def test_keras_probabilities_are_the_softmax_of_the_logits() -> None:
    model = build(zoo.load("tutorial-keras"), engine="keras")
    x = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    odds = np.exp(model.logits(x))
    whole = model.activations(x, ["softmax1"])["softmax1"]
    np.testing.assert_allclose(whole, odds / odds.sum(1, keepdims=True), rtol=1e-5)


def test_wrong_layers_images_and_weights_are_refused() -> None:
    model = build(zoo.load("lenet-5"), engine="keras")
    with pytest.raises(InputError, match='did you mean "conv1"'):
        model.activations(np.zeros((1, 1, 32, 32)), ["conf1"])
    with pytest.raises(InputError, match=r"the images have the shape \(1, 28, 28\)"):
        model.logits(np.zeros((1, 28, 28)))
    before = model.weights()
    with pytest.raises(WeightsError, match=r"conv2\.weight"):
        model.load_weights(build(zoo.load("tutorial-keras")).weights())
    for name, array in model.weights().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_model_with_its_own_layers_is_saved_and_loaded_by_keras(tmp_path: Any) -> None:
    from convlens.engines.keras_backend import keras

    layers = [{"conv": 2, "kernel": 3, "dilation": 2, "stride": 2, "padding": 1}]
    layers += [{"max_pool": 2, "padding": [1, 0, 0, 1]}, {"avg_pool": 2, "padding": 1}]
    network = Network(input=(1, 9, 9), rounding="floor", layers=layers)
    model = build(network, engine="keras")
    model.keras_model.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    x = np.random.default_rng(0).standard_normal((2, 9, 9, 1)).astype(np.float32)
    given, found = map(keras.ops.convert_to_numpy, (model.keras_model(x), again(x)))
    np.testing.assert_array_equal(found, given)


def test_any_name_that_a_network_takes_is_taken() -> None:
    layers = [
        {"conv": 2, "name": "_first"},
        {"residual": [{"conv": 2, "padding": 1}], "name": "b_"},
    ]
    network = Network(name="net.v2-a", input=(1, 5, 5), layers=layers)
    assert_engines_agree(network, seed=0)
    names = [layer.name for layer in build(network, engine="keras").keras_model.layers]
    assert names == ["images", "_first", "b_-conv1", "b_"]


def test_a_network_of_a_softmax_alone_gives_its_input_as_logits() -> None:
    network = Network(input=(3, 1, 1), layers=[{"flatten": True}, {"softmax": True}])
    logits = build(network, engine="keras").logits(np.array([1, 2, -3.0]).reshape(1, 3, 1, 1))
    assert logits.tolist() == [[1, 2, -3]]
