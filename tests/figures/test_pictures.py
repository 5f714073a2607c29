"""Figures of top patches and of maximised images."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from convlens.figures.maximise import maximised_svg
from convlens.figures.top_patches import top_patches_svg
from convlens.foundation.errors import InputError
from convlens.inside.maximise import Maximised
from convlens.inside.top_patches import TopPatches


def texts(svg: str) -> str:
    root = ElementTree.fromstring(svg)
    return " | ".join((e.text or "").strip() for e in root.iter() if e.tag.endswith("}text"))


def patches(count: int, number: int = 3) -> TopPatches:
    rng = np.random.default_rng(0)
    return TopPatches(
        "conv1",
        number,
        rng.integers(0, 256, (count, 1, 4, 5), dtype=np.uint8),
        np.ones((count, 4, 5), bool),
        np.linspace(2, 1, count).astype(np.float32),
        np.arange(count) + 70,
        np.zeros((count, 2), np.int64),
    )


def test_patches_carry_map_value_and_image() -> None:
    words = texts(top_patches_svg([patches(3), patches(0, number=8)]))
    for expected in ("map 3", "map 8", "#72", "1.5", "no image of the set activates it", "4x5"):
        assert expected in words


def test_patches_of_two_layers_are_two_figures() -> None:
    with pytest.raises(InputError, match="2 layers"):
        top_patches_svg([patches(2), replace(patches(2), layer="conv2")])
    with pytest.raises(InputError, match="0 layers"):
        top_patches_svg([])


def test_maximised_images_say_what_they_activate_and_whether_they_do() -> None:
    image = np.zeros((3, 6, 6), np.uint8)
    rose = Maximised("conv1, map 2, mean", image, np.array([0.0, 1, 2]))
    flat = Maximised("relu1, map 3, mean", image, np.array([0.0, 0, 0]))
    words = texts(maximised_svg([rose] * 6 + [flat]))
    for expected in ("conv1, map 2, mean", "activation by step", "nothing activates it"):
        assert expected in words
    with pytest.raises(InputError, match="no image"):
        maximised_svg([])
