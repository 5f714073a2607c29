"""What works in training only."""

from __future__ import annotations

from pydantic import Field

from convlens.network.layers.base import Layer


class Dropout(Layer):
    """Zero a share `rate` of the values in training, scaling the rest; nothing at evaluation."""

    kind = "dropout"
    head = "rate"

    rate: float = Field(ge=0, lt=1, allow_inf_nan=False)

    def settings(self) -> str:
        return f"rate {self.rate:g}"
