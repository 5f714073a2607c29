"""One table of colours for figures, pages and the explorer, which everybody can read."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from convlens.figures.style import AMOUNT, SIGNED, TABLE, colours_of

ROOT = Path(__file__).parents[2]
THEMES = ("light", "dark")
BLIND = {
    # Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def linear(colour: str) -> NDArray[np.float64]:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* of a linear RGB colour, for the distance between two (CIE 1976)."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", THEMES)
def test_lightness_alone_orders_each_half_of_the_scale(theme: str) -> None:
    stops = TABLE["signed"][theme]
    middle = len(stops) // 2
    for half in (stops[middle:], stops[middle::-1]):
        steps = [luminance(b) - luminance(a) for a, b in pairwise(half)]
        assert all(step < 0 for step in steps) if theme == "light" else all(s > 0 for s in steps)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", BLIND)
def test_positive_and_negative_are_told_apart_with_every_colour_blindness(
    theme: str, kind: str
) -> None:
    stops, matrix = TABLE["signed"][theme], np.array(BLIND[kind])
    middle = len(stops) // 2
    pairs = [(stops[middle - n], stops[middle + n]) for n in range(1, middle)]
    pairs += [(TABLE[name]["plus"], TABLE[name]["minus"]) for name in (theme, "over_image")]
    for minus, plus in pairs:
        distance = np.linalg.norm(lab(matrix @ linear(minus)) - lab(matrix @ linear(plus)))
        assert distance > 20, (minus, plus)  # about ten times the least that is noticed


def test_signs_and_accents_stand_out_from_both_grounds() -> None:
    for theme, ground in (("light", "#ffffff"), ("dark", "#15181b")):
        for text in ("accent", "danger"):
            assert contrast(TABLE[theme][text], ground) >= 4.5
        for sign in ("plus", "minus"):
            assert contrast(TABLE[theme][sign], ground) >= 3  # WCAG 2.2: graphical objects


@pytest.mark.parametrize("theme", THEMES)
def test_a_warning_does_not_look_like_an_accent(theme: str) -> None:
    accent, danger = (lab(linear(TABLE[theme][name])) for name in ("accent", "danger"))
    assert np.linalg.norm(accent - danger) > 25


def test_the_page_and_the_reports_have_the_colours_of_the_table() -> None:
    explorer = (ROOT / "web/src/styles/tokens.css").read_text("utf-8")
    light, dark = explorer.split(':root[data-theme="dark"]')[:2]
    for theme, text in (("light", light), ("dark", dark)):
        for name, colour in TABLE[theme].items():
            assert f"--{name}: {colour};" in text, (theme, name)
    report = (ROOT / "src/convlens/report/style.css").read_text("utf-8")
    light, dark = report.split("prefers-color-scheme: dark")[:2]
    for theme, text in (("light", light), ("dark", dark)):
        for name in ("accent", "danger"):
            assert re.search(rf"--{name}: {TABLE[theme][name]};", text), (theme, name)


def test_the_maps_of_the_figures_run_through_the_table() -> None:
    stops = TABLE["signed"]["light"]
    whole, half = colours_of(SIGNED), colours_of(AMOUNT)
    assert whole(0.0)[:3] == pytest.approx(to_rgb(stops[0]))
    assert whole(0.5)[:3] == pytest.approx(to_rgb(stops[4]), abs=0.01)
    assert whole(1.0)[:3] == pytest.approx(to_rgb(stops[-1]))
    for share in (0.0, 0.3, 1.0):
        assert half(share)[:3] == pytest.approx(whole(0.5 + share / 2)[:3], abs=0.01)
