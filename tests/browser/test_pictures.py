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

import pictures
from conftest import DESKTOP, PHONE


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(os.environ.get("CONVLENS_PICTURES") or tmp_path)


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def pack(path: Path) -> None:
    """Write a picture with 256 colours: photos take much room as PNG."""
    with Image.open(path) as image:
        packed = image.convert("RGB").quantize(256)
    packed.save(path, optimize=True)


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


def test_your_photos_step_by_step(seeing, empty, folder, tmp_path):
    for name, piece in pictures.photo_pieces(26, seed=3):
        (tmp_path / "things" / name).mkdir(parents=True, exist_ok=True)
        number = len(list((tmp_path / "things" / name).iterdir()))
        piece.save(tmp_path / "things" / name / f"{number:02}.jpg", quality=92)
    page = seeing(empty, ready=False, viewport={"width": 1180, "height": 780})
    page.get_by_role("button", name="Train on your own photos").click()
    page.locator(".welcome").wait_for()
    page.screenshot(path=folder / "photos-begin.png")
    page.get_by_test_id("folder").set_input_files(tmp_path / "things")
    page.get_by_text("52 photos in 2 classes").wait_for()
    flower = page.get_by_role("region", name="flower")
    flower.get_by_role("button", name="Camera").click()
    hold = flower.get_by_role("button", name="Hold to record")
    page.wait_for_function("() => !document.querySelector('.hold').disabled")
    hold.hover()
    page.mouse.down()
    page.get_by_role("button", name="Recording: 6").wait_for()
    page.screenshot(path=folder / "photos-recording.png")
    page.mouse.up()
    flower.get_by_role("button", name="Close").click()
    page.get_by_test_id("train-photos").click()
    page.get_by_test_id("accuracy").wait_for(timeout=120_000)
    page.locator("[data-testid=live-winner] strong", has_text="flower").wait_for()
    page.wait_for_timeout(500)  # the camera goes on: the network is never idle
    page.screenshot(path=folder / "photos-trained.png", full_page=True)
    for step in ("begin", "recording", "trained"):
        pack(folder / f"photos-{step}.png")
    assert size(folder / "photos-recording.png") == (1180, 780)
