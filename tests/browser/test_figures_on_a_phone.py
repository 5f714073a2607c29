"""The figures of written pages can be read on a phone, and the page itself stays within it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conftest import PHONE
from convlens.report.page import Drawing
from convlens.studies.findings import Findings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SMALLEST = """() => Math.min(...[...document.querySelectorAll('.card > svg text')]
  .filter(text => text.textContent.trim())
  .map(text => text.getBoundingClientRect().height))"""
"""Pixels of a line of text; 8 are letters of about 6."""
LINES = """() => Math.max(...[...document.querySelectorAll('.lead .whole')].map(
  word => word.getClientRects().length))"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study's page: a chart and a sentence with words that have hyphens."""
    from convlens.figures.charts import Chart, Line, charts_svg
    from convlens.report import numbers
    from convlens.report.page import page_environment

    chart = Chart("Loss", "epoch", "loss", [Line("one", [1, 2, 3], [3.0, 2.0, 1.0])])
    drawing = Drawing("chart", charts_svg([chart, chart]), "Two charts.")
    findings = Findings("Which one", "the word no-break-here " * 20, (), (), (drawing,), {})
    environment = page_environment("convlens.studies")
    environment.filters["unbroken"] = numbers.unbroken
    html = environment.get_template("study.html.j2").render(findings=findings, machine={})
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(html, "utf-8")
    return path


def test_a_wide_figure_is_moved_sideways_and_not_shrunk(page_file: Path, browser: Browser) -> None:
    page = browser.new_page(viewport=PHONE)
    page.goto(page_file.as_uri())
    assert page.evaluate(SMALLEST) >= 8
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(LINES) == 1
    page.close()
