"""Normalisation by the moments of training or of one image, and learned factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field

from convlens.network.arithmetic import Shape
from convlens.network.layers.base import Count, maps
from convlens.network.layers.notation import Array, Call, Operation, X, op
from convlens.network.layers.pointwise import Pointwise, per_channel
from convlens.network.layers.shapes import check_groups

if TYPE_CHECKING:
    from convlens.network.layers.described import Float64

_STANDARDISED = "(x - mean) / sqrt(variance + epsilon) * weight + bias"


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
        return _STANDARDISED, {
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


class _WithinImage(Pointwise):
    """What normalisations by the mean and variance of one image's own values have in common."""

    keras_arrays: ClassVar = {"weight": "gamma", "bias": "beta"}

    epsilon: float = Field(default=1e-5, gt=0, lt=1, allow_inf_nan=False)

    def weights(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (shape[0],), "bias": (shape[0],)}

    def constants(self) -> dict[str, float]:
        return {"epsilon": self.epsilon}

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        import numpy as np

        moments = self.moments(x)
        weight, bias = (per_channel(arrays[name], x) for name in ("weight", "bias"))
        spread = np.sqrt(moments["variance"] + self.epsilon)
        standardised: Float64 = (x - moments["mean"]) / spread
        return standardised * weight + bias

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        used = ("mean", "variance", "weight", "bias")
        return _STANDARDISED, {**{name: arrays[name] for name in used}, "epsilon": self.epsilon}

    def _torch_settings(self) -> dict[str, float]:
        return {} if self.epsilon == 1e-5 else {"eps": self.epsilon}


class LayerNorm(_WithinImage):
    """Normalisation over the channels in each place of the maps, or over all features.

    Ba et al. 2016, arXiv:1607.06450; over channels alone as in ConvNeXt (Liu et al. 2022,
    arXiv:2201.03545), whose epsilon is 1e-6.
    """

    kind = "layer_norm"

    def sees_all(self, shape: Shape) -> bool:
        return len(shape) == 1

    def moments(self, x: Float64) -> Mapping[str, Float64]:
        return {"mean": x.mean(1, keepdims=True), "variance": x.var(1, keepdims=True)}

    def sentence(self) -> str:
        return (
            "In each place the values of all maps are shifted and scaled to mean 0 and variance 1; "
            "then each map by two learned numbers."
        )

    def torch(self, shape: Shape) -> Call:
        """Return `LayerNorm2d` for maps, which torchvision has and PyTorch itself does not."""
        name = "LayerNorm2d" if len(shape) == 3 else "LayerNorm"
        return Call(name, (shape[0],), self._torch_settings())

    def keras(self, shape: Shape) -> Call:
        return Call("LayerNormalization", (), {"epsilon": self.epsilon})


class GroupNorm(_WithinImage):
    """Normalisation over all values of a group of maps (Wu and He 2018, arXiv:1803.08494)."""

    kind = "group_norm"
    head = "groups"

    groups: Count

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = maps(self, shape)
        check_groups(self, self.groups, channels)
        return shape

    def sees_all(self, shape: Shape) -> bool:
        return True

    def settings(self) -> str:
        return f"groups {self.groups}"

    def moments(self, x: Float64) -> Mapping[str, Float64]:
        import numpy as np

        grouped = x.reshape(len(x), self.groups, -1)
        repeated = x.shape[1] // self.groups
        return {
            name: np.repeat(values, repeated, axis=1)[:, :, None, None]
            for name, values in (("mean", grouped.mean(2)), ("variance", grouped.var(2)))
        }

    def sentence(self) -> str:
        return (
            f"All values of each of {self.groups} groups of maps are shifted and scaled to mean 0 "
            "and variance 1; then each map by two learned numbers."
        )

    def torch(self, shape: Shape) -> Call:
        return Call("GroupNorm", (self.groups, shape[0]), self._torch_settings())

    def keras(self, shape: Shape) -> Call:
        return Call("GroupNormalization", (self.groups,), {"epsilon": self.epsilon})


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("an odd number: as many maps before as after")
    return size


class LocalResponseNorm(Pointwise):
    """`x / (k + alpha * mean of squares) ^ beta` over `size` maps around each, as in AlexNet.

    Krizhevsky et al. 2012; the mean divides by `size` at the first and last maps too, as in
    PyTorch and ONNX. An even size is laid out differently by the two, and refused.
    """

    kind = "local_response_norm"
    head = "size"

    size: Annotated[Count, AfterValidator(_odd)]
    alpha: float = Field(default=1e-4, ge=0, le=100, allow_inf_nan=False)
    beta: float = Field(default=0.75, ge=0, le=100, allow_inf_nan=False)
    k: float = Field(default=1.0, gt=0, le=1e6, allow_inf_nan=False)

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        maps(self, shape)
        return shape

    def settings(self) -> str:
        return f"size {self.size}"

    def constants(self) -> dict[str, float]:
        return {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k}

    def moments(self, x: Float64) -> Mapping[str, Float64]:
        import numpy as np

        half, count = self.size // 2, x.shape[1]
        squares = np.pad(x**2, ((0, 0), (half, half), (0, 0), (0, 0)))
        return {"squares": np.add.reduce([squares[:, i : i + count] for i in range(self.size)])}

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        squares = self.moments(x)["squares"]
        answer: Float64 = x / (self.k + self.alpha * squares / self.size) ** self.beta
        return answer

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        squares = {"squares": arrays["squares"]}
        return "x / (k + alpha * squares / size) ^ beta", {**self.constants(), **squares}

    def sentence(self) -> str:
        return (
            "Each value is divided by a number that grows with the values of "
            f"{self.size} neighbouring maps in its place."
        )

    def torch(self, shape: Shape) -> Call:
        usual = {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
        settings = {name: getattr(self, name) for name in usual}
        changed = {name: value for name, value in settings.items() if value != usual[name]}
        return Call("LocalResponseNorm", (self.size,), changed)

    def keras(self, shape: Shape) -> Call:
        return Call("LocalResponseNormalization", (self.size, self.alpha, self.beta, self.k))


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
