"""What excites a layer: the maps chosen, the classes told, and the made patch's value."""

from __future__ import annotations

import numpy as np
import pytest

import recorded_runs
import trained
from convlens.foundation.errors import InputError
from convlens.inside.attribution import default_layer
from convlens.inside.look import Classifier
from convlens.inside.maximise import maximise_map
from convlens.inside.top_images import CELL_ASCENT, SHOWN_MAPS, last_convolution, top_images
from convlens.inside.top_patches import seen_by_cell, top_patches
from convlens.network import Network
from convlens.network.zoo import load


def tutorial() -> Classifier:
    dataset = trained.digits()
    return Classifier(
        "tut", trained.tutorial(), dataset.preprocessing, dataset.classes, trained=True
    )


def test_the_strongest_maps_are_chosen_and_the_rest_is_counted() -> None:
    subject, few = tutorial(), recorded_runs.digits()
    found = top_images(subject, few, maximise=False, top=3)
    normalised = subject.preprocessing.normalise(few.train.images)
    peaks = subject.model.activations(normalised, ["conv2"])["conv2"].max(axis=(0, 2, 3))
    strongest = np.argsort(-peaks)[:SHOWN_MAPS]
    assert [one.number for one in found.maps] == strongest.tolist()
    assert found.step.name == "conv2"
    assert found.choice() == "12 of 64 maps, those with the strongest responses"
    assert found.images == len(few.train)


def test_classes_are_the_true_ones_of_the_winning_images() -> None:
    few = recorded_runs.digits()
    for split in ("validation", "test"):
        found = top_images(tutorial(), few, maps=[40, 3, 40], split=split, maximise=False, top=5)
        assert [one.number for one in found.maps] == [40, 3]
        assert found.choice() == "2 of 64 maps, as asked for"
        for one in found.maps:
            labels = few.part(split).labels[one.patches.images]
            assert one.classes == tuple(few.classes[label] for label in labels)
            assert sum(count for _, count in one.counts()) == len(one.classes) == 5


def test_the_made_patch_is_what_the_middle_cell_sees_and_beats_a_random_image() -> None:
    subject, few = tutorial(), recorded_runs.digits()
    (one,) = top_images(subject, few, maps=[7], layer="conv1", seed=4).maps
    made = one.made
    assert made is not None
    assert made.rose
    whole = maximise_map(
        subject.model,
        subject.preprocessing,
        "conv1",
        7,
        cell=(13, 13),
        seed=4,
        ascent=CELL_ASCENT,
    )
    row = subject.network.plan().step("conv1")
    pixels, seen = seen_by_cell(row, (13, 13), whole.image)
    np.testing.assert_array_equal(made.pixels, pixels)
    assert made.pixels.shape == one.patches.patches.shape[1:] == (1, 3, 3)
    assert seen.all()
    # the value is of this patch: put into another image, the cell gives the same
    pasted = np.random.default_rng(0).integers(0, 256, (1, 1, 28, 28), dtype=np.uint8)
    there = np.s_[13:16]
    before, after = pasted.copy(), pasted
    after[0, 0, there, there] = made.pixels[0]
    values = [
        subject.model.activations(subject.preprocessing.normalise(images), ["conv1"])["conv1"][
            0, 7, 13, 13
        ]
        for images in (before, after)
    ]
    assert values[1] == pytest.approx(made.value, abs=0.05)  # the pixels are rounded
    assert values[1] > values[0]


def test_a_class_is_named_in_its_made_image() -> None:
    subject, few = tutorial(), recorded_runs.digits()
    found = top_images(subject, few, maps=[0], classes=["3"], maximise=False)
    (made,) = found.class_images
    assert made.place == "logit of 3"
    assert made.activations[-1] > made.activations[0]
    assert found.maps[0].made is None


def test_the_last_convolution_is_found_behind_shortcuts() -> None:
    assert last_convolution(load("tutorial-torch").plan()) == "conv2"
    network = load("bottleneck-resnet")
    name = last_convolution(network.plan())
    assert ".shortcut." not in name
    rows = [row.name for row in network.plan().steps]
    assert rows.index(name) < rows.index(default_layer(network.plan()))
    gate = [{"global_avg_pool": True}, {"conv": 3, "kernel": 1}]
    gated = [{"conv": 3, "kernel": 1}, {"branches": [[], gate], "join": "multiply"}]
    assert last_convolution(Network(input=(1, 4, 4), layers=gated).plan()) == "conv1"
    flat = Network(input=(1, 4, 4), layers=[{"flatten": True}, {"linear": 2}])
    with pytest.raises(InputError, match="no convolution"):
        last_convolution(flat.plan())


def test_what_does_not_exist_is_refused_with_the_nearest() -> None:
    subject, few = tutorial(), recorded_runs.digits()
    with pytest.raises(InputError, match='did you mean "conv2"'):
        top_images(subject, few, layer="conv3")
    with pytest.raises(InputError, match="no map 64"):
        top_images(subject, few, maps=[64])
    with pytest.raises(InputError, match='no class "10"'):
        top_images(subject, few, classes=["10"])
    with pytest.raises(InputError, match='did you mean "validation"'):
        top_images(subject, few, split="valid")
    with pytest.raises(InputError, match="no maps"):
        top_images(subject, few, layer="linear1")


def test_most_keeps_the_maps_with_the_largest_values_in_that_order() -> None:
    subject, images = tutorial(), trained.digits().train.images[:100]
    every = top_patches(subject.model, "relu2", None, images, subject.preprocessing, count=2)
    assert [one.map_number for one in every] == list(range(64))
    peaks = [float(one.values.max(initial=0)) for one in every]
    few = top_patches(subject.model, "relu2", None, images, subject.preprocessing, count=2, most=5)
    expected = np.argsort(-np.array(peaks), kind="stable")[:5].tolist()
    assert [one.map_number for one in few] == expected
    for one in few:
        np.testing.assert_array_equal(one.patches, every[one.map_number].patches)
