"""What a person does on the page, and what they read there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page

Points = list[tuple[float, float]]

SEVEN: Points = [(0.28, 0.26), (0.74, 0.25), (0.62, 0.5), (0.46, 0.82)]
ONE: Points = [(0.52, 0.18), (0.5, 0.5), (0.48, 0.84)]


def draw(page: Page, stroke: Points) -> None:
    """Draw one stroke on the sheet with the mouse, and wait for the answer to it."""
    box = page.get_by_test_id("sheet").bounding_box()
    assert box is not None
    before = drawings(page)
    x, y = stroke[0]
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.down()
    for x, y in stroke[1:]:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_function(
        "before => performance.getEntriesByName('stroke-to-maps').length > before", arg=before
    )
    settle(page)


def drawings(page: Page) -> int:
    """Return how many pictures the network has answered."""
    return int(page.evaluate("performance.getEntriesByName('stroke-to-maps').length"))


def settle(page: Page) -> None:
    """Wait until the network has answered the newest picture."""
    page.wait_for_function("() => document.querySelector('.answer').dataset.busy === 'false'")


def give(page: Page, path: Path) -> None:
    """Choose an image file."""
    before = drawings(page)
    page.get_by_test_id("file").set_input_files(path)
    page.wait_for_function(
        "before => performance.getEntriesByName('stroke-to-maps').length > before", arg=before
    )
    settle(page)


def winner(page: Page) -> str:
    return page.get_by_test_id("winner").locator("strong").inner_text()


def logits(page: Page) -> np.ndarray:
    """Return the logits behind the answer that is shown."""
    written = page.locator(".answer").get_attribute("data-logits")
    assert written
    return np.array([float(part) for part in written.split(",")])


def open_cell(page: Page, layer: str, x: float, y: float) -> tuple[int, ...]:
    """Click a point of a layer's maps; return the cell that it was."""
    page.locator(f'[data-layer="{layer}"] canvas').click(position={"x": x, "y": y})
    shown = page.get_by_test_id("inspector").get_attribute("data-cell")
    assert shown
    return tuple(int(part) for part in shown.split(","))


def total(page: Page) -> float:
    """Return the sum that the inspector shows, with all its digits."""
    return float(page.get_by_test_id("inspector").get_attribute("data-total") or "nan")


def written_total(page: Page) -> float:
    """Return the sum as a person reads it."""
    text = page.get_by_test_id("total").inner_text()
    return float(text.replace("\N{MINUS SIGN}", "-"))


def save_digit(folder: Path, index: int) -> tuple[Path, np.ndarray]:
    """Write a test digit as PNG; return the file and its pixels, uint8 (1, 28, 28)."""
    from convlens import data

    image = np.asarray(data.load("digits-5k").test.images[index])
    path = folder / f"digit-{index}.png"
    Image.fromarray(image[0]).save(path)
    return path, image
