"""What fixed kernels do to an image: each kernel's numbers beside the picture it makes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convlens.figures.placement import add_panel
from convlens.figures.style import INK, QUIET, SIGNED, as_svg, colours_of
from convlens.foundation.errors import InputError
from convlens.inside.image_filters import GALLERY, Kernel, Padding, apply_kernel, as_picture

ACROSS = 3
PICTURE, MATRIX = 2.3, 1.2
"""Inches: the longer side of a picture, and the side of a kernel's matrix."""


@as_svg
def gallery_svg(
    figure: Figure,
    image: NDArray[np.uint8],
    kernels: Iterable[Kernel] = tuple(GALLERY.values()),
    *,
    padding: Padding = "valid",
) -> None:
    """Draw kernels and what each makes of an image.

    A smoothing kernel's result is a picture, clipped to 0..255 (how much was clipped is said
    under it). A derivative's result is signed and drawn from blue over white (0) to orange, on a
    scale of its own that is written under it; of a colour image, for its mean grey.

    Parameters
    ----------
    image : uint8 array (C, H, W)
        One grey channel, or red, green, blue.
    kernels : iterable of Kernel
        By default the whole gallery.
    padding : {"valid", "same"}, int, or (top, bottom, left, right)
        See `apply_kernel`.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is no kernel, the array is no image, or a kernel does not fit into it.
    """
    shown = list(kernels)
    if not shown or image.ndim != 3 or len(image) not in (1, 3):
        raise InputError(
            f"{len(shown)} kernels and an array of the shape {image.shape}",
            "at least one kernel, and an image (C, H, W) with 1 channel (grey) or 3 (RGB)",
            "choose kernels from the gallery, and bring the image to that form",
        )
    height, width = image.shape[1:]
    high, wide = (PICTURE * n / max(height, width) for n in (height, width))
    across = min(ACROSS, len(shown))
    down = -(-len(shown) // across)
    cell = (MATRIX + 0.15 + wide + 0.45, max(high, MATRIX) + 0.75)
    total = (across * cell[0], down * cell[1])
    figure.set_size_inches(total)
    for place, kernel in enumerate(shown):
        left, top = (place % across) * cell[0], (place // across) * cell[1] + 0.3
        figure.text(
            left / total[0], 1 - (top - 0.1) / total[1], kernel.name, weight="bold", fontsize=11
        )
        rows, columns = kernel.array.shape
        side = MATRIX / max(rows, columns, 3)
        _matrix(add_panel(figure, left, top, columns * side, rows * side), kernel, side)
        axes = add_panel(figure, left + MATRIX + 0.15, top, wide, high)
        _picture(axes, image, kernel, padding)
    shape = "x".join(map(str, image.shape))
    edges = "no padding: whole windows only" if padding in ("valid", 0) else "padded with zeros"
    words = f"cross-correlation of the {shape} image; {edges}"
    figure.text(0, 1, words, fontsize=9, color=QUIET, va="bottom")


def _matrix(axes: Axes, kernel: Kernel, side: float) -> None:
    """Write the kernel's numbers into cells of its own colours."""
    whole = np.rint(kernel.array * kernel.divisor).astype(int)
    largest = int(np.abs(whole).max())
    axes.imshow(
        whole, cmap=colours_of(SIGNED), vmin=-2 * largest, vmax=2 * largest, interpolation="none"
    )  # half of the scale: pale enough for dark numbers
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
    size = min(11.0, 72 * side / 2.2)
    for (row, column), number in np.ndenumerate(whole):
        axes.text(column, row, str(number), ha="center", va="center", fontsize=size, color=INK)
    if kernel.divisor > 1:
        axes.set_xlabel(f"all / {kernel.divisor}", fontsize=9, labelpad=3)


def _picture(axes: Axes, image: NDArray[np.uint8], kernel: Kernel, padding: Padding) -> None:
    sums = apply_kernel(image, kernel, padding)
    picture = as_picture(sums, kernel)
    settings: dict[str, Any] = {"interpolation": "none", "aspect": "auto"}
    if kernel.signed:
        limit = float(np.abs(picture).max()) or 1.0
        axes.imshow(picture, cmap=colours_of(SIGNED), vmin=-limit, vmax=limit, **settings)
        words = f"blue {-limit:.4g}, white 0, orange {limit:.4g}"
    else:
        rounded = np.rint(sums)
        clipped = float(np.mean((rounded < 0) | (rounded > 255)))
        words = "scale 0 to 255" + (f", {clipped:.1%} clipped" if clipped else "")
        if len(image) == 3:
            axes.imshow(picture.transpose(1, 2, 0), **settings)
        else:
            axes.imshow(picture[0], cmap="gray", vmin=0, vmax=255, **settings)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set_xlabel(words, fontsize=8, labelpad=3)
