"""Layers whose window slides over height and width."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from convlens.network.arithmetic import Pair, Shape, Window, same_window
from convlens.network.layers.base import Layer, Padding, Sizes, Unfit, maps, short, spelled


@lru_cache(maxsize=1024)
def _windows(
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Literal["same"] | tuple[int, int, int, int],
    dilation: Pair,
) -> tuple[Window, Window]:
    """Return the windows of one setting; a deep network repeats a few settings many times."""
    if padding == "same":
        return (
            same_window(size[0], kernel[0], stride[0], dilation[0]),
            same_window(size[1], kernel[1], stride[1], dilation[1]),
        )
    top, bottom, left, right = padding
    return (
        Window(kernel[0], stride[0], top, bottom, dilation[0]),
        Window(kernel[1], stride[1], left, right, dilation[1]),
    )


class Sliding(Layer):
    """A layer whose window slides over height and width: convolution and pooling."""

    kernel: Sizes = (3, 3)
    padding: Padding = (0, 0, 0, 0)

    def strides(self) -> Pair:
        """Return the stride on (height, width)."""
        raise NotImplementedError

    def dilations(self) -> Pair:
        """Return the dilation on (height, width)."""
        return (1, 1)

    def strict(self) -> bool:
        """Say whether the last window has to land on the last cell, without the floor rule.

        "same" asks for ceil(size / stride) outputs by name: nothing is left to be strict on.
        """
        return self.padding != "same"

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Return the sliding windows along height and width, with "same" worked out."""
        _, height, width = maps(self, shape)
        return _windows(
            (height, width), self.kernel, self.strides(), self.padding, self.dilations()
        )

    def dropped(self, shape: Shape) -> Pair:
        """Return how many bottom rows and right columns of the input no window reaches."""
        vertical, horizontal = self.windows(shape)
        return vertical.dropped(shape[1]), horizontal.dropped(shape[2])

    def grid(self, shape: Shape, *, floor: bool) -> Pair:
        """Return the output's (height, width)."""
        _, height, width = maps(self, shape)
        vertical, horizontal = self.windows(shape)
        sizes = vertical.output(height), horizontal.output(width)
        fits = floor or not self.strict()
        if min(sizes) < 1 or not (fits or (vertical.fits(height) and horizontal.fits(width))):
            raise self._misfit(shape, vertical, horizontal)
        return sizes

    def _misfit(self, shape: Shape, vertical: Window, horizontal: Window) -> Unfit:
        axes = [("height", shape[1], vertical), ("width", shape[2], horizontal)]
        wrong = [axis for axis in axes if not axis[2].fits(axis[1])]
        label, size, window = next((axis for axis in wrong if axis[2].room(axis[1]) < 0), wrong[0])
        if window.room(size) < 0:
            what = (
                f"the {label} {size} with padding {window.before} + {window.after} is smaller "
                f"than the kernel's extent {window.extent}"
            )
        else:
            what = f"the {label} does not come out whole: {window.formula(size)}"
        expected = "(size + padding - kernel)/stride + 1 to be a whole number of at least 1"
        return Unfit("size", what, expected)

    def settings(self) -> str:
        text = spelled(self.kernel, "x")
        if self.strides() != (1, 1):
            text += f" stride {short(self.strides())}"
        if self.padding == "same":
            text += " same"
        elif any(self.padding):
            text += f" pad {short(self.padding)}"
        if self.dilations() != (1, 1):
            text += f" dilation {short(self.dilations())}"
        return text
