"""A layer's kernels laid out as tiles on one sheet of pixels, each tile labelled.

Figures and animations draw the same sheet, so that a kernel stands in the same place in both.
Blue is negative, white is 0, orange is positive, on one scale for the whole layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convlens.figures.style import SIGNED, colours_of
from convlens.foundation.errors import InputError
from convlens.inside.learned_kernels import KernelLayer, Kernels, strongest_channels

MOST_FILTERS = 64
MOST_CHANNELS = 4
"""Kernels shown of each filter, where it has more: those with the largest norm."""

TILE, GAP, LINE, MARGIN = 44, 6, 14, 30
"""Pixels: side of a tile, space between tiles, height of a line of labels, left margin."""

SHEET_WIDTH = 720


@dataclass(frozen=True)
class Label:
    """A word on the sheet: the middle (or left end) of its base line, in pixels."""

    x: float
    y: float
    text: str
    middle: bool = True


@dataclass(frozen=True)
class Choice:
    """Which kernels of a layer are shown, in which order.

    Attributes
    ----------
    layer : KernelLayer
        The layer that has the kernels.
    filters : tuple of int
        Filter numbers.
    channels : tuple of tuple of int
        For each of these filters, the channels whose kernels are shown.
    caption : str
        What is shown and what is not.
    """

    layer: KernelLayer
    filters: tuple[int, ...]
    channels: tuple[tuple[int, ...], ...]
    caption: str


def choose_kernels(kernels: Kernels, layer: KernelLayer, only: int | None = None) -> Choice:
    """Decide what is shown of a layer.

    Parameters
    ----------
    kernels : float32 array (filters, channels, height, width)
        The layer's kernels; of several moments, the last.
    layer : KernelLayer
        Its name and place.
    only : int, optional
        One filter, with the kernels of all its channels.

    Raises
    ------
    InputError
        Where there is no such filter, or the weights are not finite.
    """
    if kernels.ndim != 4 or not np.isfinite(kernels).all():
        raise InputError(
            f'the kernels of "{layer.name}" have the shape {kernels.shape} or are not finite',
            "finite weights (filters, channels, height, width)",
            "take the weights of a run that did not diverge",
        )
    filters, channels = kernels.shape[:2]
    if only is not None:
        if not 0 <= only < filters:
            raise InputError(f'"{layer.name}" has no filter {only}', f"0 to {filters - 1}")
        order = strongest_channels(kernels[only : only + 1], MOST_FILTERS)[0]
        chosen = tuple(sorted(int(n) for n in order))
        which = f"its {len(chosen)} of {channels} channels of largest norm"
        which = which if len(chosen) < channels else f"all {channels} channels that it reads"
        return Choice(layer, (only,), (chosen,), f"filter {only}: the kernels for {which}")
    shown = tuple(range(min(filters, MOST_FILTERS)))
    caption = f"all {filters} filters" if len(shown) == filters else f"filters 0-63 of {filters}"
    if kernels.shape[2:] == (1, 1):
        everything = tuple(tuple(range(channels)) for _ in shown)
        caption += ": one row each, one column per channel" + (" of its group" * (layer.groups > 1))
        return Choice(layer, shown, everything, caption)
    if layer.colour:
        caption += ": in colour (mid-grey is 0), and for red, green and blue alone"
        return Choice(layer, shown, ((0, 1, 2),) * len(shown), caption)
    strongest = strongest_channels(kernels, MOST_CHANNELS)
    if channels <= MOST_CHANNELS:
        strongest.sort(axis=1)
    if channels > 1:
        part = "" if channels <= MOST_CHANNELS else f"the {MOST_CHANNELS} strongest (L2 norm) of "
        caption += f"; of each, the kernels for {part}its {channels} channels"
        caption += ", with the channel's number above"
    elif layer.groups > 1:
        caption += ", each on one channel"
    rows = tuple(tuple(int(c) for c in strongest[f]) for f in shown)
    return Choice(layer, shown, rows, caption)


def scale_of(*moments: Kernels) -> float:
    """Return the largest weight in size, which the ends of the colour scale stand for."""
    return max(float(np.abs(kernels).max(initial=0)) for kernels in moments) or 1.0


def signed_colours(values: NDArray[np.floating], limit: float) -> NDArray[np.uint8]:
    """Return the colours `(..., 3)` of values `(...)` on the scale -limit .. limit.

    >>> signed_colours(np.array([0.0, 1.0]), 1.0).tolist()
    [[247, 246, 243], [110, 38, 4]]
    """
    share = 0.5 + 0.5 * np.asarray(values, np.float64) / limit
    colours: NDArray[np.uint8] = colours_of(SIGNED)(share, bytes=True)[..., :3]
    return colours


@dataclass(frozen=True)
class Sheet:
    """Pixels `(height, width, 3)`, uint8, and the labels to be written on them."""

    pixels: NDArray[np.uint8]
    labels: tuple[Label, ...]


def draw_sheet(kernels: Kernels, choice: Choice, limit: float) -> Sheet:
    """Lay a layer's kernels out.

    Parameters
    ----------
    kernels : float32 array (filters, channels, height, width)
        The kernels at one moment of the training.
    choice : Choice
        What is shown.
    limit : float
        The weight that the ends of the colour scale stand for.
    """
    if kernels.shape[2:] == (1, 1) and len(choice.filters) > 1:
        return _matrix(kernels, choice, limit)
    strips = [
        _strip(kernels, choice, filter_number, channels, limit)
        for filter_number, channels in zip(choice.filters, choice.channels, strict=True)
    ]
    height, width = strips[0].pixels.shape[:2]
    columns = max(1, min(len(strips), (SHEET_WIDTH + 3 * GAP) // (width + 3 * GAP)))
    rows = -(-len(strips) // columns)
    line = height + 2 * GAP
    canvas = np.full((rows * line, columns * (width + 3 * GAP), 3), 255, np.uint8)
    labels: list[Label] = []
    for place, strip in enumerate(strips):
        top, left = line * (place // columns), (width + 3 * GAP) * (place % columns)
        canvas[top : top + height, left : left + width] = strip.pixels
        labels += [replace(label, x=label.x + left, y=label.y + top) for label in strip.labels]
    return Sheet(canvas, tuple(labels))


def _strip(
    kernels: Kernels, choice: Choice, number: int, channels: tuple[int, ...], limit: float
) -> Sheet:
    """Draw one filter: its number, and under it a labelled tile for each of its kernels."""
    tiles = [signed_colours(kernels[number, c], limit) for c in channels]
    names = [str(choice.layer.input_channel(kernels, number, c)) for c in channels]
    if choice.layer.colour:
        share = 127.5 + 127.5 * kernels[number].transpose(1, 2, 0) / limit
        tiles.insert(0, np.rint(share).clip(0, 255).astype(np.uint8))
        names = ["colour", "red", "green", "blue"]
    alone = kernels.shape[1] == 1
    head = LINE if alone else 2 * LINE
    zoom = max(1, TILE // max(kernels.shape[2:]))
    height, width = (zoom * n for n in kernels.shape[2:])
    pitch = max(width, 34 if choice.layer.colour else 24) + GAP
    across = min(len(tiles), SHEET_WIDTH // pitch)
    line = height + GAP + (0 if alone else LINE)
    down = -(-len(tiles) // across)
    canvas = np.full((head + (down - 1) * line + height, across * pitch - GAP, 3), 255, np.uint8)
    labels = [Label(0, LINE - 4, f"{number}" if alone else f"filter {number}", middle=False)]
    for place, (tile, name) in enumerate(zip(tiles, names, strict=True)):
        top, left = head + line * (place // across), pitch * (place % across)
        canvas[top : top + height, left : left + width] = tile.repeat(zoom, 0).repeat(zoom, 1)
        if not alone:
            labels.append(Label(left + width / 2, top - 4, name))
    return Sheet(canvas, tuple(labels))


def _matrix(kernels: Kernels, choice: Choice, limit: float) -> Sheet:
    """Draw 1x1 kernels as what they are: a matrix of filters (rows) by channels (columns)."""
    values = kernels[list(choice.filters), :, 0, 0]
    zoom = max(1, min(16, SHEET_WIDTH // values.shape[1]))
    cells = signed_colours(values, limit).repeat(zoom, 0).repeat(zoom, 1)
    canvas = np.full(
        (cells.shape[0] + 2 * LINE, max(cells.shape[1], 60) + MARGIN, 3), 255, np.uint8
    )
    canvas[2 * LINE :, MARGIN : MARGIN + cells.shape[1]] = cells
    step = next(n for n in (1, 2, 5, 10, 20, 50, 100, 1000) if n * zoom >= 2 * LINE - 4)
    labels = [Label(MARGIN, LINE - 4, "channel", middle=False), Label(0, LINE - 4, "filter", False)]
    for channel in range(0, values.shape[1], step):
        labels.append(Label(MARGIN + (channel + 0.5) * zoom, 2 * LINE - 3, str(channel)))
    for filter_number in range(0, len(values), step):
        y = 2 * LINE + (filter_number + 0.5) * zoom + 3
        labels.append(Label(MARGIN - 12, y, str(filter_number)))
    return Sheet(canvas, tuple(labels))
