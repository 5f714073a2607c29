"""What works in training only, where it draws at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from convlens.network.arithmetic import Shape
from convlens.network.layers.notation import Call
from convlens.network.layers.pointwise import Pointwise

if TYPE_CHECKING:
    from convlens.network.layers.described import Float64


class Random(Pointwise):
    """A layer that leaves out a share `rate` in training, and passes everything on else."""

    head = "rate"

    rate: float = Field(ge=0, lt=1, allow_inf_nan=False)

    def settings(self) -> str:
        return f"rate {self.rate:g}"

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        return x

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return f"x: {self.kind} works in training only", {}


class Dropout(Random):
    """Zero a share `rate` of the values in training, scaling the rest; nothing at evaluation."""

    kind = "dropout"

    def sentence(self) -> str:
        return "Does nothing here: dropout works in training only."

    def torch(self, shape: Shape) -> Call:
        return Call("Dropout", (self.rate,))

    def keras(self, shape: Shape) -> Call:
        return Call("Dropout", (self.rate,))


class DropPath(Random):
    """Zero all values of a share `rate` of the images in training, scaling the rest.

    At the end of a residual block's layers this leaves the block out for those images: stochastic
    depth (Huang et al. 2016, arXiv:1603.09382).
    """

    kind = "drop_path"

    def sentence(self) -> str:
        return "Does nothing here: in training it leaves out all values of some images."

    def torch(self, shape: Shape) -> Call:
        """Return a module that PyTorch does not have: the engine and the plain code bring it."""
        return Call("DropPath", (self.rate,))

    def keras(self, shape: Shape) -> Call:
        return Call("Dropout", (self.rate,), {"noise_shape": (None, *(1,) * len(shape))})
