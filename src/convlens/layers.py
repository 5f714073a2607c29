"""One frozen spec per layer kind; each knows its own arithmetic.

A layer is written as a small table whose first key is its kind, `{ conv = 32, kernel = 3 }`,
and read back into the same object. Shapes are `(channels, height, width)` before flatten and
`(features,)` after it; the batch axis is never part of a spec. What a layer cannot take it
refuses with a `NetworkError` that says what would fit.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf

from convlens.arithmetic import (
    Pair,
    Shape,
    Window,
    conv_multiply_adds,
    conv_weight_shape,
    same_window,
)
from convlens.errors import NetworkError

LARGEST = 2**31
"""No single setting of a layer may exceed this; larger numbers are typing mistakes."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _pair(value: object) -> object:
    """Read `n` as `(n, n)` and `[h, w]` as `(h, w)`."""
    if _whole(value):
        return (value, value)
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(_whole, value)):
        return tuple(value)
    raise ValueError("a whole number, or [height, width]")


def _padding(value: object) -> object:
    """Read `n`, `[h, w]`, `[top, bottom, left, right]`, "same" or "valid"."""
    if value == "same":
        return value
    if value == "valid":
        return (0, 0, 0, 0)
    if _whole(value):
        return (value,) * 4
    if isinstance(value, list | tuple) and all(map(_whole, value)):
        if len(value) == 2:
            return (value[0], value[0], value[1], value[1])
        if len(value) == 4:
            return tuple(value)
    raise ValueError(
        'a whole number, [height, width], [top, bottom, left, right], "same" or "valid"'
    )


