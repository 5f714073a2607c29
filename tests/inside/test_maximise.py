"""Activation maximisation: it climbs, it repeats, and it stays an image."""

from __future__ import annotations

import numpy as np
import pytest

import trained
from convlens.data import Preprocessing
from convlens.engines import build
from convlens.foundation.errors import InputError
from convlens.inside.maximise import Ascent, maximise_class, maximise_map
from convlens.network import zoo

SHORT = Ascent(steps=30)


@pytest.mark.parametrize("target", [0, 4])
def test_a_classs_image_raises_its_logit_and_is_taken_for_it(target: int) -> None:
    model, preprocessing = trained.tutorial(), trained.digits().preprocessing
    made = maximise_class(model, preprocessing, target, ascent=SHORT)
    assert made.image.shape == (1, 28, 28)
    assert made.image.dtype == np.uint8
    assert made.activations.shape == (31,)
    assert made.rose
    assert made.activations[-1] > made.activations[0] + 3
    logits = model.logits(preprocessing.normalise(made.image[None]))[0]
    assert logits.argmax() == target
    # rounding to whole pixel values moves the logit a little
    assert logits[target] == pytest.approx(made.activations[-1], rel=0.02)


@pytest.mark.parametrize(
    ("layer", "cell"),
    [("conv1", None), ("relu2", None), ("max_pool2", (2, 3)), ("linear1", None)],
)
def test_a_maps_image_activates_it_more_than_the_start(
    layer: str, cell: tuple[int, int] | None
) -> None:
    model, preprocessing = trained.tutorial(), trained.digits().preprocessing
    made = maximise_map(model, preprocessing, layer, 1, cell=cell, ascent=SHORT)
    assert made.activations[-1] > made.activations[0]
    values = model.activations(preprocessing.normalise(made.image[None]), [layer])[layer][0, 1]
    value = values.mean() if cell is None else values[cell]
    assert value == pytest.approx(made.activations[-1], rel=0.05, abs=1e-3)


def test_a_cells_image_changes_only_what_the_cell_sees() -> None:
    model, preprocessing = trained.tutorial(), trained.digits().preprocessing
    still = Ascent(steps=20, jitter=0, blur=0, decay=0)
    made = maximise_map(model, preprocessing, "conv1", 0, cell=(5, 7), ascent=still)
    other = maximise_map(model, preprocessing, "conv1", 1, cell=(5, 7), ascent=still)
    differs = np.argwhere(made.image[0] != other.image[0])
    assert len(differs)
    assert differs.min(axis=0).tolist() >= [5, 7]
    assert differs.max(axis=0).tolist() <= [7, 9]


def test_one_seed_gives_one_image() -> None:
    model, preprocessing = trained.tutorial(), trained.digits().preprocessing
    first, again, other = (
        maximise_class(model, preprocessing, 3, seed=seed, ascent=SHORT) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.activations, again.activations)
    assert (first.image != other.image).any()


def test_colour_and_residual_blocks_work() -> None:
    network = zoo.load("bottleneck-resnet")
    preprocessing = Preprocessing((3, 32, 32), (0.5,) * 3, (0.25,) * 3)
    made = maximise_map(build(network), preprocessing, "residual2", 5, ascent=Ascent(steps=4))
    assert made.image.shape == (3, 32, 32)
    assert made.rose


def test_a_place_that_nothing_activates_is_said_to_be_so() -> None:
    model = build(zoo.load("tutorial-torch"))
    weights = model.weights()
    weights["conv1.weight"][3], weights["conv1.bias"][3] = 0, -1
    model.load_weights(weights)
    made = maximise_map(model, trained.digits().preprocessing, "relu1", 3, ascent=Ascent(steps=3))
    assert not made.rose
    assert made.activations.tolist() == [0, 0, 0, 0]


def test_the_model_is_left_as_it_was() -> None:
    model = build(zoo.load("small-batch-norm"), seed=1)
    model.module.train()
    before = model.weights()
    maximise_class(model, trained.digits().preprocessing, 0, ascent=Ascent(steps=2))
    assert model.module.training
    assert all(p.requires_grad and p.grad is None for p in model.module.parameters())
    for name, array in model.weights().items():
        np.testing.assert_array_equal(array, before[name])


def test_what_does_not_exist_is_refused() -> None:
    model, preprocessing = trained.tutorial(), trained.digits().preprocessing
    with pytest.raises(InputError, match="no class 10"):
        maximise_class(model, preprocessing, 10)
    with pytest.raises(InputError, match="use 31, the nearest"):
        maximise_map(model, preprocessing, "conv1", 40)
    with pytest.raises(InputError, match=r"the nearest is \(0, 25, 0\)"):
        maximise_map(model, preprocessing, "conv1", 0, cell=(26, 0))
    with pytest.raises(InputError, match="at least 1 step"):
        Ascent(steps=0)
    with pytest.raises(InputError, match="decay"):
        Ascent(decay=1.0)
