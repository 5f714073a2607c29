"""How objects show themselves in a notebook: as HTML, or as a figure.

What draws lies floors above the objects that are drawn. It is loaded by name, and only when a
notebook or a user asks: this is the one door through which an object reaches upwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar


@dataclass(frozen=True)
class Figure:
    """A drawing as SVG text, which notebooks show.

    Examples
    --------
    >>> str(Figure("<svg></svg>"))
    '<svg></svg>'
    """

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.svg


def drawn(where: str, *arguments: Any, **options: Any) -> Figure:
    """Draw with a function that lies floors above.

    Parameters
    ----------
    where : str
        Module and function, such as "convlens.figures.windows:window_svg"; it returns SVG text.
    *arguments, **options
        What it draws.
    """
    module, _, function = where.partition(":")
    return Figure(getattr(import_module(module), function)(*arguments, **options))


class ShownInNotebooks:
    """Something that a notebook shows as HTML; a terminal shows its `repr` as ever."""

    _notebook_view: ClassVar[str]
    """Name of its template in `convlens.report.notebook`."""

    def _repr_html_(self) -> str:
        html: str = import_module("convlens.report.notebook").view(self._notebook_view, self)
        return html
