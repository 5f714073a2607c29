"""Feature maps: what the engine computes, with silent and dead maps told apart."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import trained
from convlens.engines import build
from convlens.foundation.errors import InputError
from convlens.inside.feature_maps import (
    FeatureMaps,
    FeatureVector,
    batches,
    feature_maps,
    find_dead_maps,
)
from convlens.network import Network, zoo


def image(number: int = 0) -> np.ndarray:
    dataset = trained.digits()
    return dataset.preprocessing.normalise(dataset.test.images[number : number + 1])[0]


def brightness_detector() -> tuple[Network, object]:
    """Return a network whose map 0 speaks on bright images, 1 on dark ones, 2 on none."""
    network = Network(input=(1, 28, 28), layers=[{"conv": 3, "kernel": 1}, {"relu": True}])
    model = build(network)
    model.load_weights(
        {
            "conv1.weight": np.array([1, -1, 0], np.float32).reshape(3, 1, 1, 1),
            "conv1.bias": np.array([0, 0, -1], np.float32),
        }
    )
    return network, model


@pytest.mark.parametrize("name", ["tutorial-torch", "bottleneck-resnet"])
def test_every_layer_comes_in_order_with_the_shape_of_the_table(name: str) -> None:
    network = zoo.load(name)
    pixels = np.random.default_rng(0).standard_normal(network.input).astype(np.float32)
    found = feature_maps(build(network), pixels)
    rows = network.plan().steps
    assert [(one.layer, one.kind, one.shape) for one in found] == [
        (row.name, row.kind, row.output) for row in rows
    ]


def test_statistics_are_those_of_each_map() -> None:
    model = trained.tutorial()
    relu = next(one for one in feature_maps(model, image()) if one.layer == "relu1")
    assert isinstance(relu, FeatureMaps)
    for number, values in enumerate(relu.maps):
        assert relu.minimum[number] == values.min()
        assert relu.maximum[number] == values.max()
        assert relu.mean[number] == pytest.approx(values.mean(), rel=1e-5)
        assert relu.zeros[number] == (values == 0).sum() / values.size
        assert relu.silent[number] == (values == 0).all()


def test_the_last_vectors_are_logits_and_probabilities() -> None:
    model = trained.tutorial()
    *_, logits, probabilities = feature_maps(model, image())
    assert isinstance(logits, FeatureVector)
    assert isinstance(probabilities, FeatureVector)
    np.testing.assert_allclose(logits.values, model.logits(image()[None])[0], rtol=1e-4, atol=1e-5)
    assert probabilities.values.sum() == pytest.approx(1, abs=1e-5)


def test_silent_on_one_image_is_not_dead_over_a_set() -> None:
    _, model = brightness_detector()
    dataset = trained.digits()
    bright = np.full((1, 1, 28, 28), 255, np.uint8)
    dark = np.zeros((1, 1, 28, 28), np.uint8)
    dead = find_dead_maps(model, np.concatenate([bright, dark]), dataset.preprocessing)
    assert dead.dead["relu1"].tolist() == [False, False, True]
    assert dead.count("relu1") == 1
    assert dead.images == 2
    on_bright = feature_maps(
        model, dataset.preprocessing.normalise(bright)[0], ["relu1"], dead=dead
    )[0]
    assert on_bright.silent.tolist() == [False, True, True]
    assert on_bright.dead is not None
    assert on_bright.dead.tolist() == [False, False, True]


def test_batches_change_nothing_and_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model, dataset = trained.tutorial(), trained.digits()
    images = dataset.train.images[:50]
    whole = find_dead_maps(model, images, dataset.preprocessing)
    image_bytes = model.network.plan().activation_bytes
    monkeypatch.setattr(sys.modules[feature_maps.__module__], "BATCH_BYTES", 7 * image_bytes)
    sizes = [stop - start for start, stop in batches(model, len(images))]
    assert sizes == [7] * 7 + [1]
    in_parts = find_dead_maps(model, images, dataset.preprocessing)
    for layer, dead in whole.dead.items():
        np.testing.assert_array_equal(dead, in_parts.dead[layer])
        every = model.activations(dataset.preprocessing.normalise(images), [layer])[layer]
        axes = tuple(axis for axis in range(every.ndim) if axis != 1)
        np.testing.assert_array_equal(dead, (every == 0).all(axis=axes))


def test_the_strongest_maps_have_the_largest_mean_absolute_value() -> None:
    conv = feature_maps(trained.tutorial(), image(), ["conv1"])[0]
    assert isinstance(conv, FeatureMaps)
    chosen = conv.strongest(5)
    strength = np.abs(conv.maps).mean(axis=(1, 2))
    assert list(chosen) == sorted(chosen)
    assert strength[chosen].min() >= np.delete(strength, chosen).max()


def test_what_does_not_fit_is_refused() -> None:
    model, preprocessing = trained.tutorial(), trained.digits().preprocessing
    with pytest.raises(InputError, match='did you mean "conv1"'):
        feature_maps(model, image(), ["conf1"])
    with pytest.raises(InputError, match="1x28x28"):
        feature_maps(model, image()[None])
    with pytest.raises(InputError, match="N at least 1"):
        find_dead_maps(model, np.zeros((0, 1, 28, 28), np.uint8), preprocessing)
