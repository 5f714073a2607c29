"""The pictures of the documentation, made from the page itself.

They are written to a temporary folder; `make pictures` sets CONVLENS_PICTURES to `docs`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import acting
from PIL import Image

from conftest import DESKTOP, PHONE


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(os.environ.get("CONVLENS_PICTURES") or tmp_path)


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_the_explorer_with_a_window_open(open_page, folder):
    page = open_page(viewport=DESKTOP)
    acting.draw(page, acting.SEVEN)
    acting.open_cell(page, "conv2", 33, 42)
    page.mouse.move(720, 890)
    page.locator('[data-layer="conv2"].is-open').wait_for()
    page.screenshot(path=folder / "explorer.png")
    assert size(folder / "explorer.png") == (1440, 900)


def test_the_explorer_in_chinese_and_dark(open_page, folder):
    page = open_page(viewport=DESKTOP, scheme="dark", language="zh-CN")
    acting.draw(page, acting.SEVEN)
    page.locator(".samples img").nth(20).wait_for()
    page.screenshot(path=folder / "explorer-zh.png")
    assert size(folder / "explorer-zh.png") == (1440, 900)


def test_the_explorer_on_a_phone(open_page, folder):
    page = open_page(viewport=PHONE, has_touch=True, device_scale_factor=2)
    acting.draw(page, acting.SEVEN)
    page.screenshot(path=folder / "explorer-phone.png")
    assert size(folder / "explorer-phone.png") == (780, 1688)


def test_the_workbench_with_a_mistake(open_page, folder):
    page = open_page(viewport=DESKTOP, refused=True)
    page.get_by_role("button", name="Workbench").click()
    page.get_by_text("It fits.").wait_for()
    page.get_by_label("conv2 kernel").fill("3")
    page.get_by_role("alert").wait_for()
    page.screenshot(path=folder / "explorer-workbench.png")
    assert size(folder / "explorer-workbench.png") == (1440, 900)
