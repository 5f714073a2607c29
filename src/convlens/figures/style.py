"""The style that all figures share, and how a drawing becomes SVG text.

No pyplot, so nothing global is left behind; text stays text, so that the page's own font
shows any alphabet; the same numbers give the same bytes.
"""

from __future__ import annotations

import io
import json
import re
import warnings
import zlib
from collections.abc import Callable
from functools import cache, wraps
from importlib.resources import files
from threading import Lock
from typing import Any, Concatenate, ParamSpec

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

TABLE: dict[str, Any] = json.loads(files(__package__).joinpath("colours.json").read_text("utf-8"))
"""The colours of every figure and page; the explorer page reads the same file."""
# Okabe and Ito 2008: eight colours that colour-blind readers tell apart.
BLUE, VERMILLION, SKY = "#0072B2", "#D55E00", "#56B4E9"
SIGNED, AMOUNT = "signed", "amount"
"""The package's two colour maps: blue below zero, nearly white at it, orange above; and its upper
half, for values that are never negative."""
PLUS, MINUS = TABLE["light"]["plus"], TABLE["light"]["minus"]
"""What raises a sum or speaks for a class, and what lowers it or speaks against it."""
INK, QUIET, FAINT = "#1f2328", "#6a737d", "#e3e6e8"

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "convlens",
    "text.parse_math": False,  # a class may be called "$"
    # matplotlib brings it, so every machine measures the same; pages show their own font
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": "#c4c9ce",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.titley": 1.0,  # no search for what stands above the axes: nothing ever does
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": "#c4c9ce",
    "ytick.color": "#c4c9ce",
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "lines.linewidth": 2,
}
_LOCK = Lock()
"""matplotlib's settings belong to the process; one figure at a time may borrow them."""

P = ParamSpec("P")


@cache
def colours_of(name: str) -> Colormap:
    """Return a colour map by name: the package's own, or one of matplotlib's.

    Each is made once; matplotlib makes a new one each time it is asked.
    """
    stops = TABLE["signed"]["light"]
    own = {SIGNED: stops, AMOUNT: stops[len(stops) // 2 :]}
    if name in own:
        return LinearSegmentedColormap.from_list(name, own[name], 513)
    return matplotlib.colormaps[name]


def as_svg(draw: Callable[Concatenate[Figure, P], None]) -> Callable[P, str]:
    """Give a drawing function an empty figure and return what it drew as SVG text."""

    @wraps(draw)
    def svg(*args: P.args, **kwargs: P.kwargs) -> str:
        file = io.StringIO()
        with _LOCK, matplotlib.style.context(["default", STYLE]), warnings.catch_warnings():
            # the page's font has the letters that matplotlib's own lacks
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure = Figure(dpi=72)  # as SVG counts: what is measured is what is written
            draw(figure, *args, **kwargs)
            # measured here: savefig's own "tight" draws the whole figure twice
            around = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())  # type: ignore[no-untyped-call]
            figure.savefig(
                file,
                format="svg",
                bbox_inches=around.padded(0.08),
                metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
            )
        return _named(file.getvalue())

    return svg


def _named(svg: str) -> str:
    """Drop the XML header and prefix every id: many figures share one page."""
    svg = svg[svg.index("<svg") :]
    name = f"f{zlib.crc32(svg.encode()):08x}"

    def prefixed(tag: re.Match[str]) -> str:
        renamed = tag.group().replace(' id="', f' id="{name}-')
        return renamed.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')

    return re.sub(r"<[^>]+>", prefixed, svg)
