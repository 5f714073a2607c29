"""A network as the Keras code that a person would write: channels last, shapes beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import assert_never

from convlens.foundation.errors import InputError
from convlens.interchange.code import own_layers
from convlens.interchange.code.source import Line, call, made, pair, render, shape_comment
from convlens.network import Network, layers
from convlens.network.arithmetic import Shape, Window
from convlens.network.plan import Block, Step
from convlens.weights.keras_layout import feature_orders

POOL = '''class PaddedPool(layers.Layer):
    """Pooling with padding ((top, bottom), (left, right)) that never counts."""

    def __init__(self, pool, pool_size, strides, padding):
        super().__init__()
        self.pool, self.pool_size, self.strides = pool, pool_size, strides
        self.padding = ((0, 0), *padding, (0, 0))

    def call(self, x):
        window = (self.pool_size, self.strides, "valid")
        if self.pool == "max":
            return ops.max_pool(ops.pad(x, self.padding, constant_values=float("-inf")), *window)
        # divide by the share of cells in each window that are no padding
        share = ops.average_pool(ops.pad(ops.ones_like(x), self.padding), *window)
        return ops.average_pool(ops.pad(x, self.padding), *window) / share
'''


@dataclass(frozen=True)
class KerasCode:
    """Source of a model.

    Parameters
    ----------
    classes : str
        The layer classes that it needs, each followed by two empty lines; may be empty.
    model : str
        The statements that make `model`, indented by four.
    """

    classes: str
    model: str


def keras_code(network: Network, *, regularizer: str | None = None) -> KerasCode:
    """Write a network for Keras 3: a `Sequential` where it is one, else functional.

    Parameters
    ----------
    network : Network
        What to write; a final softmax is left out, because the loss works on logits.
    regularizer : str, optional
        Code of the kernels' regularizer.

    Raises
    ------
    InputError
        Where Keras cannot compute a layer.

    Examples
    --------
    >>> small = Network(input=[1, 6, 6], layers=[{"conv": 8}, {"relu": True}])
    >>> print(keras_code(small).model)
        return keras.Sequential(
            [
                keras.Input((6, 6, 1)),  # height, width, channels
                layers.Conv2D(8, 3),     # 4 x 4 x 8
                layers.ReLU(),
            ]
        )
    """
    feature_orders(network)  # refuses the sum that Keras would order differently
    items = network.plan().nested()
    writer = _Writer(regularizer)
    channels, height, width = network.input
    start = f"keras.Input(({height}, {width}, {channels}))"
    if any(isinstance(item, Block) for item in items):
        lines = [Line(f"image = x = {start}", "height, width, channels")]
        lines += writer.functional(items, "x")
        lines.append(Line("return keras.Model(image, x)"))
        text = render(lines, 4)
    else:
        lines = [Line(f"{start},", "height, width, channels")]
        lines += writer.sequential(items)
        text = f"    return keras.Sequential(\n        [\n{render(lines, 12)}\n        ]\n    )"
    parts = {"PaddedPool": POOL, **own_layers.KERAS}
    return KerasCode(own_layers.classes(parts, writer.own), text)


class _Writer:
    def __init__(self, regularizer: str | None) -> None:
        self.regularizer = regularizer
        self.own: set[str] = set()

    def sequential(self, items: Sequence[Step | Block]) -> list[Line]:
        """Write the elements of a `Sequential`."""
        return [
            Line(f"{layer},", shape) for _, parts in self._each(items) for layer, shape in parts
        ]

    def functional(self, items: Sequence[Step | Block], variable: str) -> list[Line]:
        """Write layers as assignments to one variable."""
        lines: list[Line] = []
        for item, parts in self._each(items):
            if isinstance(item, Block):
                lines += self._block(item, variable)
            lines += [Line(f"{variable} = {layer}({variable})", shape) for layer, shape in parts]
        return lines

    def _block(self, block: Block, variable: str) -> list[Line]:
        """Write branches as assignments to variables of their own, and what joins them."""
        count = len(block.branches)
        residual = block.step.kind == "add" and count == 2
        ends = ["main", "side"] if residual else [f"branch{n}" for n in range(1, count + 1)]
        variables = [f"{variable}_{end}" for end in ends]
        words = "two branches" if count == 2 else f"{count} branches"
        lines = [Line(f"{' = '.join(variables)} = {variable}", words)]
        for own, items in zip(variables, block.branches, strict=True):
            lines += self.functional(items, own)
        joined = f"{variable} = layers.{_JOINS[block.step.kind]}()([{', '.join(variables)}])"
        return [*lines, Line(joined, _channels_last(block.step.output))]

    def _each(
        self, items: Sequence[Step | Block]
    ) -> Iterator[tuple[Step | Block, list[tuple[str, str]]]]:
        """Yield each layer or block with its own Keras layers, a comment beside each."""
        before: layers.Layer | None = None
        for item, following in zip_longest(items, items[1:]):
            step = item.step if isinstance(item, Block) else item
            follower = following.layer if isinstance(following, Step) else None
            codes = self._layer(step, before, follower)
            comments = [""] * (len(codes) - 1)
            if codes:
                shape = step.output
                if isinstance(follower, layers.Flatten) and _is_global(step.layer):
                    shape = shape[:1]
                comments.append(_channels_last(shape) if shape != step.input else "")
            yield item, list(zip(codes, comments, strict=True))
            before = step.layer

    def _layer(
        self, step: Step, before: layers.Layer | None, follower: layers.Layer | None
    ) -> list[str]:
        """Return the Keras layers of one layer."""
        spec = step.layer
        match spec:
            case layers.Convolution():
                return self._conv(step, spec)
            case layers.MaxPool() | layers.AvgPool():
                return self._pool(step, spec)
            case layers.GlobalMaxPool() | layers.GlobalAvgPool():
                # Keras's own gives a vector, so that it needs no Flatten after it
                name = "GlobalMaxPooling2D" if spec.kind == "global_max_pool" else _GLOBAL_AVERAGE
                keep = None if isinstance(follower, layers.Flatten) else "True"
                return [call(f"layers.{name}", keepdims=keep)]
            case layers.Flatten():
                return [] if _is_global(before) else ["layers.Flatten()"]
            case layers.Described():
                written = spec.keras(step.input)
                if written.name not in own_layers.KERAS:
                    return [made("layers", written)]
                self.own.add(written.name)
                return [made("", written)]
            case layers.Linear():
                bias = None if spec.bias else "False"
                regularizer = self.regularizer
                features = str(spec.features)
                return [
                    call("layers.Dense", features, use_bias=bias, kernel_regularizer=regularizer)
                ]
            case layers.Softmax() | layers.Add() | layers.Concat() | layers.Multiply():
                return []  # left out; written by `_block`
            case _:
                assert_never(spec)

    def _conv(self, step: Step, spec: layers.Convolution) -> list[str]:
        windows = spec.windows(step.input)
        if max(spec.stride) > 1 and max(spec.dilation) > 1:
            raise _cannot(step, "a stride together with a dilation")
        if isinstance(spec, layers.Depthwise) and spec.stride[0] != spec.stride[1]:
            raise _cannot(step, "a depthwise convolution with two different strides")
        padding, zeros = _padding(spec, windows, step.input)
        settings = {
            "strides": pair(spec.stride),
            "dilation_rate": pair(spec.dilation),
            "groups": str(getattr(spec, "groups", 1)),
            "depth_multiplier": str(getattr(spec, "multiplier", 1)),
            "use_bias": str(spec.bias),
        }
        usual = {"strides": "1", "dilation_rate": "1", "groups": "1", "depth_multiplier": "1"}
        usual["use_bias"] = "True"
        written = {"padding": padding}
        written |= {k: None if usual[k] == value else value for k, value in settings.items()}
        if isinstance(spec, layers.Depthwise):
            written["depthwise_regularizer"] = self.regularizer
            return [*zeros, call("layers.DepthwiseConv2D", pair(spec.kernel), **written)]
        written["kernel_regularizer"] = self.regularizer
        return [
            *zeros,
            call("layers.Conv2D", str(spec.sizes(step.input[0])[0]), pair(spec.kernel), **written),
        ]

    def _pool(self, step: Step, spec: layers.MaxPool | layers.AvgPool) -> list[str]:
        windows = spec.windows(step.input)
        zeros: list[str] = []
        if isinstance(spec, layers.AvgPool) and any(map(any, counted := spec.counted(step.input))):
            zeros = [f"layers.ZeroPadding2D({counted})"]  # padding that the mean counts
            windows = (_without(windows[0], counted[0]), _without(windows[1], counted[1]))
        kernel, stride = pair(spec.kernel), pair(spec.strides())
        kind = "Max" if isinstance(spec, layers.MaxPool) else "Average"
        if zeros:  # "same" of the grown maps would be another one
            padding, alone = None, any(map(any, _sides(windows)))
        else:
            padding, layers_before = _padding(spec, windows, step.input)
            alone = bool(layers_before)
        if alone:  # padding that never counts, and is neither "same" nor none
            self.own.add("PaddedPool")
            kernel, stride = str(spec.kernel), str(spec.strides())
            sides = str(_sides(windows))
            return [*zeros, call("PaddedPool", f'"{kind.lower()}"', kernel, stride, sides)]
        strides = None if stride == kernel else stride
        pool = call(f"layers.{kind}Pooling2D", kernel, strides=strides, padding=padding)
        return [*zeros, pool]


_JOINS = {"add": "Add", "concat": "Concatenate", "multiply": "Multiply"}

_GLOBAL_AVERAGE = "GlobalAveragePooling2D"


def _is_global(spec: layers.Layer | None) -> bool:
    return isinstance(spec, layers.GlobalMaxPool | layers.GlobalAvgPool)


def _cannot(step: Step, what: str) -> InputError:
    return InputError(
        f'Keras cannot compute "{step.name}": {what}',
        "a network of which Keras has every layer",
        "take the code for PyTorch: `to='torch-code'`",
    )


def _padding(
    spec: layers.Sliding, windows: tuple[Window, Window], shape: Shape
) -> tuple[str | None, list[str]]:
    """Return Keras's `padding`, or the layer that pads before it."""
    if not any(side for window in windows for side in (window.before, window.after)):
        return None, []
    same = spec.model_copy(update={"padding": "same"}).windows(shape)
    # "same" also decides the size of the output: ceil(size / stride)
    sizes = tuple(w.output(n) for w, n in zip(windows, shape[1:], strict=True))
    wanted = tuple(-(-n // w.stride) for w, n in zip(windows, shape[1:], strict=True))
    if same == windows and sizes == wanted:
        return '"same"', []
    return None, [f"layers.ZeroPadding2D({_sides(windows)})"]


def _without(window: Window, counted: tuple[int, int]) -> Window:
    """Return a window over an axis to which a part of its padding has been added already."""
    before, after = counted
    return replace(window, before=window.before - before, after=window.after - after)


def _sides(windows: tuple[Window, Window]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return Keras's order: ((top, bottom), (left, right))."""
    rows, columns = windows
    return (rows.before, rows.after), (columns.before, columns.after)


def _channels_last(shape: Shape) -> str:
    return shape_comment(shape if len(shape) == 1 else (*shape[1:], shape[0]))
