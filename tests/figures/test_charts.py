"""Charts, bars and surfaces say what they draw, in words a reader can read."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from convlens.figures.bars import bars_svg
from convlens.figures.charts import Chart, Line, charts_svg
from convlens.figures.plane import Surface, surfaces_svg
from convlens.foundation.errors import InputError


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith("}text")]


def test_a_chart_names_its_axes_and_its_lines() -> None:
    lines = [Line("first", [1, 2], [0.5, 0.7]), Line("second <&>", [1, 2], [0.1, 0.2], "dots")]
    words = texts(charts_svg([Chart("Title", "step", "loss", lines)]))
    assert {"Title", "step", "loss", "first", "second <&>"} <= set(words)


def test_one_line_alone_needs_no_legend() -> None:
    assert "alone" not in texts(charts_svg([Chart("T", "x", "y", [Line("alone", [1], [2])])]))


def test_a_logarithmic_axis_is_labelled_in_plain_numbers() -> None:
    chart = Chart("T", "x", "y", [Line("l", [1, 2, 3], [0.01, 0.1, 5])], logarithmic=True)
    words = texts(charts_svg([chart]))
    assert {"0.01", "0.1", "1"} <= set(words)
    assert not any("$" in word for word in words)


def test_a_short_logarithmic_x_axis_has_more_than_one_number() -> None:
    def numbers(last: float) -> list[str]:
        chart = Chart("T", "x", "y", [Line("l", [3, last], [1, 2])], logarithmic_x=True)
        return [word for word in texts(charts_svg([chart])) if word.replace(",", "").isdigit()]

    assert {"5", "10", "20"} <= set(numbers(30))
    assert {"10", "1,000"} <= set(numbers(30_000)) or {"100", "10,000"} <= set(numbers(30_000))
    assert "500" not in numbers(30_000)


def test_bars_carry_their_numbers() -> None:
    words = texts(bars_svg(["a", "b"], [1850, 51], title="Cost", unit="millions"))
    assert {"a", "b", "1,850", "51", "Cost", "millions"} <= set(words)


def test_a_surface_at_one_half_has_no_border_and_a_real_one_has() -> None:
    axis = np.linspace(0, 1, 11)
    points, labels = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    noise = 0.5 + 1e-8 * np.random.default_rng(0).standard_normal((11, 11))
    flat = surfaces_svg([Surface("s", noise)], axis, points, labels)
    slope = surfaces_svg([Surface("s", np.tile(axis, (11, 1)))], axis, points, labels)
    assert "stroke-dasharray" not in flat
    assert "stroke-dasharray" in slope
    assert "probability of 1" in texts(flat)


def test_nothing_to_draw_is_refused() -> None:
    for draw in (lambda: charts_svg([]), lambda: bars_svg([], [], title="", unit="")):
        with pytest.raises(InputError):
            draw()
