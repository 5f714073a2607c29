"""Pooling in windows, and over whole maps."""

from __future__ import annotations

from convlens.network.arithmetic import Pair, Shape
from convlens.network.layers.base import Layer, Sizes, Unfit, maps, short, spelled
from convlens.network.layers.sliding import Sliding


class _Pool(Sliding):
    head = "kernel"

    kernel: Sizes
    stride: Sizes | None = None
    """The kernel itself where it is not given: windows that touch and do not overlap."""

    def strides(self) -> Pair:
        return self.stride or self.kernel

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
    """The mean of each window's real cells: padding is not counted, as in Keras and ONNX."""

    kind = "avg_pool"


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
