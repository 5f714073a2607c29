"""How numbers stand in `docs/benchmarks.md`."""

from __future__ import annotations

from typing import Any

from convlens.report import numbers
from convlens.report.text_table import Table

Result = dict[str, Any]


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; the first column is text, the others numbers."""
    return Table("", header, rows).markdown()


def seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def accuracy(mean: float, spread: float | None) -> str:
    """Return a mean and, of several seeds, the standard deviation in points."""
    return numbers.percent(mean) + ("" if spread is None else f" ± {100 * spread:.2f}")
