"""Activations: one function on every value, which keeps the shape. A record for each.

A new activation is one more class here. What its record holds is used by every room: see
`docs/add-a-layer.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from convlens.network.arithmetic import Shape
from convlens.network.layers.described import concrete
from convlens.network.layers.notation import Call, KerasNames, Operation, Setting, X, op
from convlens.network.layers.pointwise import Pointwise

if TYPE_CHECKING:
    from convlens.network.layers.described import Float64


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the rooms must know of an activation beside its formula.

    Parameters
    ----------
    sentence : str
        What it does to its input; may hold settings, as in `{slope:g}`.
    torch : str
        Its class in `torch.nn`, which takes the kind's settings in their order.
    keras : KerasNames
        What Keras calls it.
    onnx : tuple of Operation
        The forms in which ONNX files hold it, the first being the one that is written.
    rising : bool
        Whether a larger value never gives a smaller one. Then the largest value of a window stays
        the largest, and PyTorch may compute a max-pool before the activation.
    """

    sentence: str
    torch: str
    keras: KerasNames
    onnx: tuple[Operation, ...]
    rising: bool


class Activation(Pointwise):
    """A function of the value alone and of the kind's settings."""

    record: ClassVar[Record]

    @classmethod
    def onnx(cls) -> tuple[Operation, ...]:
        return cls.record.onnx

    def constants(self) -> dict[str, float]:
        return {field: getattr(self, field) for field in type(self).model_fields if field != "name"}

    def settings(self) -> str:
        return " ".join(f"{field} {value:g}" for field, value in self.constants().items())

    def sentence(self) -> str:
        return self.record.sentence.format(**self.constants())

    def torch(self, shape: Shape) -> Call:
        return Call(self.record.torch, tuple(self.constants().values()))

    def keras(self, shape: Shape) -> Call:
        names = self.record.keras
        if not names.layer:
            return Call("Activation", (next(iter(names.functions)),))
        settings = {theirs: getattr(self, own) for theirs, (own, _) in names.settings.items()}
        return Call(names.layer, (), settings)


_ERF = op("Erf", op("Mul", X, 0.5**0.5))
_CLIPPED = op("Clip", op("Add", X, 3.0), 0.0, 6.0)


class ReLU(Activation):
    """`max(x, 0)`."""

    kind = "relu"
    record = Record(
        sentence="Negative values become 0, the others stay: the shape is kept.",
        torch="ReLU",
        keras=KerasNames({"relu": {}}, "ReLU"),
        onnx=(op("Relu", X),),
        rising=True,
    )

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        import numpy as np

        return np.maximum(x, 0.0)

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return "max(x, 0)", {}


class ReLU6(Activation):
    """`min(max(x, 0), 6)`: a bound for numbers of few bits.

    Howard et al. 2017, arXiv:1704.04861 (MobileNets).
    """

    kind = "relu6"
    record = Record(
        sentence="Negative values become 0, and those above 6 become 6: the shape is kept.",
        torch="ReLU6",
        keras=KerasNames({"relu6": {}}),
        onnx=(op("Clip", X, 0.0, 6.0),),
        rising=True,
    )

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        import numpy as np

        return np.clip(x, 0.0, 6.0)

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return "min(max(x, 0), 6)", {}


class GELU(Activation):
    """`x * Phi(x)`, Phi the normal distribution function `(1 + erf(x / sqrt(2))) / 2`.

    Hendrycks and Gimpel 2016, arXiv:1606.08415; the exact form, not the tanh approximation.
    """

    kind = "gelu"
    record = Record(
        sentence="Values below 0 fade to 0 smoothly: x times the normal distribution function.",
        torch="GELU",
        keras=KerasNames({"gelu": {}}),
        onnx=(
            op("Gelu", X),
            op("Mul", op("Mul", X, 0.5), op("Add", _ERF, 1.0)),
            op("Mul", op("Mul", X, op("Add", _ERF, 1.0)), 0.5),
        ),
        rising=False,
    )

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        from scipy.special import ndtr  # half a second to load, and few networks have it

        product: Float64 = x * ndtr(x)
        return product

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        from scipy.special import ndtr

        return "x * Phi(x)", {"Phi(x)": float(ndtr(x))}


class Sigmoid(Activation):
    """`1 / (1 + exp(-x))`: any number becomes one between 0 and 1, as a gate or a share."""

    kind = "sigmoid"
    record = Record(
        sentence="Each value becomes one between 0 and 1: 1 / (1 + e^-x).",
        torch="Sigmoid",
        keras=KerasNames({"sigmoid": {}}),
        onnx=(op("Sigmoid", X),),
        rising=True,
    )

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        from scipy.special import expit  # does not overflow where exp(-x) would

        share: Float64 = expit(x)
        return share

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return "1 / (1 + exp(-x))", {}


