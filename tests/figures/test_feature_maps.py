"""Figures of feature maps: numbered, on one scale, with silent and dead maps struck out."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from convlens.figures.feature_maps import feature_maps_svg, feature_vector_svg
from convlens.foundation.errors import InputError
from convlens.inside.feature_maps import FeatureMaps, FeatureVector


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith("}text")]


def layer(count: int, *, dead: bool = False, signed: bool = False) -> FeatureMaps:
    values = np.random.default_rng(0).random((count, 5, 4)).astype(np.float32)
    values -= 0.5 * signed
    values[1] = 0
    cells = values.reshape(count, -1)
    marked = np.zeros(count, bool)
    marked[1] = True
    statistics = [f(cells, axis=1).astype(float) for f in (np.min, np.max, np.mean)]
    zeros = (cells == 0).mean(axis=1)
    return FeatureMaps(
        "relu2", "relu", values, *statistics, zeros, ~cells.any(1), marked if dead else None
    )


def test_every_map_carries_its_number_and_the_title_its_shape() -> None:
    words = texts(feature_maps_svg(layer(6)))
    assert "relu2: relu, 6x5x4" in words
    assert set(map(str, range(6))) <= set(words)


def test_many_maps_are_cut_to_the_strongest_and_the_title_says_so() -> None:
    svg = feature_maps_svg(layer(60), most=8)
    assert "8 of 60 shown, the strongest" in " ".join(texts(svg))
    # the maps are one picture, the colour bar another
    assert len(re.findall("<image ", svg)) == 1 + 1


def test_silent_and_dead_maps_are_named_apart() -> None:
    silent = " ".join(texts(feature_maps_svg(layer(4))))
    assert "silent on this image (/): 1 of 4 maps: 1" in silent
    assert "dead" not in silent
    dead = " ".join(texts(feature_maps_svg(layer(4, dead=True))))
    assert "silent on this image (/): none" in dead
    assert "dead, zero for every image of the set (×): 1 of 4 maps: 1" in dead


def test_signed_maps_say_that_white_is_zero() -> None:
    assert "white is 0" in " ".join(texts(feature_maps_svg(layer(3, signed=True))))
    assert "white is 0" not in " ".join(texts(feature_maps_svg(layer(3))))


def test_probabilities_carry_class_names_and_percentages() -> None:
    values = np.array([0.125, 0.875], np.float32)
    svg = feature_vector_svg(
        FeatureVector("softmax1", "softmax", values, values == 0),
        names=["cat", "$x$ <b>"],
        marked=1,
    )
    words = texts(svg)
    assert {"cat", "$x$ <b>", "12.5%", "87.5%", "probability"} <= set(words)


def test_many_features_are_cut_to_the_largest() -> None:
    values = np.arange(-10, 40, dtype=np.float32)
    words = texts(feature_vector_svg(FeatureVector("flatten1", "flatten", values, values == 0)))
    assert "20 of 50 shown, the largest absolute values" in " ".join(words)
    assert {"49", "30"} <= set(words)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="most is 0"):
        feature_maps_svg(layer(3), most=0)
    values = np.zeros(3, np.float32)
    with pytest.raises(InputError, match="3 features and there are 2 names"):
        feature_vector_svg(FeatureVector("a", "linear", values, values == 0), names=["x", "y"])
