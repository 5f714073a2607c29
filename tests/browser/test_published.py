"""A published site computes in the browser what the server computes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import acting
from PIL import Image

if TYPE_CHECKING:
    from serving import Server


def test_a_drawing_gives_the_servers_logits(open_page, site):
    served, published = open_page(), open_page(site)
    for page in (served, published):
        acting.draw(page, acting.SEVEN)
    assert acting.winner(published) == "7"
    np.testing.assert_allclose(acting.logits(published), acting.logits(served), atol=1e-4)


def test_a_published_page_takes_its_language_from_the_address(open_page, site):
    page = open_page(f"{site}?lang=zh")
    page.get_by_role("heading", name="写一个数字").wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh"


def test_opening_a_page_asks_for_nothing_that_is_not_there(open_page, site):
    # the fixture fails on every failed request and on every error in the console
    asked = "performance.getEntriesByType('resource').map(r => r.name.split('/').pop())"
    assert "site.json" not in open_page().evaluate(asked)
    assert "site.json" in open_page(site).evaluate(asked)


@pytest.mark.parametrize("size", [(28, 28), (190, 133)])
def test_a_file_gives_the_servers_logits(open_page, site, explorer: Server, tmp_path, size):
    path, _ = acting.save_digit(tmp_path, 11)
    Image.open(path).resize(size).save(path)
    page = open_page(site)
    acting.give(page, path)
    part = b"Content-Disposition: form-data; name=image; filename=a.png"
    body = b"--edge\r\n%b\r\n\r\n%b\r\n--edge--\r\n" % (part, path.read_bytes())
    told = explorer.ask(
        "POST",
        "/v1/models/digits:activations",
        body,
        {"Content-Type": "multipart/form-data; boundary=edge", "Accept": "application/json"},
    ).json()
    np.testing.assert_allclose(acting.logits(page), np.ravel(told["logits"]), atol=1e-4)


def test_windows_occlusion_curves_and_samples_need_no_server(open_page, site):
    page = open_page(site)
    acting.draw(page, acting.SEVEN)
    acting.open_cell(page, "conv2", 30, 52)
    assert np.isfinite(acting.written_total(page))
    page.get_by_label("What spoke for it").select_option("occlusion")
    page.get_by_text("orange speaks for the class").wait_for(timeout=60_000)
    page.keyboard.press("Escape")
    page.locator(".samples img").first.wait_for()
    page.get_by_role("button", name="Training").click()
    assert page.get_by_test_id("loss").get_attribute("data-points") == "4"
    page.get_by_role("button", name="Workbench").click()
    page.get_by_text("convlens serve").wait_for()
