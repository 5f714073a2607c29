"""Many short texts, such as the numbers in the cells of a grid, drawn as one artist.

A thousand separate texts take a second to lay out; what they need here is far less: one line
each, on or right of a point, without rotation, in one size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from numpy.typing import ArrayLike

HALF_DIGIT = 0.365
"""Half the height of a digit, as a share of the font size (DejaVu Sans)."""


class ManyTexts(Artist):
    """Texts at points of an axes.

    Parameters
    ----------
    points : array (N, 2)
        Where, x and y in the data's coordinates.
    texts, colours : sequence of str
        N of each.
    size : float
        Font size in points.
    centred : bool
        Centred on the points, or beginning there, on the baseline.
    """

    def __init__(
        self,
        points: ArrayLike,
        texts: Sequence[str],
        colours: Sequence[str],
        size: float,
        *,
        centred: bool = True,
    ) -> None:
        super().__init__()
        self.centred = centred
        self.points, self.texts, self.colours = np.asarray(points), texts, colours
        self.font = FontProperties(size=size)
        self.set_zorder(3)  # as other texts
        self.set_in_layout(False)  # what they stand in is measured already

    def draw(self, renderer: RendererBase) -> None:
        """Write all texts."""
        axes = self.axes
        if axes is None or not self.get_visible():
            return
        _, height = renderer.get_canvas_width_height()
        half = HALF_DIGIT * self.font.get_size() if self.centred else 0.0
        drop = renderer.points_to_pixels(half)
        anchor = Text(horizontalalignment="center" if self.centred else "left")
        context = renderer.new_gc()
        places = axes.transData.transform(self.points)
        for (x, y), text, colour in zip(places, self.texts, self.colours, strict=True):
            context.set_foreground(colour)
            anchor.set_position((x, y))
            down = height - y + drop if renderer.flipy() else y - drop
            renderer.draw_text(context, x, down, text, self.font, 0, False, anchor)
        context.restore()


def write_numbers(
    axes: Axes, points: ArrayLike, texts: Sequence[str], colours: Sequence[str], size: float
) -> None:
    """Add numbers, each centred on its point, to an axes."""
    axes.add_artist(ManyTexts(points, texts, colours, size))
