"""A data set in pictures: samples and means of each class, counts, pixel values, file sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convlens.figures.charts import GREEN
from convlens.figures.mosaic import BLANK, Grid, as_rgb, grid, show_tiles, title_tile
from convlens.figures.names import end_of_name, short_name
from convlens.figures.placement import add_panel
from convlens.figures.style import BLUE, INK, QUIET, VERMILLION, as_svg
from convlens.foundation.errors import InputError

TILE_INCHES = 0.68
"""Side of a picture in a grid."""
LETTERS = 16
"""Most letters of a class's name beside a row."""
FILE_LETTERS = 11
"""Most letters of a file's name below a picture."""


@as_svg
def samples_svg(
    figure: Figure,
    samples: Sequence[NDArray[np.uint8]],
    classes: Sequence[str],
    numbers: Sequence[NDArray[np.int64]],
    *,
    title: str,
    files: Sequence[str] | None = None,
) -> None:
    """Draw a row of images for each class, with the image's file or number above each.

    Parameters
    ----------
    samples : sequence of uint8 arrays (S, C, H, W)
        The images of each class; a class may have fewer than the others.
    classes : sequence of str
        What to write beside each row.
    numbers : sequence of int arrays (S,)
        The images' numbers: what to write above each where there are no files.
    title : str
        Above all.
    files : sequence of str, optional
        The files of all images that are numbered; the end of a name is written.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is nothing to draw.
    """
    if not any(map(len, samples)):
        raise InputError("there is no image to draw", "at least one")
    columns = max(map(len, samples))
    shape = samples[0].shape[-2:]
    tiles = np.full((len(samples) * columns, *shape, 3), BLANK)
    texts = [""] * len(tiles)
    for row, images in enumerate(samples):
        first = row * columns
        tiles[first : first + len(images)] = as_rgb(images)
        texts[first : first + len(images)] = [
            f"#{number}" if files is None else end_of_name(files[number], FILE_LETTERS)
            for number in numbers[row]
        ]
    panel, layout = _tiles(figure, tiles, columns, title)
    for place, text in enumerate(texts):
        title_tile(panel, layout, place, text, quiet=True)
    _row_names(panel, layout, [short_name(name, LETTERS) for name in classes])


@as_svg
def means_svg(
    figure: Figure, means: NDArray[np.float64], classes: Sequence[str], *, title: str
) -> None:
    """Draw the mean image of each class, in its own colours, with the class above.

    Parameters
    ----------
    means : float array (K, C, H, W)
        Pixels, 0 to 255.
    classes : sequence of str
        K names.
    title : str
        Above all.

    Returns
    -------
    str
        An `<svg>` element.
    """
    panel, layout = _tiles(figure, as_rgb(np.asarray(means)), 10, title)
    for place, name in enumerate(classes):
        title_tile(panel, layout, place, short_name(name, 11))


@as_svg
def counts_svg(
    figure: Figure, counts: Mapping[str, NDArray[np.int64]], classes: Sequence[str], *, title: str
) -> None:
    """Draw how many images each class has, a bar each, with a colour for each split.

    Parameters
    ----------
    counts : mapping of str to int array (K,)
        Images of each class by split.
    classes : sequence of str
        K names.
    title : str
        Above all.

    Returns
    -------
    str
        An `<svg>` element.
    """
    rows = np.arange(len(classes))
    figure.set_size_inches((6.4, 0.3 * len(classes) + 1.2))
    place = figure.subplots()
    start = np.zeros(len(classes))
    for (split, numbers), colour in zip(counts.items(), (BLUE, GREEN, VERMILLION), strict=False):
        place.barh(rows, numbers, left=start, height=0.68, color=colour, label=split)
        start += numbers
    for row, whole in enumerate(start):
        place.annotate(
            f"{whole:,.0f}", (whole, row), xytext=(4, 0), textcoords="offset points",
            va="center", color=INK, fontsize=9,
        )  # fmt: skip
    place.set_yticks(rows, [short_name(name, 22) for name in classes], color=INK)
    place.tick_params(length=0)
    place.invert_yaxis()
    place.grid(visible=False, axis="y")
    place.set_xlim(0, 1.12 * max(float(start.max()), 1))
    place.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    place.xaxis.set_major_formatter("{x:,g}")
    place.set_xlabel("images")
    place.set_title(title)
    place.legend(
        frameon=False, fontsize=9, ncols=3, loc="lower right", bbox_to_anchor=(1, 1),
        borderaxespad=0.1, handlelength=1,
    )  # fmt: skip


