"""Panels: every picture on one scale, numbers in small ones, colours that keep their meaning."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from convlens.figures.panels import Panel, panels_svg
from convlens.foundation.errors import InputError


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith("}text")]


def test_small_pictures_carry_their_numbers_and_large_ones_do_not() -> None:
    small = texts(panels_svg([Panel("two by two", np.array([[0.25, 1.0], [0.5, -0.75]]))]))
    assert {".25", "1", ".50", "-.75", "two by two"} <= set(small)
    large = texts(panels_svg([Panel("large", np.full((20, 20), 0.123))], limits=(0, 1)))
    assert ".12" not in large


def test_titles_may_hold_any_character() -> None:
    svg = panels_svg([Panel("<b> & $x$", np.zeros((2, 2)))])
    assert "<b> & $x$" in texts(svg)


def test_the_signed_scale_is_the_same_on_both_sides_of_zero() -> None:
    words = texts(panels_svg([Panel("p", np.linspace(-1, 3, 400).reshape(20, 20))], scale="signed"))
    ticks = [float(w.replace("−", "-")) for w in words if re.fullmatch(r"[−-]?\d+(\.\d+)?", w)]
    assert min(ticks) == -max(ticks) == -3


def test_the_same_numbers_give_the_same_bytes() -> None:
    panels = [Panel("p", np.eye(3)), Panel("photo", np.zeros((4, 4, 3), np.uint8))]
    assert panels_svg(panels) == panels_svg(panels)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(InputError):
        panels_svg([])
