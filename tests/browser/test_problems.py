"""What goes wrong is told in the reader's language, with the precise English beneath."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import acting
from PIL import Image


def told(page) -> tuple[str, str, list[str]]:
    """Return the heading, the advice and the English parts of the problem that is shown."""
    alert = page.get_by_role("alert")
    alert.wait_for()
    advice = alert.locator(":scope > p")
    return (
        alert.locator("h3").inner_text(),
        advice.inner_text() if advice.count() else "",
        alert.locator("[lang=en]").all_inner_texts(),
    )


@pytest.mark.parametrize(
    ("language", "heading", "advice"),
    [
        ("zh-CN", "这张图像无法使用", "换一张图像，或把它另存为 PNG 再试。"),
        ("en-US", "This image cannot be used", ""),
    ],
)
def test_a_broken_image(open_page, tmp_path, language, heading, advice):
    page = open_page(language=language, refused=True)
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG no image")
    page.get_by_test_id("file").set_input_files(path)
    found, first, english = told(page)
    assert (found, first) == (heading, advice)
    assert any("image" in part for part in english)


def test_a_small_file_of_many_pixels_is_refused_before_it_is_unpacked_or_sent(open_page, tmp_path):
    path = tmp_path / "wide.png"
    Image.new("1", (20_000, 20_000)).save(path)
    assert path.stat().st_size < 100_000
    page = open_page()
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.evaluate(
        """() => {
            const unpack = window.createImageBitmap;
            window.unpacked = 0;
            window.createImageBitmap = (...of) => (window.unpacked++, unpack(...of));
        }"""
    )
    page.get_by_test_id("file").set_input_files(path)
    found, _, english = told(page)
    assert found == "This is too large"
    assert english[0] == "the image has 20000x20000 pixels"
    assert sent == []
    assert page.evaluate("window.unpacked") == 0


def test_a_server_that_is_gone_and_comes_back(open_page):
    page = open_page(language="zh-CN", refused=True)
    page.route("**/v1/models/*", lambda route: route.abort())
    box = page.get_by_test_id("sheet").bounding_box()
    page.mouse.click(box["x"] + 40, box["y"] + 40)
    found, advice, english = told(page)
    assert found == "服务器没有应答"
    assert "convlens serve" in advice
    assert english[0] == "the server does not answer"
    acting.settle(page)
    page.unroute("**/v1/models/*")
    acting.draw(page, acting.SEVEN)
    assert page.get_by_role("alert").count() == 0


def test_a_page_without_its_server_says_so(open_page):
    page = open_page(language="zh-CN", refused=True)
    page.route("**/v1/models", lambda route: route.abort())
    page.reload()
    assert told(page)[0] == "服务器没有应答"


def test_what_does_not_fit_stays_in_the_words_of_the_command_line(open_page):
    page = open_page(language="zh-CN", refused=True)
    page.locator("nav button").nth(2).click()
    page.locator(".fits").wait_for()
    page.get_by_label("conv2 核").fill("3")
    found, advice, english = told(page)
    assert found == "各层对不上"
    assert "标出的那一层" in advice
    assert english[0].startswith('layer 6 "max_pool2"')


def test_a_page_that_waits_and_one_without_runs_say_different_things(open_page):
    page = open_page(refused=True)
    page.route("**/v1/models", lambda route: None)  # never answered
    page.reload()
    page.get_by_text("Opening the run").wait_for()
    assert page.get_by_text("There is no run yet").count() == 0
    page.unroute("**/v1/models")
    page.route("**/v1/models", lambda route: route.fulfill(json={"models": []}))
    page.reload()
    page.get_by_role("heading", name="There is no run yet").wait_for()
    assert page.locator("pre").inner_text() == "convlens train"


def test_a_run_that_diverged_says_what_to_do(open_page):
    page = open_page(language="zh-CN")
    status = {"state": "diverged", "epoch": 0, "epochs": 6, "message": "the loss is nan"}
    page.route(
        "**/metrics*",
        lambda route: route.fulfill(json={"events": [], "next": 0, "status": status}),
    )
    page.locator("nav button").nth(1).click()
    note = page.locator(".problem")
    note.wait_for()
    assert "较低的学习率" in note.inner_text()
    assert note.locator("[lang=en]").inner_text() == "the loss is nan"


@pytest.mark.parametrize(
    ("language", "heading", "advice"),
    [
        ("zh-CN", "这个页面不认识网络中的某一层", "重新加载页面"),
        ("en-US", "This page does not know one of the network's layers", ""),
    ],
)
def test_a_kind_of_layer_that_the_page_does_not_know_is_no_other_kind(
    open_page, language, heading, advice
):
    def renamed(route):
        reply = route.fetch()
        run = reply.json()
        changed = next(row for row in run["layers"] if row["kind"] == "relu")
        changed["kind"] = "hard_tanh"
        route.fulfill(response=reply, json=run)

    page = open_page(language=language)
    page.route("**/v1/models/digits", renamed)
    page.reload()
    found, first, english = told(page)
    assert found == heading
    assert first.startswith(advice)
    assert '"relu1" is of the kind "hard_tanh"' in english[0]
    assert page.locator("[data-layer]").count() == 0
