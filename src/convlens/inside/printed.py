"""Sums as aligned text that adds up: rounded numbers, and what rounding took from their sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike

from convlens.inside.records import Float64

_DECIMALS = 12
"""Most decimals that are printed."""

SumRow = tuple[str, str, Decimal]
"""A line of a sum: what it is, its factors already aligned, and its value."""


class Rounded:
    """Round numbers that belong together to the same decimals.

    Parameters
    ----------
    *values : numbers or arrays
        What will be shown: with as many decimals as all of them need, or where that is too
        many, `digits` digits of the largest.
    digits : int
        Significant digits of the largest number.

    Examples
    --------
    >>> Rounded(2.5, 11)(2.5), Rounded(1 / 3, 20)(1 / 3)
    (Decimal('2.5'), Decimal('0.333'))
    """

    def __init__(self, *values: ArrayLike, digits: int = 5) -> None:
        flat = np.concatenate([np.ravel(np.asarray(v, np.float64)) for v in values])
        flat = flat[np.isfinite(flat)]
        largest = float(np.abs(flat).max(initial=0.0))
        usual = (
            min(max(digits - 1 - math.floor(math.log10(largest)), 0), _DECIMALS) if largest else 0
        )
        exact = (
            d for d in range(usual + 1) if np.all(np.abs(flat - flat.round(d)) <= 1e-12 * largest)
        )
        self.decimals = next(exact, usual)
        self.rounded = bool(np.any(np.abs(flat - flat.round(self.decimals)) > 1e-12 * largest))

    def __call__(self, value: float) -> Decimal:
        return Decimal(f"{value + 0.0:.{self.decimals}f}") + 0  # "+ 0": no minus zero


def closed_sum(terms: Sequence[SumRow], total: Decimal, label: str = "= total") -> list[SumRow]:
    """Return a sum's terms, what rounding took from their sum where it did, and the total.

    >>> for name, _, value in closed_sum([("a", "", Decimal("0.33"))] * 3, Decimal("1.00")):
    ...     print(name, value)
    a 0.33
    a 0.33
    a 0.33
    + rounding 0.01
    = total 1.00
    """
    rows = list(terms)
    if all(value.is_finite() for _, _, value in rows) and total.is_finite():
        lost = total - sum((value for _, _, value in rows), Decimal(0))
        if lost:
            rows.append(("+ rounding", "", lost))
    return [*rows, (label, "", total)]


def aligned_sum(terms: Sequence[SumRow], total: Decimal, label: str = "= total") -> list[str]:
    """Write a closed sum as lines with its names, factors and values under each other."""
    rows = closed_sum(terms, total, label)
    first = max(len(row[0]) for row in rows)
    second = max(len(row[1]) for row in rows)
    numbers = [f"{value:f}" for _, _, value in rows]
    width = max(map(len, numbers))
    return [
        f"  {name:<{first}}  " + (f"{factors:<{second}} " if second else "") + f"{number:>{width}}"
        for (name, factors, _), number in zip(rows, numbers, strict=True)
    ]


def product_rows(
    places: Sequence[str],
    inputs: Float64,
    weights: Float64,
    products: Float64,
    shown: Rounded,
) -> list[SumRow]:
    """Return one line per product: `place  input x weight =` and the product.

    "~" stands for "=" where the printed factors do not give exactly the printed product.
    """
    left, right = ([shown(number) for number in array.flat] for array in (inputs, weights))
    wide = max(len(f"{x:f}") for x in left), max(len(f"{w:f}") for w in right)
    rows = []
    for place, x, w, product in zip(places, left, right, products.flat, strict=True):
        value = shown(product)
        sign = "=" if not value.is_finite() or x * w == value else "~"
        rows.append((place, f"{x:>{wide[0]}f} x {w:>{wide[1]}f} {sign}", value))
    return rows
