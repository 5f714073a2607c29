"""A small table that is printed, put into a page, or into a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convlens.foundation.columns import in_columns


@dataclass(frozen=True)
class Table:
    """A few rows of numbers, already written as text; the first column names the row."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """Write the table in aligned columns, numbers to the right.

        >>> print(Table("sizes", ("layer", "size"), (("conv1", "30"), ("conv2", "8"))))
        sizes
          layer  size
          conv1    30
          conv2     8
        """
        lines = [self.header, *self.rows]
        aligned = in_columns(lines, right=range(1, len(self.header)))
        return "\n".join([self.title, *(f"  {line}" for line in aligned)])

    def markdown(self) -> str:
        """Write the table for a document.

        >>> print(Table("sizes", ("layer", "size"), (("conv1", "30"),)).markdown())
        | layer | size |
        |---|---:|
        | conv1 | 30 |
        """
        rule = "|---|" + "---:|" * (len(self.header) - 1)
        lines = ["| " + " | ".join(line) + " |" for line in (self.header, *self.rows)]
        return "\n".join([lines[0], rule, *lines[1:]])