def _name(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("1 to 64 letters, digits and _, not beginning with a digit")
    if value in RESERVED_NAMES:
        raise ValueError(f'another name: PyTorch modules keep "{value}" for themselves')
    return value


Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
Positive = Annotated[int, Field(ge=1, le=LARGEST)]
NotNegative = Annotated[int, Field(ge=0, le=LARGEST)]
Sizes = Annotated[tuple[Positive, Positive], BeforeValidator(_pair)]
Padding = Annotated[
    Literal["same"] | tuple[NotNegative, NotNegative, NotNegative, NotNegative],
    BeforeValidator(_padding),
]
Name = Annotated[str, BeforeValidator(_name)]


class Layer(BaseModel):
    """What every layer has: a kind, an optional name, and its arithmetic on one input shape."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    head: ClassVar[str | None] = None
    """The field that the kind's own key carries; None for kinds written `{ relu = true }`."""

    name: Name | None = None

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        """Return the output shape for one input shape.

        Parameters
        ----------
        shape : tuple of int
            `(channels, height, width)` or `(features,)`.
        floor : bool
            Accept a window that does not land on the last cell, as PyTorch and Keras do.

        Raises
        ------
        NetworkError
            Where the layer cannot take this shape.
        """
        return shape

    def weights(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the trained arrays, in PyTorch's axis order."""
        return {}

    def buffers(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the arrays that are kept with the weights but not trained."""
        return {}

    def parameters(self, shape: Shape) -> int:
        """Return the number of trained parameters."""
        return sum(prod(array) for array in self.weights(shape).values())

    def multiply_adds(self, shape: Shape, output: Shape) -> int:
        """Return the multiply-adds for one image (convolution and linear layers only)."""
        return 0

    def settings(self) -> str:
        """Return the layer's settings as the table shows them."""
        return ""


class Unfit(NetworkError):
    """A layer that cannot take the shape it gets; `convlens.advice` knows what would fit.

    Parameters
    ----------
    reason : {"maps", "vector", "size", "padding", "groups"}
        What kind of misfit it is.
    what, expected : str
        The first two parts of the message.
    """

    def __init__(self, reason: str, what: str, expected: str) -> None:
        super().__init__(what, expected)
        self.reason = reason


def _maps(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise Unfit(
            "maps",
            f"{layer.kind} needs maps (channels, height, width) and gets {shape[0]} features",
            "an input with height and width",
        )
    channels, height, width = shape
    return channels, height, width


@lru_cache(maxsize=1024)
def _windows(
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Literal["same"] | tuple[int, int, int, int],
    dilation: Pair,
) -> tuple[Window, Window]:
    """Return the windows of one setting; a deep network repeats a few settings many times."""
    if padding == "same":
        return (
            same_window(size[0], kernel[0], stride[0], dilation[0]),
            same_window(size[1], kernel[1], stride[1], dilation[1]),
        )
    top, bottom, left, right = padding
    return (
        Window(kernel[0], stride[0], top, bottom, dilation[0]),
        Window(kernel[1], stride[1], left, right, dilation[1]),
    )


class Sliding(Layer):
    """A layer whose window slides over height and width: convolution and pooling."""

    kernel: Sizes = (3, 3)
    padding: Padding = (0, 0, 0, 0)

    def steps(self) -> Pair:
        """Return the stride on (height, width)."""
        raise NotImplementedError

    def spread(self) -> Pair:
        """Return the dilation on (height, width)."""
        return (1, 1)

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Return the sliding windows along height and width, with "same" worked out."""
        _, height, width = _maps(self, shape)
        return _windows((height, width), self.kernel, self.steps(), self.padding, self.spread())

    def dropped(self, shape: Shape) -> Pair:
        """Return how many bottom rows and right columns of the input no window reaches."""
        vertical, horizontal = self.windows(shape)
        return vertical.dropped(shape[1]), horizontal.dropped(shape[2])

    def grid(self, shape: Shape, *, floor: bool) -> Pair:
        """Return the output's (height, width)."""
        _, height, width = _maps(self, shape)
        vertical, horizontal = self.windows(shape)
        sizes = vertical.output(height), horizontal.output(width)
        # "same" asks for ceil(size / stride) outputs by name: nothing is left to be strict on
        fits = floor or self.padding == "same"
        if min(sizes) < 1 or not (fits or (vertical.fits(height) and horizontal.fits(width))):
            raise self._misfit(shape, vertical, horizontal)
        return sizes

    def _misfit(self, shape: Shape, vertical: Window, horizontal: Window) -> Unfit:
        axes = [("height", shape[1], vertical), ("width", shape[2], horizontal)]
        wrong = [axis for axis in axes if not axis[2].fits(axis[1])]
        label, size, window = next((axis for axis in wrong if axis[2].room(axis[1]) < 0), wrong[0])
        if window.room(size) < 0:
            what = (
                f"the {label} {size} with padding {window.before} + {window.after} is smaller "
                f"than the kernel's extent {window.extent}"
            )
        else:
            what = f"the {label} does not come out whole: {window.formula(size)}"
        expected = "(size + padding - kernel)/stride + 1 to be a whole number of at least 1"
        return Unfit("size", what, expected)

    def settings(self) -> str:
        text = _spelled(self.kernel, "x")
        if self.steps() != (1, 1):
            text += f" stride {short(self.steps())}"
        if self.padding == "same":
            text += " same"
        elif any(self.padding):
            text += f" pad {short(self.padding)}"
        if self.spread() != (1, 1):
            text += f" dilation {short(self.spread())}"
        return text


def _spelled(pair: Pair, between: str) -> str:
    return f"{pair[0]}{between}{pair[1]}"


def short(value: object) -> object:
    """Write a pair or a padding in its shortest form: 3, [3, 5] or [0, 1, 0, 1]."""
    if not isinstance(value, tuple):
        return value
    if len(set(value)) == 1:
        return value[0]
    if len(value) == 4 and value[0] == value[1] and value[2] == value[3]:
        return [value[0], value[2]]
    return list(value)


class Conv(Sliding):
    """Cross-correlation with `filters` filters over all channels (or those of one group).

    >>> Conv(filters=6, kernel=5, padding=2).output((3, 32, 32))
    (6, 32, 32)
    >>> Conv(filters=6, kernel=5, padding=2).parameters((3, 32, 32))
    456
    """

    kind = "conv"
    head = "filters"

    filters: Count
    stride: Sizes = (1, 1)
    dilation: Sizes = (1, 1)
    groups: Count = 1
    bias: bool = Field(default=True, strict=True)

    def steps(self) -> Pair:
        return self.stride

    def spread(self) -> Pair:
        return self.dilation

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = _maps(self, shape)
        if channels % self.groups or self.filters % self.groups:
            raise Unfit(
                "groups",
                f"groups {self.groups} does not divide {channels} channels into "
                f"{self.filters} filters",
                "groups that divide both the input channels and the filters",
            )
        return (self.filters, *self.grid(shape, floor=floor))

    def weights(self, shape: Shape) -> dict[str, Shape]:
        weight = conv_weight_shape(self.filters, self.kernel, shape[0], self.groups)
        return {"weight": weight, **({"bias": (self.filters,)} if self.bias else {})}

    def multiply_adds(self, shape: Shape, output: Shape) -> int:
        return conv_multiply_adds(self.weights(shape)["weight"], output)

    def settings(self) -> str:
        text = f"{self.filters} of {super().settings()}"
        if self.groups > 1:
            text += f" groups {self.groups}"
        return text if self.bias else text + " no bias"


class Depthwise(Sliding):
    """Each channel correlated with its own `multiplier` filters: a convolution in C groups.

    >>> Depthwise(multiplier=2, kernel=3).output((8, 10, 10))
    (16, 8, 8)
    """

    kind = "depthwise"
    head = "multiplier"

    multiplier: Count = 1
    stride: Sizes = (1, 1)
    dilation: Sizes = (1, 1)
    bias: bool = Field(default=True, strict=True)

    def steps(self) -> Pair:
        return self.stride

    def spread(self) -> Pair:
        return self.dilation

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = _maps(self, shape)
        return (channels * self.multiplier, *self.grid(shape, floor=floor))

    def weights(self, shape: Shape) -> dict[str, Shape]:
        filters = shape[0] * self.multiplier
        weight = conv_weight_shape(filters, self.kernel, shape[0], groups=shape[0])
        return {"weight": weight, **({"bias": (filters,)} if self.bias else {})}

    def multiply_adds(self, shape: Shape, output: Shape) -> int:
        return conv_multiply_adds(self.weights(shape)["weight"], output)

    def settings(self) -> str:
        return f"{self.multiplier} a channel of {super().settings()}" + (
            "" if self.bias else " no bias"
        )


class _Pool(Sliding):
    head = "kernel"

    kernel: Sizes
    stride: Sizes | None = None
    """The kernel itself where it is not given: windows that touch and do not overlap."""

    def steps(self) -> Pair:
        return self.stride or self.kernel

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = _maps(self, shape)
        if self.padding != "same":
            top, bottom, left, right = self.padding
            if max(top, bottom) >= self.kernel[0] or max(left, right) >= self.kernel[1]:
                raise Unfit(
                    "padding",
                    f"{self.kind} padding {short(self.padding)} reaches past the kernel "
                    f"{_spelled(self.kernel, 'x')}: a window would hold nothing but padding",
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
        channels, _, _ = _maps(self, shape)
        return (channels, 1, 1)


class GlobalMaxPool(_GlobalPool):
    """The largest value of each map; leaves `(channels, 1, 1)`."""

    kind = "global_max_pool"


class GlobalAvgPool(_GlobalPool):
    """The mean of each map; leaves `(channels, 1, 1)` (Lin et al. 2013, arXiv:1312.4400)."""

    kind = "global_avg_pool"


class BatchNorm(Layer):
    """Batch normalisation a channel (Ioffe and Szegedy 2015, arXiv:1502.03167).

    `momentum` is PyTorch's: the share of the new batch in the running moments.
    """

    kind = "batch_norm"

    epsilon: float = Field(default=1e-5, gt=0, lt=1, allow_inf_nan=False)
    momentum: float = Field(default=0.1, gt=0, le=1, allow_inf_nan=False)

    def weights(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (shape[0],), "bias": (shape[0],)}

    def buffers(self, shape: Shape) -> dict[str, Shape]:
        return {"running_mean": (shape[0],), "running_var": (shape[0],)}


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


class Dropout(Layer):
    """Zero a share `rate` of the values in training, scaling the rest; nothing at evaluation."""

    kind = "dropout"
    head = "rate"

    rate: float = Field(ge=0, lt=1, allow_inf_nan=False)

    def settings(self) -> str:
        return f"rate {self.rate:g}"


class Flatten(Layer):
    """Lay the maps out as one vector: channel by channel, row by row (PyTorch's order)."""

    kind = "flatten"

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        return (prod(shape),)


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


Branch = tuple[InstanceOf[Layer], ...]
"""Layers that have been read; `convlens.reading` reads them as users write them."""


class Add(Layer):
    """The sum of its inputs, cell by cell: what a residual block ends in.

    Source: He et al. 2015, "Deep residual learning", arXiv:1512.03385.
    """

    kind = "add"


class Residual(Layer):
    """`layers(x) + shortcut(x)`; an empty shortcut adds x itself.

    Source: He et al. 2015, "Deep residual learning", arXiv:1512.03385.

    A form of writing only: `convlens.table` walks the two branches, checks that they meet in
    one shape, and ends them in an `Add`.
    """

    kind = "residual"
    head = "layers"

    layers: Branch
    shortcut: Branch = ()


KINDS: dict[str, type[Layer]] = {
    cls.kind: cls
    for cls in (
        *(Conv, Depthwise, BatchNorm, ReLU, GELU, SiLU, LeakyReLU, MaxPool, AvgPool),
        *(GlobalMaxPool, GlobalAvgPool, Dropout, Flatten, Linear, Softmax, Residual),
    )
}

RESERVED_NAMES = frozenset(
    [
        "shortcut",
        "T_destination",
        "add_module",
        "apply",
        "bfloat16",
        "buffers",
        "call_super_init",
        "children",
        "compile",
        "cpu",
        "cuda",
        "double",
        "dump_patches",
        "eval",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "ipu",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "xpu",
        "zero_grad",
    ]
)
"""Names that `torch.nn.Module` uses itself (a test compares this with PyTorch's own list)."""


def write_layer(layer: Layer) -> dict[str, Any]:
    """Return the table that `convlens.reading` turns back into an equal layer.

    >>> write_layer(Conv(filters=32, kernel=3, padding=1))
    {'conv': 32, 'kernel': 3, 'padding': 1}
    """
    written: dict[str, Any] = {layer.kind: True}
    if isinstance(layer, Residual):
        written[layer.kind] = [write_layer(inner) for inner in layer.layers]
        if layer.shortcut:
            written["shortcut"] = [write_layer(inner) for inner in layer.shortcut]
    elif layer.head is not None:
        written[layer.kind] = short(getattr(layer, layer.head))
    for field, info in type(layer).model_fields.items():
        value = getattr(layer, field)
        if field in (layer.head, "shortcut") or (
            value == info.default and not (field == "kernel" and layer.head != "kernel")
        ):
            continue
        written[field] = short(value)
    return written
