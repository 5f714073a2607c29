"""A Keras model's file is read without Keras and computes what Keras computes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError, WeightsError
from convlens.network import Network

pytest.importorskip("h5py")
keras: Any = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow on NumPy 2

from convlens.interchange.keras.reading import read_keras, read_keras_weights  # noqa: E402


def randomised(model: Any) -> Any:
    random = np.random.default_rng(0)
    model.set_weights(
        [np.abs(random.standard_normal(w.shape)) * 0.5 + 0.1 for w in model.get_weights()]
    )
    return model


def functional() -> Any:
    layers = keras.layers
    image = keras.Input((12, 10, 3))
    x = layers.Conv2D(4, 3, padding="same", strides=2, activation="relu", name="first")(image)
    y = layers.ZeroPadding2D(1)(x)
    y = layers.Conv2D(4, 3, use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    z = layers.Conv2D(4, 1)(x)
    x = layers.Activation("silu")(layers.Add()([y, z]))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.AveragePooling2D(2, padding="same")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(7, activation="gelu")(x)
    x = layers.Dropout(0.3)(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


def logits_agree(model: Any, network: Network, weights: Any) -> None:
    images = np.random.default_rng(1).standard_normal((3, *network.input)).astype(np.float32)
    ours = TorchModel(network)
    ours.load_weights(weights)
    expected = np.asarray(model(images.transpose(0, 2, 3, 1), training=False))
    found = ours.activations(images, ["softmax1"])["softmax1"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_functional_model_with_a_sum_gives_kerass_probabilities(tmp_path: Path) -> None:
    model = randomised(functional())
    model.save(tmp_path / "net.keras")
    back = read_keras(tmp_path / "net.keras")
    kinds = [row.kind for row in back.network.plan().steps]
    assert kinds == [
        *("conv", "relu", "conv", "batch_norm", "conv", "add", "silu", "depthwise"),
        *("leaky_relu", "avg_pool", "flatten", "linear", "gelu", "dropout", "linear", "softmax"),
    ]
    logits_agree(model, back.network, back.weights)


def test_weights_alone_need_the_network_and_match_it_by_kind_and_order(tmp_path: Path) -> None:
    layers = keras.layers
    model = randomised(
        keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Rescaling(1 / 255),
                layers.Conv2D(2, 3),
                layers.MaxPooling2D(),
                layers.Conv2D(3, 2),
                layers.Flatten(),
                layers.Dense(4),
                layers.Softmax(),
            ]
        )
    )
    model.save_weights(tmp_path / "net.weights.h5")
    model.save(tmp_path / "net.keras")
    network = Network(
        input=(1, 8, 8),
        layers=[
            {"conv": 2, "kernel": 3},
            {"max_pool": 2},
            {"conv": 3, "kernel": 2},
            {"flatten": True},
            {"linear": 4},
            {"softmax": True},
        ],
    )
    back = read_keras_weights(tmp_path / "net.weights.h5", network)
    whole = read_keras(tmp_path / "net.keras")
    assert whole.preprocessing is not None
    assert whole.preprocessing.mean == (0.0,)
    assert whole.preprocessing.std == pytest.approx((1.0,))
    assert back.mapping["conv2"] == whole.mapping["conv2"]
    for name, array in back.weights.items():
        np.testing.assert_array_equal(whole.weights[name], array)
    other = Network(input=(1, 8, 8), layers=[{"conv": 2}, {"flatten": True}, {"linear": 4}])
    with pytest.raises(WeightsError, match=r'"linear1" \[72, 4\] \[4\] is "dense" \[12, 4\] \[4\]'):
        read_keras_weights(tmp_path / "net.weights.h5", other)


def permuted(*after: Any) -> Any:
    layers = keras.layers
    first = [keras.Input((6, 5, 2)), layers.Conv2D(3, 2), layers.Permute((3, 1, 2))]
    return randomised(keras.Sequential([*first, *after]))


def test_a_flatten_of_permuted_maps_keeps_the_channels_in_front(tmp_path: Path) -> None:
    layers = keras.layers
    model = permuted(layers.Flatten(), layers.Dense(4), layers.Softmax())
    model.save(tmp_path / "net.keras")
    back = read_keras(tmp_path / "net.keras")
    logits_agree(model, back.network, back.weights)
    model.save_weights(tmp_path / "net.weights.h5")
    again = read_keras_weights(tmp_path / "net.weights.h5", back.network)
    logits_agree(model, back.network, again.weights)


def test_a_permute_before_anything_else_is_named(tmp_path: Path) -> None:
    layers = keras.layers
    model = permuted(layers.ReLU(name="own"), layers.Flatten(), layers.Dense(4))
    model.save(tmp_path / "net.keras")
    with pytest.raises(InputError, match=r'"own" \(ReLU: after a Permute'):
        read_keras(tmp_path / "net.keras")
    permuted().save(tmp_path / "last.keras")
    with pytest.raises(InputError, match="Permute: not before a Flatten"):
        read_keras(tmp_path / "last.keras")


@pytest.mark.parametrize("told", ['{"convlens": {"preprocessing": "{}"}}', "[", '{"convlens": 3}'])
def test_damaged_metadata_is_refused_or_passed_over(told: str, tmp_path: Path) -> None:
    permuted(keras.layers.Flatten(), keras.layers.Dense(4)).save(tmp_path / "net.keras")
    with (
        zipfile.ZipFile(tmp_path / "net.keras") as archive,
        zipfile.ZipFile(tmp_path / "told.keras", "w") as changed,
    ):
        for name in archive.namelist():
            changed.writestr(name, told if name == "metadata.json" else archive.read(name))
    if told.endswith("3}"):
        assert read_keras(tmp_path / "told.keras").preprocessing is None
        return
    with pytest.raises(WeightsError, match=r"preprocessing|metadata"):
        read_keras(tmp_path / "told.keras")


def branched() -> Any:
    """A dense layer and a squeeze-and-excitation, as `keras.applications` writes them."""
    layers = keras.layers
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same")(image)
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = layers.Concatenate()([x, y])
    gate = layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x))
    gate = layers.Conv2D(2, 1, activation="silu")(gate)
    gate = layers.Conv2D(8, 1, activation="silu")(gate)
    x = layers.multiply([x, gate])
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


def test_concatenations_and_gates_are_read_as_branches(tmp_path: Path) -> None:
    model = randomised(branched())
    model.save(tmp_path / "branched.keras")
    back = read_keras(tmp_path / "branched.keras")
    kinds = [next(iter(layer)) for layer in back.network.to_dict()["layers"]]
    assert kinds == ["conv", "branches", "branches", "flatten", "linear", "softmax"]
    logits_agree(model, back.network, back.weights)


def test_a_reshape_to_anything_but_maps_of_one_cell_is_named(tmp_path: Path) -> None:
    layers = keras.layers
    image = keras.Input((8, 8, 3))
    x = layers.Reshape((1, 1, 192))(layers.Flatten()(image))
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(x)))
    model.save(tmp_path / "turned.keras")
    with pytest.raises(InputError, match="Reshape: not after a global pooling"):
        read_keras(tmp_path / "turned.keras")
