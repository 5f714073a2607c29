"""A layer's kernels while they are learned, as an animated PNG.

APNG and not GIF: every browser plays it, and it keeps all colours of the scale, where a GIF's
palette of 256 would shift them from frame to frame.

References
----------
https://www.w3.org/TR/png-3/#apng-frame-based-animation
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from convlens.figures.kernel_sheet import (
    LINE,
    Sheet,
    choose_kernels,
    draw_sheet,
    scale_of,
    signed_colours,
)
from convlens.figures.style import INK, QUIET
from convlens.foundation.errors import InputError
from convlens.inside.learned_kernels import KernelLayer, Kernels

MOST_FRAMES = 120
WHOLE_MS, LEAST_MS, MOST_MS, LAST_MS = 6_000, 50, 600, 2_000
"""The whole animation, the shortest and longest frame, and how long the last one stands."""

EDGE, HEADER, FOOTER, LEAST_WIDTH = 10, 28, 26, 240


def kernels_animation(snapshots: Sequence[tuple[int, Kernels]], layer: KernelLayer) -> bytes:
    """Draw a layer's kernels at each recorded epoch, on one colour scale for all frames.

    Parameters
    ----------
    snapshots : sequence of (int, float32 array (filters, channels a group, height, width))
        Epoch and kernels, at least two, in order. Of more than 120 some are left out, evenly;
        the first and the last stay.
    layer : KernelLayer
        Its name and place.

    Returns
    -------
    bytes
        An animated PNG that repeats for ever; each frame says its epoch. The same kernels give
        the same bytes.

    Raises
    ------
    InputError
        Where there are fewer than two snapshots, or a weight is not finite.
    """
    if len(snapshots) < 2:
        raise InputError(
            f'{len(snapshots)} snapshots of "{layer.name}" do not make an animation',
            "at least two epochs",
            "train with `record_kernels=1`",
        )
    places = np.linspace(0, len(snapshots) - 1, min(len(snapshots), MOST_FRAMES)).round()
    kept = [snapshots[int(place)] for place in places]
    for _, kernels in kept:
        choice = choose_kernels(kernels, layer)  # ends with the last moment's strongest channels
    limit = scale_of(*(kernels for _, kernels in kept))
    last = kept[-1][0]
    frames = [
        _frame(
            draw_sheet(kernels, choice, limit),
            f"{layer.name}, epoch {epoch} of {last}",
            choice.caption,
            limit,
        )
        for epoch, kernels in kept
    ]
    each = min(MOST_MS, max(LEAST_MS, WHOLE_MS // len(frames)))
    file = io.BytesIO()
    frames[0].save(
        file,
        format="PNG",
        save_all=True,
        append_images=frames[1:],
        duration=[each] * (len(frames) - 1) + [LAST_MS],
        loop=0,
    )
    return file.getvalue()


def _frame(sheet: Sheet, title: str, caption: str, limit: float) -> Image.Image:
    """Write title, labels, colour scale and caption around a sheet."""
    height, width = sheet.pixels.shape[:2]
    width = max(width, LEAST_WIDTH)
    lines = textwrap.wrap(caption, width // 6)
    size = width + 2 * EDGE, HEADER + height + FOOTER + LINE * len(lines)
    frame = Image.new("RGB", size, "white")
    frame.paste(Image.fromarray(sheet.pixels), (EDGE, HEADER))
    draw = ImageDraw.Draw(frame)
    draw.text((EDGE, 18), title, INK, _font(13, bold=True), anchor="ls")
    for label in sheet.labels:
        place = (EDGE + label.x, HEADER + label.y)
        draw.text(place, label.text, INK, _font(9), anchor="ms" if label.middle else "ls")
    scale = signed_colours(np.linspace(-1, 1, 101), 1.0)
    bar = Image.fromarray(np.broadcast_to(scale, (8, 101, 3)).copy())
    base = HEADER + height + FOOTER - 8
    frame.paste(bar, (EDGE + 50, base - 8))
    draw.text((EDGE + 44, base), f"{-limit:.2g}", QUIET, _font(9), anchor="rs")
    draw.text((EDGE + 157, base), f"{limit:.2g}  weight", QUIET, _font(9), anchor="ls")
    for number, line in enumerate(lines, 1):
        draw.text((EDGE, base + LINE * number), line, QUIET, _font(9), anchor="ls")
    return frame


@cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the font that comes with matplotlib: the same letters on every machine."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(mpl.get_data_path(), "fonts", "ttf", name), size)
