"""The page of someone who has not trained anything yet."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from acting import SEVEN, draw, winner
from test_accessibility import cut_off, serious

from conftest import DESKTOP, PHONE


def test_the_first_run_is_built_and_trained_in_the_page(open_page, serve, tmp_path: Path) -> None:
    server = serve("--runs", tmp_path / "runs")
    page = open_page(f"http://127.0.0.1:{server.port}/", ready=False)
    page.get_by_role("heading", name="There is no run yet").wait_for()
    assert page.get_by_role("button", name="Training").count() == 0
    page.get_by_role("button", name="Build and train one here").click()
    page.get_by_text("It fits.").wait_for()
    assert page.get_by_label("Begin with").input_value() == "fast-batch-norm"
    page.get_by_label("Begin with").select_option("tutorial-torch")
    page.get_by_text("It fits.").wait_for()
    page.get_by_label("Epochs").fill("4")
    page.get_by_test_id("train").click()
    page.get_by_test_id("loss").wait_for()
    page.get_by_text("finished").wait_for()
    page.get_by_role("button", name="Explore").click()
    page.get_by_test_id("winner").wait_for()
    draw(page, SEVEN)
    assert winner(page) == "7"


def test_a_run_trained_elsewhere_opens_by_itself(
    open_page, serve, runs: Path, tmp_path: Path
) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    server = serve("--runs", root)
    page = open_page(f"http://127.0.0.1:{server.port}/", ready=False, language="zh-CN")
    page.get_by_role("heading", name="还没有任何运行").wait_for()
    shutil.copytree(runs / "digits", root / ".building")
    (root / ".building").rename(root / "digits")
    page.get_by_test_id("winner").wait_for()
    assert page.locator(".run strong").inner_text() == "digits"


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_empty_page_can_be_used_by_everyone(
    open_page, serve, tmp_path: Path, viewport, language
) -> None:
    server = serve("--runs", tmp_path / "runs")
    page = open_page(
        f"http://127.0.0.1:{server.port}/", ready=False, viewport=viewport, language=language
    )
    page.get_by_role("heading").wait_for()
    assert serious(page) == []
    assert cut_off(page) == []
    page.get_by_role("main").get_by_role("button").last.click()
    page.locator(".fits").wait_for()
    assert serious(page) == []
    assert cut_off(page) == []