@as_svg
def histogram_svg(figure: Figure, histogram: NDArray[np.int64], *, title: str) -> None:
    """Draw the share of pixels with each value, a line for each channel; the shares as logarithms.

    Parameters
    ----------
    histogram : int array (C, 256)
        Counts by channel, grey or red, green and blue.
    title : str
        Above all.

    Returns
    -------
    str
        An `<svg>` element.
    """
    grey = len(histogram) == 1
    names = ("grey",) if grey else ("red", "green", "blue")
    # colours that keep their meaning and stay apart for colour-blind readers; dashes in print too
    colours = (QUIET,) if grey else (VERMILLION, GREEN, BLUE)
    figure.set_size_inches((6.4, 3.0))
    place = figure.subplots()
    for counts, name, colour, dashes in zip(
        histogram, names, colours, ("-", "--", ":"), strict=False
    ):
        shares = np.maximum(counts / counts.sum(), 1e-9)
        place.step(
            range(256), shares, where="mid", color=colour, linestyle=dashes, linewidth=1.4,
            label=name,
        )  # fmt: skip
    shown = histogram[histogram > 0] / histogram[0].sum()
    place.set_yscale("log")
    place.set_ylim(float(shown.min()) / 2, min(1.0, 2 * float(shown.max())))
    place.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    place.minorticks_off()
    place.set_xlim(-2, 257)
    place.set_xticks([0, 64, 128, 192, 255])
    place.set_xlabel("pixel value")
    place.set_ylabel("share of pixels (log)")
    place.set_title(title)
    if not grey:
        place.legend(frameon=False, fontsize=9, labelcolor="linecolor")


@as_svg
def sizes_svg(figure: Figure, sizes: NDArray[np.int64], *, used: tuple[int, int]) -> None:
    """Draw width and height of each file, and the size that all are brought to.

    Parameters
    ----------
    sizes : int array (F, 2)
        Height and width.
    used : (int, int)
        Height and width that training uses.

    Returns
    -------
    str
        An `<svg>` element.
    """
    figure.set_size_inches((4.8, 4.2))
    place = figure.subplots()
    distinct, counts = np.unique(sizes, axis=0, return_counts=True)
    kinds = f"{len(distinct):,} different size" + "s" * (len(distinct) > 1)
    place.scatter(
        distinct[:, 1], distinct[:, 0], s=12 + 60 * counts / counts.max(), color=BLUE, alpha=0.6,
        linewidths=0, label=f"{len(sizes):,} files, {kinds}",
    )  # fmt: skip
    place.plot(
        used[1], used[0], "s", color=VERMILLION, markersize=7, fillstyle="none",
        label=f"used: {used[1]}x{used[0]}",
    )  # fmt: skip
    most = 1.08 * float(max(sizes.max(), *used))
    place.set_xlim(0, most)
    place.set_ylim(0, most)
    place.set_aspect("equal")
    place.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    place.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    place.set_xlabel("width, pixels")
    place.set_ylabel("height, pixels")
    place.set_title("Size of each file")
    place.legend(
        frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0, -0.16), borderaxespad=0
    )


@as_svg
def augmented_svg(
    figure: Figure,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    texts: Sequence[Sequence[str]],
    rows: Sequence[str],
    *,
    title: str,
) -> None:
    """Draw each image as it is and, right of a line, as several epochs see it.

    Parameters
    ----------
    before : uint8 array (K, C, H, W)
        The images.
    after : uint8 array (K, E, C, H, W)
        The same, changed anew in each of E epochs.
    texts : K sequences of E str
        What to write above each changed image.
    rows : sequence of str
        What to write beside each row.
    title : str
        Above all.

    Returns
    -------
    str
        An `<svg>` element.
    """
    count, epochs = after.shape[:2]
    together = np.concatenate([before[:, None], after], axis=1)
    tiles = as_rgb(together.reshape(-1, *before.shape[1:]))
    panel, layout = _tiles(figure, tiles, epochs + 1, title)
    for row in range(count):
        for column, text in enumerate(["as it is", *texts[row]]):
            title_tile(panel, layout, row * (epochs + 1) + column, text, quiet=column > 0)
    _row_names(panel, layout, [short_name(name, LETTERS) for name in rows])
    middle = layout.width + layout.gap / 2 - 0.5
    bottom = layout.size[0] - 0.5
    panel.plot((middle, middle), (-0.5, bottom), color=VERMILLION, linewidth=1)
    panel.set_ylim(bottom, -0.5)


def _tiles(
    figure: Figure, tiles: NDArray[np.float64], columns: int, title: str
) -> tuple[Axes, Grid]:
    """Draw RGB tiles in rows of `columns`, each about as large on paper whatever its pixels."""
    layout = grid(len(tiles), tiles.shape[1:3], columns)
    height, width = layout.size
    scale = TILE_INCHES / max(layout.height, layout.width)
    figure.set_size_inches((scale * width, scale * height))
    panel = add_panel(figure, 0, 0, scale * width, scale * height)
    show_tiles(panel, tiles, layout, None)
    panel.set_title(title)
    return panel, layout


def _row_names(panel: Axes, layout: Grid, names: Sequence[str]) -> None:
    for row, name in enumerate(names):
        top, _ = layout.corner(row * layout.columns)
        panel.text(
            -0.5 - 0.15 * layout.width, top + layout.height / 2 - 0.5, name,
            ha="right", va="center", fontsize=9, color=INK,
        )  # fmt: skip
