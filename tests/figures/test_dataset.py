"""Figures of a data set: what is written in them, and that the pixels are the images' own."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import trained
from convlens.data.summary import summarise
from convlens.figures import dataset as figures
from convlens.foundation.errors import InputError


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith("}text")]


def picture(svg: str) -> np.ndarray:
    """Return the picture embedded in a figure, RGB."""
    found = re.search(r'base64,\s*([^"]+)"', svg)
    assert found
    image = Image.open(io.BytesIO(base64.b64decode(found.group(1))))
    return np.asarray(image.convert("RGB"))


def test_samples_are_drawn_by_class_with_their_numbers_and_own_pixels() -> None:
    summary = summarise(trained.digits(), samples=3)
    svg = figures.samples_svg(
        summary.samples, summary.classes, summary.numbers, title="Training images, 1x28x28"
    )
    words = texts(svg)
    assert "Training images, 1x28x28" in words
    assert {f"#{number}" for numbers in summary.numbers for number in numbers} <= set(words)
    assert set(summary.classes) <= set(words)
    drawn = picture(svg)
    if drawn[-1, 0].sum() < drawn[0, 0].sum():  # a row from the top in some backends
        drawn = drawn[::-1]
    first = np.repeat(summary.samples[0][0].transpose(1, 2, 0), 3, axis=2)
    places = [drawn[y : y + 28, :28] for y in range(drawn.shape[0] - 27)]
    assert any(np.abs(place.astype(int) - first).max() <= 1 for place in places)


def test_classes_with_few_images_leave_places_empty_and_none_at_all_is_refused() -> None:
    two = [np.zeros((2, 3, 8, 8), np.uint8), np.zeros((0, 3, 8, 8), np.uint8)]
    numbers = [np.array([4, 9]), np.array([], int)]
    words = texts(figures.samples_svg(two, ["full", "empty"], numbers, title="t"))
    assert {"#4", "#9", "full", "empty"} <= set(words)
    with pytest.raises(InputError):
        figures.samples_svg([two[1]], ["empty"], [numbers[1]], title="t")


def test_counts_end_in_the_sum_of_the_splits() -> None:
    counts = {
        "train": np.array([1000, 20]),
        "validation": np.array([100, 2]),
        "test": np.array([10, 1]),
    }
    words = texts(figures.counts_svg(counts, ["<many>", "few"], title="Images of each class"))
    assert {"1,110", "23", "<many>", "few", "train", "validation", "test", "images"} <= set(words)


def test_the_histogram_has_a_line_for_each_channel_by_its_name() -> None:
    grey = summarise(trained.digits()).histogram
    assert grey.sum() == trained.digits().train.images.size
    assert "grey" not in texts(figures.histogram_svg(grey, title="t"))
    words = texts(figures.histogram_svg(np.repeat(grey, 3, axis=0), title="Values"))
    assert {"red", "green", "blue", "pixel value", "Values", "255"} <= set(words)


def test_file_sizes_are_drawn_beside_the_size_that_is_used() -> None:
    sizes = np.array([[480, 640], [480, 640], [100, 90]])
    words = texts(figures.sizes_svg(sizes, used=(64, 64)))
    assert {"3 files, 2 different sizes", "used: 64x64", "width, pixels"} <= set(words)


def test_augmented_images_stand_right_of_the_original_with_their_texts() -> None:
    before = np.zeros((2, 3, 8, 8), np.uint8)
    after = np.full((2, 2, 3, 8, 8), 200, np.uint8)
    names = [["epoch 1", "epoch 2"], ["30% dog", "1% cat"]]
    svg = figures.augmented_svg(before, after, names, ["cat", "dog"], title="t")
    words = texts(svg)
    assert words.count("as it is") == 2
    assert {"epoch 1", "epoch 2", "30% dog", "1% cat", "cat", "dog"} <= set(words)


def test_means_are_named_by_their_class() -> None:
    summary = summarise(trained.digits())
    words = texts(figures.means_svg(summary.means, summary.classes, title="Mean training image"))
    assert set(summary.classes) | {"Mean training image"} <= set(words)
