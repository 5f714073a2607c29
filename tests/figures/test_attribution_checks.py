"""Figures of the checks of attribution methods: verdicts and areas are written beside the lines."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from convlens.figures.attribution_checks import cascade_svg, faithfulness_svg
from convlens.foundation.errors import InputError
from convlens.inside.attribution_checks import Cascade, Curves, Faithfulness


def texts(svg: str) -> str:
    root = ElementTree.fromstring(svg)
    return " | ".join((e.text or "").strip() for e in root.iter() if e.tag.endswith("}text"))


def test_the_cascade_names_layers_and_verdicts() -> None:
    low, high = (np.array([[[1.0], [0.7], [end]]]) for end in (0.1, 0.8))
    layers = ("linear1", "conv1")
    words = texts(
        cascade_svg([Cascade("grad-cam", layers, low), Cascade("saliency", layers, high)])
    )
    for expected in (
        "grad-cam: 0.10, passes",
        "saliency: 0.80, fails",
        "+ conv1",
        "passes below 0.5",
        "(1 image, 1 seed)",
    ):
        assert expected in words


def test_curves_carry_their_areas_beside_the_random_ones() -> None:
    share = np.linspace(0, 1, 5)
    curves = Curves(share, np.array([1 - share]), np.array([share**0]))
    random = Curves(share, np.array([share**0]), np.array([share]))
    words = texts(faithfulness_svg([Faithfulness("occlusion", curves, random)]))
    for expected in (
        "occlusion: 0.500",
        "occlusion: 1.000",
        "random order: 1.000",
        "random order: 0.500",
        "lower is better",
    ):
        assert expected in words


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(InputError, match="0 cascades"):
        cascade_svg([])
    with pytest.raises(InputError, match="no method"):
        faithfulness_svg([])
    one = np.ones((1, 2, 1))
    with pytest.raises(InputError, match="different layers"):
        cascade_svg([Cascade("saliency", ("a",), one), Cascade("saliency", ("b",), one)])
