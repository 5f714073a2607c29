"""Normalisation of each channel, and learned factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from convlens.network.arithmetic import Shape
from convlens.network.layers.notation import Array, Call, Operation, X, op
from convlens.network.layers.pointwise import Pointwise, per_channel

if TYPE_CHECKING:
    from convlens.network.layers.pointwise import Float64


class BatchNorm(Pointwise):
    """Batch normalisation: `(x - mean) / sqrt(variance + epsilon) * weight + bias` per channel.

    Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2. `momentum` is PyTorch's: the share of
    the new batch in the running moments. Keras and ONNX count the share of the old ones.
    """

    kind = "batch_norm"
    keras_arrays: ClassVar = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }

    epsilon: float = Field(default=1e-5, gt=0, lt=1, allow_inf_nan=False)
    momentum: float = Field(default=0.1, gt=0, le=1, allow_inf_nan=False)

    def weights(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (shape[0],), "bias": (shape[0],)}

    def buffers(self, shape: Shape) -> dict[str, Shape]:
        return {"running_mean": (shape[0],), "running_var": (shape[0],)}

    def constants(self) -> dict[str, float]:
        return {"epsilon": self.epsilon}

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        import numpy as np

        names = ("running_mean", "running_var", "weight", "bias")
        mean, variance, weight, bias = (per_channel(arrays[name], x) for name in names)
        return (x - mean) / np.sqrt(variance + self.epsilon) * weight + bias

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return "(x - mean) / sqrt(variance + epsilon) * weight + bias", {
            "mean": arrays["running_mean"],
            "variance": arrays["running_var"],
            "epsilon": self.epsilon,
            "weight": arrays["weight"],
            "bias": arrays["bias"],
        }

    def sentence(self) -> str:
        return (
            "Each map is shifted and scaled by the mean and variance that training "
            "remembered, then by two learned numbers."
        )

    def torch(self, shape: Shape) -> Call:
        usual = {"eps": 1e-5, "momentum": 0.1}
        settings = {"eps": self.epsilon, "momentum": self.momentum}
        return Call(
            "BatchNorm2d" if len(shape) == 3 else "BatchNorm1d",
            (shape[0],),
            {name: value for name, value in settings.items() if value != usual[name]},
        )

    def keras(self, shape: Shape) -> Call:
        momentum = float(f"{1 - self.momentum:.9g}")
        return Call("BatchNormalization", (), {"momentum": momentum, "epsilon": self.epsilon})


class Scale(Pointwise):
    """`x * weight` with one learned factor per channel, which starts as `initial`.

    LayerScale of Touvron et al. 2021, arXiv:2103.17239; ConvNeXt starts it at 1e-6.
    """

    kind = "scale"
    keras_arrays: ClassVar = {"weight": "kernel"}

    initial: float = Field(default=1.0, allow_inf_nan=False)

    def weights(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (shape[0],)}

    def settings(self) -> str:
        return "" if self.initial == 1 else f"initial {self.initial:g}"

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        return x * per_channel(arrays["weight"], x)

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return "x * weight", {"weight": arrays["weight"]}

    def sentence(self) -> str:
        return "Each map is multiplied by one learned number."

    def torch(self, shape: Shape) -> Call:
        """Return a module that PyTorch does not have: the engine and the plain code bring it."""
        return Call("Scale", (shape[0],) if self.initial == 1 else (shape[0], self.initial))

    def keras(self, shape: Shape) -> Call:
        start = {"class_name": "Constant", "config": {"value": self.initial}}
        settings = {
            "output_shape": shape[0] if len(shape) == 1 else (*shape[1:], shape[0]),
            "kernel_initializer": "ones" if self.initial == 1 else start,
        }
        return Call("EinsumDense", ("nc,c->nc" if len(shape) == 1 else "nhwc,c->nhwc",), settings)

    @classmethod
    def onnx(cls) -> tuple[Operation, ...]:
        return (op("Mul", X, Array("weight")),)
