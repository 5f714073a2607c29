"""Layers on vectors: weighted sums of all features, and probabilities."""

from __future__ import annotations

from pydantic import Field

from convlens.network.arithmetic import Shape
from convlens.network.layers.base import Count, Layer, Unfit


class Linear(Layer):
    """A fully connected layer: `features` weighted sums of all inputs.

    >>> Linear(features=10).parameters((2304,))
    23050
    """

    kind = "linear"
    head = "features"

    features: Count
    bias: bool = Field(default=True, strict=True)

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        if len(shape) != 1:
            raise Unfit(
                "vector",
                f"linear needs a vector and gets maps {'x'.join(map(str, shape))}",
                "an input of shape (features,)",
            )
        return (self.features,)

    def weights(self, shape: Shape) -> dict[str, Shape]:
        weight = (self.features, shape[0])
        return {"weight": weight, **({"bias": (self.features,)} if self.bias else {})}

    def multiply_adds(self, shape: Shape, output: Shape) -> int:
        return self.features * shape[0]

    def settings(self) -> str:
        return f"{self.features}" + ("" if self.bias else " no bias")


class Softmax(Layer):
    """Turn logits into probabilities. Output only: training uses log-softmax on the logits."""

    kind = "softmax"

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        if len(shape) != 1:
            raise Unfit(
                "vector",
                f"softmax needs a vector and gets maps {'x'.join(map(str, shape))}",
                "an input of shape (classes,)",
            )
        return shape
