"""What works in training only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from convlens.network.arithmetic import Shape
from convlens.network.layers.notation import Call
from convlens.network.layers.pointwise import Pointwise

if TYPE_CHECKING:
    from convlens.network.layers.pointwise import Float64


class Dropout(Pointwise):
    """Zero a share `rate` of the values in training, scaling the rest; nothing at evaluation."""

    kind = "dropout"
    head = "rate"

    rate: float = Field(ge=0, lt=1, allow_inf_nan=False)

    def settings(self) -> str:
        return f"rate {self.rate:g}"

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        return x

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return "x: dropout works in training only", {}

    def sentence(self) -> str:
        return "Does nothing here: dropout works in training only."

    def torch(self, shape: Shape) -> Call:
        return Call("Dropout", (self.rate,))

    def keras(self, shape: Shape) -> Call:
        return Call("Dropout", (self.rate,))
