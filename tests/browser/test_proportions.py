"""Images and maps that are not square keep their proportions wherever they are drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import acting
from PIL import Image

from convlens.api.opening import open_subject
from convlens.inside.windows import window


def ratio(page, selector: str) -> float:
    """Return width over height of what is drawn."""
    box = page.locator(selector).last.bounding_box()
    return box["width"] / box["height"]


@pytest.fixture
def wide(open_page, explorer):
    page = open_page(f"http://127.0.0.1:{explorer.port}/#run=wide")
    page.locator(".samples img").first.wait_for()
    return page


def test_maps_cards_and_the_sheet_are_as_wide_as_the_images(wide):
    assert ratio(wide, ".sheet") == pytest.approx(2, abs=0.02)
    assert ratio(wide, '[data-layer=""] canvas') == pytest.approx(2, abs=0.02)
    wide.locator('[data-layer="conv1"] canvas').hover(position={"x": 10, "y": 10})
    assert ratio(wide, ".map-card > canvas") == pytest.approx(2, abs=0.02)
    wide.locator('[data-layer="conv2"] canvas').hover(position={"x": 10, "y": 10})
    assert ratio(wide, ".map-card > canvas") == pytest.approx(16 / 8, abs=0.02)
    # 3x5 filters, six of them beside each other with 3 pixels between
    assert ratio(wide, ".map-card figure canvas") == pytest.approx((6 * 22 + 15) / 13, abs=0.4)


def test_a_click_on_a_wide_map_opens_the_cell_that_was_clicked(wide, runs, tmp_path):
    image = np.zeros((20, 40), np.uint8)
    image[4:9, 25:30] = 220
    path = tmp_path / "right.png"
    Image.fromarray(image).save(path)
    acting.give(wide, path)
    assert acting.winner(wide) == "right"
    box = wide.locator('[data-layer="conv1"] canvas').bounding_box()
    tile = box["width"]
    cell = acting.open_cell(wide, "conv1", 25.5 * tile / 40, 6.5 * tile / 40)
    assert cell == (0, 6, 25)
    assert ratio(wide, ".inspector .map-view") == pytest.approx(2, abs=0.02)
    subject = open_subject(runs / "wide", engine="reference")
    pixels = subject.preprocessing.normalise(image[None, None])[0]
    step = window(subject.model, pixels, "conv1", cell)
    assert acting.total(wide) == pytest.approx(step.total, abs=1e-5)
    wide.get_by_label("Map of conv1").click(position={"x": 150, "y": 30})
    assert wide.get_by_test_id("inspector").get_attribute("data-cell") == "0,6,30"


def test_drawing_reaches_the_pixels_below_the_pen(wide):
    wide.get_by_role("button", name="Clear").click()
    acting.settle(wide)
    acting.draw(wide, [(0.8, 0.4), (0.82, 0.45)])
    assert acting.winner(wide) == "right"
