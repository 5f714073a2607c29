"""Activations: one function on every value, which keeps the shape."""

from __future__ import annotations

from pydantic import Field

from convlens.network.layers.base import Layer


class ReLU(Layer):
    """`max(x, 0)`."""

    kind = "relu"


class GELU(Layer):
    """`x * Phi(x)`, exact (Hendrycks and Gimpel 2016, arXiv:1606.08415)."""

    kind = "gelu"


class SiLU(Layer):
    """`x * sigmoid(x)`, also called swish."""

    kind = "silu"


class LeakyReLU(Layer):
    """`x` where positive, `slope * x` elsewhere."""

    kind = "leaky_relu"
    head = "slope"

    slope: float = Field(default=0.01, ge=0, le=1, allow_inf_nan=False)

    def settings(self) -> str:
        return f"slope {self.slope:g}"
