"""Convolutions: every filter over all channels, over a group of them, or over one."""

from __future__ import annotations

from pydantic import Field

from convlens.network.arithmetic import Pair, Shape, conv_multiply_adds, conv_weight_shape
from convlens.network.layers.base import Count, Sizes, Unfit, maps
from convlens.network.layers.sliding import Sliding


class Convolution(Sliding):
    """A convolution, whichever its groups: its settings, its arrays, and what those cost."""

    stride: Sizes = (1, 1)
    dilation: Sizes = (1, 1)
    bias: bool = Field(default=True, strict=True)

    def strides(self) -> Pair:
        return self.stride

    def dilations(self) -> Pair:
        return self.dilation

    def sizes(self, channels: int) -> Pair:
        """Return the number of filters and of groups for so many input channels."""
        raise NotImplementedError

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = maps(self, shape)
        return (self.sizes(channels)[0], *self.grid(shape, floor=floor))

    def weights(self, shape: Shape) -> dict[str, Shape]:
        filters, groups = self.sizes(shape[0])
        weight = conv_weight_shape(filters, self.kernel, shape[0], groups)
        return {"weight": weight, **({"bias": (filters,)} if self.bias else {})}

    def multiply_adds(self, shape: Shape, output: Shape) -> int:
        return conv_multiply_adds(self.weights(shape)["weight"], output)


class Conv(Convolution):
    """Cross-correlation with `filters` filters over all channels (or those of one group).

    >>> Conv(filters=6, kernel=5, padding=2).output((3, 32, 32))
    (6, 32, 32)
    >>> Conv(filters=6, kernel=5, padding=2).parameters((3, 32, 32))
    456
    """

    kind = "conv"
    head = "filters"

    filters: Count
    groups: Count = 1

    def sizes(self, channels: int) -> Pair:
        return self.filters, self.groups

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = maps(self, shape)
        if channels % self.groups or self.filters % self.groups:
            raise Unfit(
                "groups",
                f"groups {self.groups} does not divide {channels} channels into "
                f"{self.filters} filters",
                "groups that divide both the input channels and the filters",
            )
        return super().output(shape, floor=floor)

    def settings(self) -> str:
        text = f"{self.filters} of {super().settings()}"
        if self.groups > 1:
            text += f" groups {self.groups}"
        return text if self.bias else text + " no bias"


class Depthwise(Convolution):
    """Each channel correlated with its own `multiplier` filters: a convolution in C groups.

    >>> Depthwise(multiplier=2, kernel=3).output((8, 10, 10))
    (16, 8, 8)
    """

    kind = "depthwise"
    head = "multiplier"

    multiplier: Count = 1

    def sizes(self, channels: int) -> Pair:
        return channels * self.multiplier, channels

    def settings(self) -> str:
        text = f"{self.multiplier} per channel of {super().settings()}"
        return text if self.bias else text + " no bias"
