"""What pages of figures are made of: drawings with captions, put into a template.

Everything that comes from a file is escaped by jinja2; the only markup let through is the SVG
that `convlens.figures` draws, which escapes its own text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

from convlens.network.arithmetic import shape_text
from convlens.report import numbers


@dataclass(frozen=True)
class Drawing:
    """One figure: its file's name without ending, the SVG, and what to read in it."""

    name: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Page:
    """The page and the figures in it."""

    html: str
    figures: dict[str, str]


def page_environment(*packages: str) -> Environment:
    """Return where templates are found: in these packages, then beside this file."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(name, "") for name in (*packages, "convlens.report")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def fill(template: str, figures: Mapping[str, str], **values: Any) -> Page:
    """Fill a template of `convlens.report`.

    Parameters
    ----------
    template : str
        Its file name.
    figures : mapping of str to str
        All figures of the page, SVG text by name; each becomes a file as well.
    **values
        What the template names.
    """
    environment = page_environment()
    environment.filters |= {
        "shape": shape_text,
        "percent": numbers.percent,
        "decimal": numbers.decimal,
        "unbroken": numbers.unbroken,
        "whole": numbers.whole,
    }
    environment.filters["svg"] = lambda drawing: Markup(figures[drawing.name])  # noqa: S704 - ours
    html = environment.get_template(template).render(**values)
    return Page(html, {f"{name}.svg": svg for name, svg in figures.items()})
