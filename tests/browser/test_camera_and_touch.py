"""Pictures from a camera's stream, and drawing with a finger on a phone."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import acting

from conftest import PHONE

COVERED = """() => {
    const sheet = document.querySelector('[data-testid=sheet]');
    const { data } = sheet.getContext('2d').getImageData(0, 0, sheet.width, sheet.height);
    let bright = 0;
    for (let i = 0; i < data.length; i += 4) bright += data[i] + data[i + 1] + data[i + 2] > 90;
    return bright / (data.length / 4);
}"""
"""How much of the sheet is not black."""


def take_picture(page) -> None:
    before = acting.drawings(page)
    page.get_by_role("button", name="Camera").click()
    page.get_by_role("button", name="Take picture").click()  # waits until there is a picture
    page.wait_for_function(
        "before => performance.getEntriesByName('stroke-to-maps').length > before", arg=before
    )
    acting.settle(page)


def test_a_picture_from_the_camera_goes_through_the_network(open_page):
    page = open_page()
    seen = list(acting.logits(page))
    take_picture(page)
    assert list(acting.logits(page)) != seen
    assert page.locator(".notes", has_text="Colour made grey").count() == 1
    assert page.evaluate(COVERED) > 0.5
    # the stream has ended with the picture
    assert page.locator("video").count() == 0


def test_a_colour_picture_stays_in_colour_and_has_the_networks_proportions(open_page, explorer):
    page = open_page(f"http://127.0.0.1:{explorer.port}/#run=photos")
    page.locator(".samples img").first.wait_for()
    acting.settle(page)
    take_picture(page)
    notes = page.locator(".notes").inner_text()
    assert notes == "480×480 pixels brought to 64×64"


def test_a_refused_camera_says_what_to_do(refusing_page):
    page = refusing_page()
    seen = list(acting.logits(page))
    page.get_by_role("button", name="Camera").click()
    message = page.locator(".camera [role=alert]")
    message.wait_for()
    assert "did not allow the camera" in message.inner_text()
    assert page.get_by_role("button", name="Take picture").count() == 0
    page.locator(".camera").get_by_role("button", name="Close").click()
    assert list(acting.logits(page)) == seen


@pytest.fixture
def phone(open_page):
    return open_page(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)


def swipe(page, points: list[tuple[float, float]]) -> None:
    """Draw over the sheet with a finger, as the screen itself reports it."""
    box = page.get_by_test_id("sheet").bounding_box()
    devtools = page.context.new_cdp_session(page)
    steps = []
    for (x0, y0), (x1, y1) in pairwise(points):
        steps += [(x0 + (x1 - x0) * k / 10, y0 + (y1 - y0) * k / 10) for k in range(10)]
    for number, (x, y) in enumerate([*steps, points[-1]]):
        at = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        kind = "touchMove" if number else "touchStart"
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(100)
    acting.settle(page)


def test_a_one_drawn_with_a_finger_wins_and_the_page_stays_where_it_is(phone):
    assert acting.winner(phone) == "7"  # the page's own
    maps = phone.locator('[data-layer="relu1"] canvas')
    maps.scroll_into_view_if_needed()
    seven = maps.screenshot()
    phone.get_by_test_id("sheet").scroll_into_view_if_needed()
    place = phone.evaluate("scrollY")
    swipe(phone, acting.ONE)
    assert phone.evaluate("scrollY") == place
    assert acting.winner(phone) == "1"
    maps.scroll_into_view_if_needed()
    assert maps.screenshot() != seven


def test_a_tap_on_a_map_brings_the_sum_into_view(phone):
    maps = phone.locator('[data-layer="conv1"] canvas')
    maps.scroll_into_view_if_needed()
    box = maps.bounding_box()
    phone.touchscreen.tap(box["x"] + 20, box["y"] + 20)
    inspector = phone.get_by_test_id("inspector")
    inspector.wait_for()
    phone.wait_for_function(
        """() => {
            const box = document.querySelector('.inspector').getBoundingClientRect();
            return box.top > -1 && box.top < innerHeight / 2;  // pages scroll by whole pixels
        }"""
    )
