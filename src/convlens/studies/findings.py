"""What comes out of a study: the answer in words, tables, figures, and every number."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from convlens.report.page import Drawing
from convlens.report.text_table import Table
from convlens.studies.journal import Values


@dataclass(frozen=True)
class Findings:
    """What a study found.

    Parameters
    ----------
    title : str
        Of the page.
    sentence : str
        The answer in words, with its numbers.
    method : tuple of str
        How it was measured, a paragraph each.
    tables : tuple of Table
        As a reader sees them.
    figures : tuple of Drawing
        Beside them.
    results : dict
        Every number, for `results.json` and `--json`.
    """

    title: str
    sentence: str
    method: tuple[str, ...]
    tables: tuple[Table, ...]
    figures: tuple[Drawing, ...]
    results: Values = field(default_factory=dict)


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Return mean and sample standard deviation (None for a single value).

    >>> spread([0.25, 0.5, 0.75]), spread([0.25])
    ((0.5, 0.25), (0.25, None))
    """
    values = list(values)
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None


def share_text(values: Sequence[float]) -> str:
    """Write accuracies as mean ± standard deviation, in percent.

    >>> share_text([0.985, 0.987]), share_text([0.985]), share_text([])
    ('98.60 ± 0.14%', '98.50%', '–')
    """
    if not values:
        return "–"
    mean, deviation = spread(values)
    return f"{100 * mean:.2f}" + ("%" if deviation is None else f" ± {100 * deviation:.2f}%")


def counted(number: int, what: str) -> str:
    """Write a number of things.

    >>> counted(1, "seed"), counted(3, "epoch")
    ('1 seed', '3 epochs')
    """
    return f"{number} {what}{'s' * (number != 1)}"


ALL_DIVERGED = "Every training diverged: try a lower learning rate."


def worked(results: Sequence[Values], key: str) -> list[float]:
    """Return one value of each trial that did not fail."""
    return [float(r[key]) for r in results if "failed" not in r and r.get(key) is not None]


def fastest(seconds: Sequence[float]) -> float | None:
    """Return the shortest time, None where there is none: other work on a machine only adds.

    >>> fastest([2.5, 2.25]), fastest([])
    (2.25, None)
    """
    return min(seconds, default=None)