class HardSigmoid(Activation):
    """`clip(x + 3, 0, 6) / 6`: a sigmoid made of straight lines.

    Howard et al. 2019, "Searching for MobileNetV3", arXiv:1905.02244. PyTorch and Keras 3 compute
    this form; TensorFlow's `x / 5 + 1/2` of Keras 2 and ONNX's usual slope of 0.2 are others.
    """

    kind = "hard_sigmoid"
    record = Record(
        sentence="Values below -3 become 0, those above 3 become 1: (x + 3) / 6 between them.",
        torch="Hardsigmoid",
        keras=KerasNames({"hard_sigmoid": {}}),
        onnx=(
            op("HardSigmoid", X, alpha=1 / 6, beta=0.5),
            op("Mul", _CLIPPED, 1 / 6),
        ),
        rising=True,
    )

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        share: Float64 = (x + 3).clip(0, 6) / 6
        return share

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return "clip(x + 3, 0, 6) / 6", {"clip(x + 3, 0, 6)": min(max(x + 3, 0.0), 6.0)}


class Tanh(Activation):
    """The hyperbolic tangent: any number becomes one between -1 and 1."""

    kind = "tanh"
    record = Record(
        sentence="Each value becomes one between -1 and 1: its hyperbolic tangent.",
        torch="Tanh",
        keras=KerasNames({"tanh": {}}),
        onnx=(op("Tanh", X),),
        rising=True,
    )

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        import numpy as np

        return np.tanh(x)

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return "tanh(x)", {}


class SiLU(Activation):
    """`x * sigmoid(x)` with `sigmoid(x) = 1 / (1 + exp(-x))`, also called swish."""

    kind = "silu"
    record = Record(
        sentence="Values below 0 fade to 0 smoothly: x times its sigmoid.",
        torch="SiLU",
        keras=KerasNames({"silu": {}, "swish": {}}),
        onnx=(op("Mul", X, op("Sigmoid", X)), op("Swish", X)),
        rising=False,
    )

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        from scipy.special import expit  # does not overflow where exp(-x) would

        product: Float64 = x * expit(x)
        return product

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        from scipy.special import expit

        return "x * sigmoid(x)", {"sigmoid(x)": float(expit(x))}


class HardSwish(Activation):
    """`x * clip(x + 3, 0, 6) / 6`: swish made of straight lines, which is cheap to compute.

    Howard et al. 2019, "Searching for MobileNetV3", arXiv:1905.02244.
    """

    kind = "hard_swish"
    record = Record(
        sentence="Values below -3 become 0, those above 3 stay: x times (x + 3) / 6 between them.",
        torch="Hardswish",
        keras=KerasNames({"hard_swish": {}, "hard_silu": {}}),
        onnx=(
            op("HardSwish", X),
            op("Mul", X, op("HardSigmoid", X, alpha=1 / 6, beta=0.5)),
            op("Mul", X, op("Mul", _CLIPPED, 1 / 6)),
            op("Mul", op("Mul", X, _CLIPPED), 1 / 6),
        ),
        rising=False,
    )

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        product: Float64 = x * (x + 3).clip(0, 6) / 6
        return product

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return "x * clip(x + 3, 0, 6) / 6", {"clip(x + 3, 0, 6)": min(max(x + 3, 0.0), 6.0)}


class LeakyReLU(Activation):
    """`x` where positive, `slope * x` elsewhere."""

    kind = "leaky_relu"
    head = "slope"
    record = Record(
        sentence="Negative values are multiplied by {slope:g}, the others stay.",
        torch="LeakyReLU",
        keras=KerasNames(
            {"leaky_relu": {"slope": 0.2}}, "LeakyReLU", {"negative_slope": ("slope", 0.3)}
        ),
        onnx=(op("LeakyRelu", X, alpha=Setting("slope")),),
        rising=True,
    )

    slope: float = Field(default=0.01, ge=0, le=1, allow_inf_nan=False)

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        import numpy as np

        return np.where(x > 0, x, self.slope * x)

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        return ("x, as x > 0" if x > 0 else "slope * x, as x <= 0"), {"slope": self.slope}


class ELU(Activation):
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere.

    Clevert et al. 2015, arXiv:1511.07289.
    """

    kind = "elu"
    head = "alpha"
    record = Record(
        sentence="Negative values bend towards -{alpha:g}, as alpha * (e^x - 1), the others stay.",
        torch="ELU",
        keras=KerasNames({"elu": {"alpha": 1.0}}, "ELU", {"alpha": ("alpha", 1.0)}),
        onnx=(op("Elu", X, alpha=Setting("alpha")),),
        rising=True,
    )

    alpha: float = Field(default=1.0, ge=0, le=100, allow_inf_nan=False)

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        import numpy as np

        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0.0)))

    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        formula = "x, as x > 0" if x > 0 else "alpha * (exp(x) - 1), as x <= 0"
        return formula, {"alpha": self.alpha}


ACTIVATIONS = concrete(
    ReLU, ReLU6, GELU, Sigmoid, HardSigmoid, Tanh, SiLU, HardSwish, LeakyReLU, ELU
)
