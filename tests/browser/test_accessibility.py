"""axe-core finds nothing serious, and nothing is cut off or wider than the screen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import acting

from conftest import DESKTOP, PHONE

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"


def serious(page) -> list[str]:
    """Return what axe-core calls serious or critical."""
    assert AXE.exists(), "axe-core comes with the page's own tools: run make web"
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def cut_off(page) -> list[str]:
    """Return texts that do not fit their boxes, and a page that is wider than its window."""
    return page.evaluate(
        """() => {
            const found = [];
            const wide = document.documentElement.scrollWidth - window.innerWidth;
            if (wide > 0) found.push(`the page is ${wide} pixels wider than its window`);
            const texts = 'h1, h2, h3, p, button, dt, dd, th, td, legend, figcaption, li, strong';
            for (const element of document.querySelectorAll(texts)) {
                const style = getComputedStyle(element);
                if (style.overflowX === 'visible' || element.closest('.visually-hidden')) continue;
                if (['auto', 'scroll'].includes(style.overflowX)) continue;
                const over = element.scrollWidth - element.clientWidth;
                if (over > 1) found.push(element.outerHTML.slice(0, 120));
            }
            return found;
        }"""
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_view_can_be_used_by_everyone(open_page, viewport, language, scheme):
    page = open_page(viewport=viewport, scheme=scheme, language=language)
    page.locator(".samples img").first.wait_for()
    assert serious(page) == []
    assert cut_off(page) == []
    acting.open_cell(page, "conv1", 12, 40)
    assert serious(page) == []
    assert cut_off(page) == []
    for number, ready in ((1, '[data-testid="loss"]'), (2, ".fits")):
        page.locator("nav button").nth(number).click()
        page.locator(ready).first.wait_for()
        assert serious(page) == []
        assert cut_off(page) == []
