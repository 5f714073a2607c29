"""Rows of text as aligned columns: how every plain table is printed."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def in_columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return one line per row, with two spaces between the columns.

    Parameters
    ----------
    rows : sequence of sequences of str
        Cells, as many in each row.
    right : collection of int
        Columns whose cells stand at the right, such as numbers.

    Examples
    --------
    >>> in_columns([("layer", "size"), ("conv1", "30")], right={1})
    ['layer  size', 'conv1    30']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
