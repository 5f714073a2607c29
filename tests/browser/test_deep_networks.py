"""Networks of many layers: a strip of all of them, and fewer columns where that is wanted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_accessibility import cut_off, serious

from conftest import PHONE
from convlens.network import zoo

LAYERS = [row.name for row in zoo.load("bottleneck-resnet").plan().steps][:-1]
"""All but the softmax, which is the answer beside the network."""


@pytest.fixture
def deep(open_page, explorer):
    return open_page(f"http://127.0.0.1:{explorer.port}/#run=deep")


def in_view(page, layer: str) -> bool:
    """Whether a layer's maps are within the frame of the network."""
    return page.evaluate(
        """layer => {
            const maps = document.querySelector(`[data-layer="${layer}"] canvas`);
            if (!maps) return false;
            const [a, b] = [maps, document.querySelector('.stage-frame')].map(
                e => e.getBoundingClientRect());
            return a.right > b.left + 20 && a.left < b.right - 20;
        }""",
        layer,
    )


def test_every_layer_is_one_click_away(deep):
    marks = deep.locator(".strip .mark")
    assert sorted(mark.get_attribute("data-strip") for mark in marks.all()) == sorted(["", *LAYERS])
    assert not in_view(deep, "linear1")
    for layer in LAYERS[::-1]:
        deep.locator(f'[data-strip="{layer}"]').click()
        deep.locator(f'[data-layer="{layer}"].is-arrived').wait_for()
        assert in_view(deep, layer), layer


def test_the_answer_brings_the_layer_of_its_score_into_view(deep):
    assert not in_view(deep, "linear1")
    deep.get_by_role("button", name="How it adds up").click()
    deep.locator('[data-layer="linear1"].is-open').wait_for()
    assert in_view(deep, "linear1")


def test_the_strip_marks_what_is_in_view(deep):
    assert deep.locator('[data-strip="conv1"].in-view').count() == 1
    assert deep.locator('[data-strip="linear1"].in-view').count() == 0
    deep.locator(".stage-frame").evaluate("frame => frame.scrollTo(1e6, 0)")
    deep.locator('[data-strip="linear1"].in-view').wait_for()
    assert deep.locator('[data-strip="conv1"].in-view').count() == 0


def test_the_keyboard_goes_along_the_strip_and_to_the_layer(deep):
    deep.locator('[data-strip=""]').focus()
    deep.keyboard.press("ArrowRight")
    assert deep.evaluate("document.activeElement.dataset.strip") == "conv1"
    deep.keyboard.press("End")
    assert "linear1 · fully connected" in deep.locator(".under p").inner_text()
    deep.keyboard.press("Enter")
    where = "document.activeElement.closest('[data-layer]').dataset.layer"
    assert deep.evaluate(where) == "linear1"
    assert in_view(deep, "linear1")


def test_norms_and_activations_stand_with_their_layer_until_they_are_wanted(deep):
    columns = deep.locator(".stage .layer")
    names = [one.get_attribute("data-layer") for one in columns.all()]
    assert "residual1.conv2" in names
    assert "residual1.batch_norm2" not in names
    # lines go to the layer that a folded one stands with
    deep.locator('[data-layer="residual1.conv2"] canvas').hover(position={"x": 10, "y": 10})
    assert deep.locator(".links .link").count() > 1
    deep.get_by_label("Show the 2 layers that stand with residual1.conv2").click()
    deep.locator('[data-layer="residual1.batch_norm2"]').wait_for()
    deep.locator('[data-layer="residual1.relu2"]').wait_for()
    deep.get_by_label("Norms and activations").uncheck()
    deep.locator('[data-layer="residual2.batch_norm2"]').wait_for()
    assert columns.count() == 1 + len(LAYERS)


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_a_deep_network_can_be_used_by_everyone(open_page, explorer, viewport):
    page = open_page(f"http://127.0.0.1:{explorer.port}/#run=deep", viewport=viewport)
    page.locator(".samples img").first.wait_for()
    assert serious(page) == []
    assert cut_off(page) == []
