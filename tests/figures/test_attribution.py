"""Figures of attributions: what is explained is written on them, and colours mean their sign."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from convlens.figures.attribution import attributions_svg, overlaid
from convlens.foundation.errors import InputError
from convlens.inside.reasons import Attribution, Method


def texts(svg: str) -> str:
    root = ElementTree.fromstring(svg)
    return " | ".join((e.text or "").strip() for e in root.iter() if e.tag.endswith("}text"))


def found(method: Method, values: np.ndarray, target: int = 1) -> Attribution:
    signed = method in ("integrated-gradients", "occlusion")
    return Attribution(method, values, signed, target, 2.5, 0.75, layer="conv2", window=(4, 4))


IMAGE = np.random.default_rng(0).integers(0, 256, (3, 6, 8), dtype=np.uint8)
MAP = np.random.default_rng(1).random((6, 8))


def test_the_figure_names_class_methods_and_layer() -> None:
    maps = [found("grad-cam", MAP), found("occlusion", MAP - 0.5)]
    words = texts(attributions_svg(IMAGE, maps, classes=["cat", "<dog>"]))
    assert "explained: class <dog>" in words
    assert "logit 2.50, probability 75.0%" in words
    for expected in ("Grad-CAM", "occlusion", "conv2 raise the logit", "4x4 pixels are covered"):
        assert expected in words


def test_the_scale_of_each_method_has_its_ends_and_zero_as_numbers() -> None:
    small = [found("saliency", MAP / 1000), found("occlusion", MAP - 0.5)]
    words = texts(attributions_svg(IMAGE, small)).split(" | ")
    limit, ends = f"{MAP.max() / 1000:.2g}", np.abs(MAP - 0.5).max()
    for number in ("0", limit, f"{-ends:.2g}", f"{ends:.2g}"):
        assert number in words


def test_an_empty_map_says_that_nothing_was_found() -> None:
    assert "nothing found" in texts(attributions_svg(IMAGE, [found("grad-cam", 0 * MAP)]))
    assert "nothing found" not in texts(attributions_svg(IMAGE, [found("grad-cam", MAP)]))


def test_the_overlay_is_orange_for_the_class_blue_against_it_and_grey_at_zero() -> None:
    values = np.zeros((6, 8))
    values[0, 0], values[0, 1] = 1, -1
    rgb = overlaid(IMAGE, found("occlusion", values))
    assert rgb[0, 0, 0] > rgb[0, 0, 2] + 0.2
    assert rgb[0, 1, 2] > rgb[0, 1, 0] + 0.2
    np.testing.assert_allclose(rgb[1:, :, 0], rgb[1:, :, 2])
    assert rgb.min() >= 0
    assert rgb.max() <= 1


def test_grey_images_work_and_figures_are_the_same_every_time() -> None:
    draw = [attributions_svg(IMAGE[:1], [found("saliency", MAP)]) for _ in range(2)]
    assert draw[0] == draw[1]


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(InputError, match="no attribution"):
        attributions_svg(IMAGE, [])
    with pytest.raises(InputError, match=r"classes \[1, 2\]"):
        attributions_svg(IMAGE, [found("saliency", MAP), found("saliency", MAP, target=2)])
    with pytest.raises(InputError, match="own size"):
        attributions_svg(IMAGE, [found("saliency", MAP[:3])])
