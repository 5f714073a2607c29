"""Attribution methods: those that must pass do, those that must fail do, and areas are exact."""

from __future__ import annotations

import numpy as np
import pytest

import trained
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.inside.attribution import attribute
from convlens.inside.attribution_checks import (
    Cascade,
    Curves,
    cascade,
    deletion_insertion,
    faithfulness,
    importance_order,
    randomised_order,
    rank_similarity,
)
from convlens.network import Network, zoo


def images(count: int) -> np.ndarray:
    dataset = trained.digits()
    return dataset.preprocessing.normalise(dataset.test.images[:count])


def test_layers_become_random_from_the_top_down() -> None:
    assert randomised_order(zoo.load("tutorial-torch").plan()) == ("linear1", "conv2", "conv1")
    order = randomised_order(zoo.load("bottleneck-resnet").plan())
    assert order[0] == "linear1"
    assert order[-1] == "conv1"
    assert {"residual1.shortcut.conv1", "residual1.batch_norm1"} <= set(order)


def test_each_step_of_the_cascade_is_the_map_of_a_partly_random_network() -> None:
    model, digits = trained.tutorial(), images(2)
    before = model.weights()
    found = cascade(model, digits, "saliency", seeds=(5,))
    assert found.similarity.shape == (1, 4, 2)
    assert found.similarity[:, 0].tolist() == [[1, 1]]
    random = TorchModel(model.network, 5).weights()
    mixed = TorchModel(model.network)
    for step, names in ((1, ("linear1",)), (3, ("linear1", "conv2", "conv1"))):
        mixed.load_weights(
            {k: random[k] if k.split(".")[0] in names else v for k, v in before.items()}
        )
        for n, pixels in enumerate(digits):
            original = attribute(model, pixels, "saliency")
            again = attribute(mixed, pixels, "saliency", target=original.target)
            expected = rank_similarity(original.map, again.map)
            assert found.similarity[0, step, n] == pytest.approx(expected, abs=1e-6)
    for name, array in model.weights().items():
        np.testing.assert_array_equal(array, before[name])


def test_grad_cam_passes_on_the_tutorials_network() -> None:
    found = cascade(trained.tutorial(), images(4), "grad-cam")
    assert found.passes
    assert abs(found.mean[-1]) < 0.5


def test_a_method_that_shows_the_image_whatever_the_weights_fails() -> None:
    """From a black baseline, integrated gradients of a linear network are zero off the strokes."""
    network = Network(input=(1, 28, 28), layers=[{"flatten": True}, {"linear": 10}])
    black = np.full((1, 28, 28), images(1).min())
    found = cascade(TorchModel(network, seed=1), images(3), "integrated-gradients", baseline=black)
    assert not found.passes
    assert found.mean[-1] > 0.5


def test_passing_is_decided_by_the_fully_random_network() -> None:
    similarity = np.array([[[1.0, 1.0], [0.2, 0.2], [0.4, 0.8]]])
    found = Cascade("saliency", ("b", "a"), similarity)
    np.testing.assert_allclose(found.mean, [1, 0.2, 0.6])
    assert not found.passes
    assert Cascade("saliency", ("b",), similarity[:, :2]).passes


def test_similarity_is_of_ranks_and_of_absolute_values() -> None:
    values = np.random.default_rng(0).standard_normal((7, 7))
    assert rank_similarity(values, -(values**3)) == 1
    assert rank_similarity(values, 1 / np.abs(values)) == -1
    assert rank_similarity(values, np.zeros((7, 7))) == 0


def test_the_area_is_that_of_a_known_curve() -> None:
    share = np.linspace(0, 1, 5)
    curves = Curves(share, 1 - share, np.stack([share, np.ones(5)]))
    assert curves.deletion_auc == pytest.approx(0.5)
    assert curves.insertion_auc == pytest.approx(0.75)


def test_equal_values_are_ordered_by_the_seed_and_larger_ones_first() -> None:
    values = np.array([[0.0, 0, 0, 3], [0, -1, 0, 2]])
    order = importance_order(values, seed=1)
    assert order[:2].tolist() == [3, 7]
    assert order[-1] == 5
    assert sorted(order.tolist()) == list(range(8))
    assert order.tolist() == importance_order(values, seed=1).tolist()
    assert order.tolist() != importance_order(values, seed=2).tolist()


def test_curves_run_from_the_image_to_nothing_and_from_blur_to_the_image() -> None:
    model, pixels = trained.tutorial(), images(1)[0]
    baseline = np.full_like(pixels, pixels.min())
    logits = model.logits(np.stack([pixels, baseline])).astype(np.float64)
    probability = np.exp(logits - logits.max(1, keepdims=True))
    probability /= probability.sum(1, keepdims=True)
    target = int(logits[0].argmax())
    order = importance_order(pixels[0])
    found = deletion_insertion(model, pixels, target, order, baseline=baseline, steps=10)
    assert found.share[[0, -1]].tolist() == [0, 1]
    np.testing.assert_allclose(found.deletion[[0, -1]], probability[:, target], rtol=1e-3)
    np.testing.assert_allclose(found.insertion[-1], probability[0, target], rtol=1e-3)
    half = np.where(np.isin(np.arange(784), order[:392]).reshape(28, 28), baseline, pixels).astype(
        np.float32
    )
    logits = model.logits(half[None])[0].astype(np.float64)
    expected = np.exp(logits[target]) / np.exp(logits).sum()
    assert found.deletion[5] == pytest.approx(expected, rel=1e-3)


def test_occlusion_beats_a_random_order_on_the_tutorials_network() -> None:
    found = faithfulness(trained.tutorial(), images(6), "occlusion")
    assert found.curves.deletion.shape == found.random.insertion.shape == (6, 29)
    assert found.curves.deletion_auc < found.random.deletion_auc - 0.1
    assert found.curves.insertion_auc > found.random.insertion_auc + 0.1


def test_every_method_meets_the_same_random_orders() -> None:
    model = trained.tutorial()
    first, second = (faithfulness(model, images(2), m) for m in ("grad-cam", "saliency"))
    np.testing.assert_array_equal(first.random.deletion, second.random.deletion)


def test_what_cannot_be_measured_is_refused() -> None:
    model = trained.tutorial()
    with pytest.raises(InputError, match="at least one seed"):
        cascade(model, images(1), "saliency", seeds=())
    with pytest.raises(InputError, match="N at least 1"):
        faithfulness(model, images(1)[:0], "saliency")
    with pytest.raises(InputError, match="each of the 784 pixels once"):
        deletion_insertion(model, images(1)[0], 0, np.zeros(784, np.int64))
    with pytest.raises(InputError, match="no class 12"):
        deletion_insertion(model, images(1)[0], 12, np.arange(784))
