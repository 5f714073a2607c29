"""Pooling in windows, and over whole maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from convlens.network.arithmetic import Pair, Shape, Window, bins
from convlens.network.layers.base import Layer, Sizes, Unfit, maps, short, spelled
from convlens.network.layers.described import Described
from convlens.network.layers.notation import Call
from convlens.network.layers.sliding import Sliding

if TYPE_CHECKING:
    from convlens.network.layers.described import Float64


class _Pool(Sliding):
    head = "kernel"

    kernel: Sizes
    stride: Sizes | None = None
    """The kernel itself where it is not given: windows that touch and do not overlap."""
    ceil: bool = Field(default=False, strict=True)
    """Round sizes up: one more window reads the last cells, cut off at the end (`ceil_mode`)."""

    def strides(self) -> Pair:
        return self.stride or self.kernel

    def strict(self) -> bool:
        return super().strict() and not self.ceil

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Return the windows; what `ceil` makes them reach past the padding is added to it."""
        rows, columns = self.unrounded(shape)
        if not self.rounds_up():
            return rows, columns
        return rows.rounded_up(shape[1]), columns.rounded_up(shape[2])

    def unrounded(self, shape: Shape) -> tuple[Window, Window]:
        """Return the windows with the padding that was written, whether or not they round up."""
        return super().windows(shape)

    def rounds_up(self) -> bool:
        """Say whether `ceil` matters: "same" rounds up by itself."""
        return self.ceil and self.padding != "same"

    def settings(self) -> str:
        return super().settings() + (" ceil" if self.ceil else "")

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = maps(self, shape)
        if self.padding != "same":
            top, bottom, left, right = self.padding
            if max(top, bottom) >= self.kernel[0] or max(left, right) >= self.kernel[1]:
                raise Unfit(
                    "padding",
                    f"{self.kind} padding {short(self.padding)} reaches past the kernel "
                    f"{spelled(self.kernel, 'x')}: a window would hold nothing but padding",
                    "padding smaller than the kernel",
                )
        return (channels, *self.grid(shape, floor=floor))


class MaxPool(_Pool):
    """The largest value in each window; padded cells never win.

    >>> MaxPool(kernel=2).output((32, 26, 26))
    (32, 13, 13)
    """

    kind = "max_pool"


class AvgPool(_Pool):
    """The mean of each window's real cells: padding is not counted, as in Keras and ONNX.

    With `count_padding` the padding counts as zeros, as in PyTorch by default; what a window of
    `ceil` reaches past the padding never counts.
    """

    kind = "avg_pool"

    count_padding: bool = Field(default=False, strict=True)

    def counted(self, shape: Shape) -> tuple[Pair, Pair]:
        """Return the cells of padding that count, before and after the rows and the columns."""
        if not self.count_padding:
            return (0, 0), (0, 0)
        rows, columns = self.unrounded(shape)
        return (rows.before, rows.after), (columns.before, columns.after)

    def settings(self) -> str:
        return super().settings() + (" padding counted" if self.count_padding else "")


class AdaptiveAvgPool(Described):
    """The mean of each of `size` parts of every map, however large the maps are.

    A part goes as PyTorch says, see `convlens.network.arithmetic.bins`: neighbours may share a
    row, and smaller maps than `size` are stretched. VGG and AlexNet end so, and with them their
    linear layers take images of any size.

    >>> AdaptiveAvgPool(size=7).output((512, 2, 2))
    (512, 7, 7)
    """

    kind = "adaptive_avg_pool"
    head = "size"

    size: Sizes

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = maps(self, shape)
        return (channels, *self.size)

    def reads(self, shape: Shape) -> tuple[list[Pair], list[Pair]]:
        return bins(shape[1], self.size[0]), bins(shape[2], self.size[1])

    def settings(self) -> str:
        return spelled(self.size, "x")

    def shares(self, shape: Shape) -> tuple[Float64, Float64]:
        """Return the share of each row in each row of the output, `(size, H)`; and of columns."""
        import numpy as np

        rows, columns = (
            np.array([[a <= i <= b for i in range(size)] for a, b in axis], np.float64)
            for axis, size in zip(self.reads(shape), shape[1:], strict=True)
        )
        return rows / rows.sum(1, keepdims=True), columns / columns.sum(1, keepdims=True)

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        rows, columns = self.shares(x.shape[1:])
        means: Float64 = rows @ x @ columns.T
        return means

    def sentence(self) -> str:
        parts = spelled(self.size, "x")
        return f"Each map is parted into {parts} fields of about one size; each becomes its mean."

    def torch(self, shape: Shape) -> Call:
        return Call("AdaptiveAvgPool2d", (self.size,))

    def keras(self, shape: Shape) -> Call:
        return Call("AdaptiveAveragePooling2D", (self.size,))


class _GlobalPool(Layer):
    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = maps(self, shape)
        return (channels, 1, 1)


class GlobalMaxPool(_GlobalPool):
    """The largest value of each map; leaves `(channels, 1, 1)`."""

    kind = "global_max_pool"


class GlobalAvgPool(_GlobalPool):
    """The mean of each map; leaves `(channels, 1, 1)` (Lin et al. 2013, arXiv:1312.4400)."""

    kind = "global_avg_pool"
