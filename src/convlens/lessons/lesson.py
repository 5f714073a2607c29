"""What a lesson gives back: text, tables and drawings in reading order, and its numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from convlens.report.page import Drawing
from convlens.report.text_table import Table

Number = bool | int | float | str | None


Part = str | Table | Drawing


@dataclass(frozen=True)
class Lesson:
    """Something true about CNNs, as it came out of a run.

    Parameters
    ----------
    title : str
        The claim in one line.
    shows : str
        What was run, and with what.
    parts : tuple of str, Table or Drawing
        Paragraphs, tables and figures in reading order.
    numbers : mapping
        Everything that was measured, flat, under stable keys.
    """

    title: str
    shows: str
    parts: tuple[Part, ...]
    numbers: Mapping[str, Number]

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The text alone."""
        return tuple(part for part in self.parts if isinstance(part, str))

    @property
    def figures(self) -> dict[str, str]:
        """SVG text by name."""
        return {part.name: part.svg for part in self.parts if isinstance(part, Drawing)}

    def text(self, width: int = 92) -> str:
        """Write the lesson for a terminal; a figure is its caption."""
        blocks = [self.title, "=" * len(self.title), textwrap.fill(self.shows, width)]
        for part in self.parts:
            if isinstance(part, Drawing):
                blocks.append(textwrap.fill(f"[figure {part.name}] {part.caption}", width))
            else:
                blocks.append(str(part) if isinstance(part, Table) else textwrap.fill(part, width))
        return "\n\n".join(blocks).replace("\n\n=", "\n=", 1)
