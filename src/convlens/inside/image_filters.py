"""What filters do: a gallery of fixed kernels, and the cross-correlation that applies them.

These kernels were designed by hand, long before networks learned theirs. A *smoothing* kernel
sums to 1 and gives a picture of the same brightness; a *derivative* kernel sums to 0, gives 0
wherever the image is flat, and signed numbers where it changes.

References
----------
Gonzalez and Woods, "Digital Image Processing", chapter 3 (spatial filtering).
Szeliski, "Computer Vision: Algorithms and Applications", section 3.2, https://szeliski.org/Book.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convlens.foundation.errors import InputError, nearest
from convlens.network.arithmetic import Window, same_window

Float64 = NDArray[np.float64]
Padding = Literal["valid", "same"] | int | tuple[int, int, int, int]


@dataclass(frozen=True)
class Kernel:
    """A kernel with a name and what it is for.

    Attributes
    ----------
    name : str
        As the command line spells it.
    array : float64 array (height, width)
        The weights, as they are multiplied: nothing is flipped.
    about : str
        What it does and why, in one sentence.
    divisor : int
        `array * divisor` are whole numbers, which are easier to read.
    """

    name: str
    array: Float64 = field(repr=False, compare=False)
    about: str = field(repr=False)
    divisor: int = 1

    @property
    def signed(self) -> bool:
        """Whether it is a derivative: its weights sum to 0, its results lie around 0."""
        return abs(float(self.array.sum())) < 1e-12

    def __str__(self) -> str:
        """Write the weights as rows of aligned whole numbers, and what they are divided by."""
        whole = np.rint(self.array * self.divisor).astype(int)
        width = max(len(str(number)) for number in whole.flat)
        rows = ["  ".join(f"{number:>{width}}" for number in row) for row in whole]
        return "\n".join(rows) + (f"   (all / {self.divisor})" if self.divisor > 1 else "")


def _kernel(name: str, rows: list[list[float]], about: str, divisor: int = 1) -> Kernel:
    array = np.array(rows, np.float64) / divisor
    array.flags.writeable = False
    return Kernel(name, array, about, divisor)


GALLERY: dict[str, Kernel] = {
    kernel.name: kernel
    for kernel in (
        _kernel(
            "identity",
            [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
            "Gives every pixel back, because only the centre has a weight.",
        ),
        _kernel(
            "sharpen",
            [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
            "Adds to each pixel its difference from its four neighbours, so that edges gain "
            "contrast and flat parts stay.",
        ),
        _kernel(
            "laplacian-4",
            [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
            "Sums the second derivatives down and across: 0 on any even slope, and of opposite "
            "signs on the two sides of an edge of any direction.",
        ),
        _kernel(
            "laplacian-8",
            [[1, 1, 1], [1, -8, 1], [1, 1, 1]],
            "The Laplacian with the diagonals, which answers to slanting edges and to single "
            "points more strongly.",
        ),
        _kernel(
            "box-blur",
            [[1, 1, 1], [1, 1, 1], [1, 1, 1]],
            "Averages nine pixels alike, which removes noise and detail alike.",
            divisor=9,
        ),
        _kernel(
            "gaussian-3",
            [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
            "Averages with weights that fall off with distance (binomial numbers, close to a "
            "Gaussian), which blurs without the box's square traces.",
            divisor=16,
        ),
        _kernel(
            "gaussian-5",
            [
                [1, 4, 6, 4, 1],
                [4, 16, 24, 16, 4],
                [6, 24, 36, 24, 6],
                [4, 16, 24, 16, 4],
                [1, 4, 6, 4, 1],
            ],
            "The same over 5x5 pixels: it equals gaussian-3 applied twice, and blurs more.",
            divisor=256,
        ),
        _kernel(
            "sobel-vertical",
            [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
            "Finds vertical edges: right minus left, smoothed down the column; positive where "
            "the image becomes brighter to the right.",
        ),
        _kernel(
            "sobel-horizontal",
            [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
            "Finds horizontal edges: below minus above, smoothed along the row; positive where "
            "the image becomes brighter downwards.",
        ),
        _kernel(
            "prewitt-vertical",
            [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
            "Finds vertical edges as Sobel does, with three rows that count alike.",
        ),
        _kernel(
            "prewitt-horizontal",
            [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
            "Finds horizontal edges as Sobel does, with three columns that count alike.",
        ),
        _kernel(
            "emboss",
            [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
            "Adds to each pixel the slope towards the lower right, as if light fell on a relief.",
        ),
        _kernel(
            "corner-pick",
            [[1, 0], [0, 0]],
            "Picks the upper left pixel of each 2x2 window: a filter can move an image.",
        ),
    )
}
"""The fixed kernels by name, in the order in which they are shown."""


def find_kernel(name: str) -> Kernel:
    """Return a kernel of the gallery.

    Raises
    ------
    InputError
        Where there is none of that name; gives the nearest.

    Examples
    --------
    >>> find_kernel("sobel-vertical").array.astype(int).tolist()
    [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    """
    if name not in GALLERY:
        raise InputError(
            f'there is no kernel "{name}"{nearest(name, GALLERY)}',
            "one of " + ", ".join(GALLERY),
        )
    return GALLERY[name]


def apply_kernel(
    image: NDArray[Any], kernel: Kernel | NDArray[Any], padding: Padding = "valid"
) -> Float64:
    """Cross-correlate an image with a kernel: each output is a window's sum of products.

    Cross-correlation is what the field calls convolution: the kernel is not flipped.
    Each channel is treated alone, with the same kernel.

    Parameters
    ----------
    image : array (H, W) or (C, H, W)
        Any real numbers, such as uint8 pixels.
    kernel : Kernel or array (height, width)
        The weights.
    padding : {"valid", "same"}, int, or (top, bottom, left, right)
        What happens at the edges. "valid" adds nothing: only whole windows count and the
        output is smaller by the kernel less one. "same" adds zeros so that the size stays, an
        odd one at the bottom and right. Numbers add that many zeros. Added zeros are black
        cells: expect dark borders, and edges along them.

    Returns
    -------
    float64 array (H', W') or (C, H', W')
        The sums, not clipped and not rounded.

    Raises
    ------
    InputError
        Where an array has another number of axes, or no window fits.

    Examples
    --------
    >>> image = np.arange(16).reshape(4, 4)
    >>> apply_kernel(image, find_kernel("corner-pick")).astype(int).tolist()
    [[0, 1, 2], [4, 5, 6], [8, 9, 10]]
    """
    weights = np.asarray(kernel.array if isinstance(kernel, Kernel) else kernel, np.float64)
    pixels = np.asarray(image, np.float64)
    if weights.ndim != 2 or pixels.ndim not in (2, 3):
        raise InputError(
            f"the image has the shape {pixels.shape} and the kernel {weights.shape}",
            "an image (H, W) or (C, H, W) and a kernel (height, width)",
        )
    rows, columns = _windows(pixels.shape[-2:], weights.shape, padding)
    if min(rows.output(pixels.shape[-2]), columns.output(pixels.shape[-1])) < 1:
        raise InputError(
            f"the kernel is {weights.shape[0]}x{weights.shape[1]} and the image "
            f"{pixels.shape[-2]}x{pixels.shape[-1]}",
            "an image that holds at least one window",
            'use padding "same", or a larger image',
        )
    edges = [(0, 0)] * (pixels.ndim - 2)
    edges += [(rows.before, rows.after), (columns.before, columns.after)]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(pixels, edges), weights.shape, axis=(-2, -1)
    )
    sums: Float64 = np.einsum("...hwij,ij->...hw", windows, weights)
    return sums


def _windows(
    size: tuple[int, ...], kernel: tuple[int, ...], padding: Padding
) -> tuple[Window, Window]:
    if padding == "same":
        return same_window(size[0], kernel[0]), same_window(size[1], kernel[1])
    if padding == "valid":
        padding = 0
    sides = (padding,) * 4 if isinstance(padding, int) else padding
    if isinstance(sides, str) or len(sides) != 4 or min(sides) < 0:
        raise InputError(
            f"padding is {padding!r}",
            '"valid", "same", a number, or (top, bottom, left, right), none below 0',
            'use padding "same" to keep the size',
        )
    top, bottom, left, right = sides
    return Window(kernel[0], 1, top, bottom), Window(kernel[1], 1, left, right)


def as_picture(response: Float64, kernel: Kernel) -> NDArray[np.uint8] | Float64:
    """Bring a kernel's result to what can be shown.

    Parameters
    ----------
    response : float64 array (H, W) or (C, H, W)
        From `apply_kernel` on pixels 0..255.
    kernel : Kernel
        Says which of the two it is.

    Returns
    -------
    uint8 array of the same shape, or float64 array (H, W)
        For a smoothing kernel the pixels, rounded and clipped to 0..255. For a derivative
        kernel the signed numbers as they are, the mean over the channels where there are
        several: by linearity, the result for the image's mean grey.

    Examples
    --------
    >>> as_picture(np.array([[-3.0, 99.6, 300.0]]), find_kernel("sharpen")).tolist()
    [[0, 100, 255]]
    >>> as_picture(np.array([[-3.0, 300.0]]), find_kernel("laplacian-4")).tolist()
    [[-3.0, 300.0]]
    """
    if not kernel.signed:
        return np.clip(np.rint(response), 0, 255).astype(np.uint8)
    mean: Float64 = response.mean(axis=0) if response.ndim == 3 else response
    return mean
