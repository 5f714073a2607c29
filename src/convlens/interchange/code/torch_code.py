"""A network as the PyTorch code that a person would write: `nn.Sequential`, shapes beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from convlens.interchange.code import own_layers
from convlens.interchange.code.source import Line, call, made, pair, render, shape_comment
from convlens.network import Network, layers
from convlens.network.arithmetic import Shape, Window
from convlens.network.plan import Block, Step
from convlens.weights.tensor_file import Array

RESIDUAL = '''class Residual(nn.Module):
    """The sum of two branches; without a shortcut, the input itself is added (He et al. 2015)."""

    def __init__(self, layers, shortcut=None):
        super().__init__()
        self.layers = layers
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)
'''
JOINS = {
    "add": '''class Sum(nn.Module):
    """The sum of branches that all read the same; an empty one is the input itself."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return sum(branch(x) for branch in self.branches)
''',
    "concat": '''class Concat(nn.Module):
    """The maps of branches that all read the same, one after the other."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], dim=1)
''',
    "multiply": '''class Multiply(nn.Module):
    """The product of branches that all read the same; one number per map multiplies a whole map."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        product = self.branches[0](x)
        for branch in self.branches[1:]:
            product = product * branch(x)
        return product
''',
}
AVERAGE = '''class PaddedAvgPool2d(nn.Module):
    """Average pooling with padding (left, right, top, bottom) that is not counted."""

    def __init__(self, kernel_size, stride, padding):
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x):
        # divide by the share of cells in each window that are no padding
        share = F.avg_pool2d(F.pad(torch.ones_like(x), self.padding), self.kernel_size, self.stride)
        return F.avg_pool2d(F.pad(x, self.padding), self.kernel_size, self.stride) / share
'''


@dataclass(frozen=True)
class TorchCode:
    """Source of a model.

    Parameters
    ----------
    classes : str
        The module classes that it needs, each followed by two empty lines; may be empty.
    model : str
        The arguments of `nn.Sequential`, a line each.
    names : dict of str to str
        The prefix of each layer's arrays in the model's `state_dict`, by the layer's name.
    """

    classes: str
    model: str
    names: dict[str, str]

    def state_dict(self, weights: Mapping[str, Array]) -> dict[str, Array]:
        """Name arrays of the neutral layout as the model's `state_dict` does."""
        return {
            f"{self.names[layer]}.{array}": value
            for name, value in weights.items()
            for layer, _, array in [name.rpartition(".")]
        }


def torch_code(network: Network) -> TorchCode:
    """Write a network for PyTorch.

    Modules are made in the order in which the engine makes them, so that one seed draws the
    same initial weights in both. A final softmax is left out: the loss works on logits.

    >>> print(torch_code(Network(input=[1, 6, 6], layers=[{"conv": 8}, {"relu": True}])).model)
            # 1 x 6 x 6
            nn.Conv2d(1, 8, kernel_size=3),  # 8 x 4 x 4
            nn.ReLU(),
    """
    writer = _Writer()
    lines = [Line(f"# {shape_comment(network.input)}")]
    lines += writer.through(network.plan().logits.nested(), "")
    parts = {"Residual": RESIDUAL, "PaddedAvgPool2d": AVERAGE, **own_layers.TORCH}
    parts |= {_CLASSES[kind]: text for kind, text in JOINS.items()}
    return TorchCode(own_layers.classes(parts, writer.own), render(lines, 8), writer.names)


_CLASSES = {"add": "Sum", "concat": "Concat", "multiply": "Multiply"}


@dataclass
class _Writer:
    names: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    """The classes that PyTorch does not have, and that are used."""

    def through(self, items: Sequence[Step | Block], place: str, indent: str = "") -> list[Line]:
        """Write one list of layers; `place` is the prefix of its modules in the `state_dict`."""
        lines: list[Line] = []
        index = 0
        for item in items:
            if isinstance(item, Block):
                lines += self._block(item, f"{place}{index}.", indent)
                index += 1
                continue
            codes = self._layer(item)
            index += len(codes) - 1  # padding of its own comes first
            self.names[item.name] = f"{place}{index}"
            index += 1
            comment = shape_comment(item.output) if item.output != item.input else ""
            lines += [Line(f"{indent}{code},") for code in codes[:-1]]
            lines.append(Line(f"{indent}{codes[-1]},", comment))
        return lines

    def _block(self, block: Block, place: str, indent: str) -> list[Line]:
        if block.step.kind == "add" and len(block.branches) == 2:
            return self._residual(block, place, indent)
        self.own.add(_CLASSES[block.step.kind])
        lines = [Line(f"{indent}{_CLASSES[block.step.kind]}(")]
        for number, items in enumerate(block.branches):
            lines += self._branch(items, f"{place}branches.{number}.", indent + "    ")
        return [*lines, Line(f"{indent}),", shape_comment(block.step.output))]

    def _residual(self, block: Block, place: str, indent: str) -> list[Line]:
        self.own.add("Residual")
        main, shortcut = block.branches if block.branches[0] else reversed(block.branches)
        lines = [Line(f"{indent}Residual(")]
        lines += self._branch(main, f"{place}layers.", indent + "    ", empty="nn.Sequential()")
        if shortcut:
            lines += self._branch(shortcut, f"{place}shortcut.", indent + "    ")
        return [*lines, Line(f"{indent}),", shape_comment(block.step.output))]

    def _branch(
        self, items: Sequence[Step | Block], place: str, indent: str, empty: str = "nn.Identity()"
    ) -> list[Line]:
        if not items:
            return [Line(f"{indent}{empty},")]
        return [
            Line(f"{indent}nn.Sequential("),
            *self.through(items, place, indent + "    "),
            Line(f"{indent}),"),
        ]

    def _layer(self, step: Step) -> list[str]:
        """Return the module of a layer, after the padding that PyTorch's own cannot do."""
        spec, shape = step.layer, step.input
        match spec:
            case layers.Convolution():
                return _conv(spec, shape)
            case layers.MaxPool() | layers.AvgPool():
                return self._pool(spec, shape)
            case layers.Described():
                written = spec.torch(shape)
                if written.name not in own_layers.TORCH:
                    return [made("nn", written)]
                self.own.add(written.name)
                return [made("", written)]
            case layers.Linear():
                bias = None if spec.bias else "False"
                return [call("nn.Linear", str(shape[0]), str(spec.features), bias=bias)]
            case layers.Flatten():
                return ["nn.Flatten()"]
            case layers.GlobalMaxPool():
                return ["nn.AdaptiveMaxPool2d(1)"]
            case layers.GlobalAvgPool():
                return ["nn.AdaptiveAvgPool2d(1)"]
            case layers.Softmax() | layers.Add() | layers.Concat() | layers.Multiply():
                return []  # left out: the loss works on logits; written as a block
            case _:
                assert_never(spec)

    def _pool(self, spec: layers.MaxPool | layers.AvgPool, shape: Shape) -> list[str]:
        windows, written = spec.windows(shape), spec.unrounded(shape)
        kernel, stride = pair(spec.kernel), pair(spec.strides())
        is_max = isinstance(spec, layers.MaxPool)
        name = "nn.MaxPool2d" if is_max else "nn.AvgPool2d"
        settings = {"stride": None if stride == kernel else stride}
        # PyTorch's own padding is symmetric and at most half the kernel
        if _symmetric(written) and all(w.before <= w.kernel // 2 for w in written):
            if any(_sides(written)):
                settings["padding"] = pair((written[0].before, written[1].before))
                if isinstance(spec, layers.AvgPool) and not spec.count_padding:
                    settings["count_include_pad"] = "False"
            if spec.rounds_up():
                settings["ceil_mode"] = "True"
            return [call(name, kernel, **settings)]
        if is_max:
            low = f'nn.ConstantPad2d({_sides(windows)}, float("-inf"))'
            return [low, call(name, kernel, **settings)]
        counted = (0, 0, 0, 0)
        if isinstance(spec, layers.AvgPool):
            (top, bottom), (left, right) = spec.counted(shape)
            counted = (left, right, top, bottom)
        rest = tuple(a - b for a, b in zip(_sides(windows), counted, strict=True))
        zeros = [f"nn.ZeroPad2d({counted})"] if any(counted) else []
        if not any(rest):
            return [*zeros, call(name, kernel, **settings)]
        self.own.add("PaddedAvgPool2d")
        return [*zeros, call("PaddedAvgPool2d", kernel, stride, str(rest))]


def _symmetric(windows: tuple[Window, Window]) -> bool:
    return all(window.before == window.after for window in windows)


def _sides(windows: tuple[Window, Window]) -> tuple[int, int, int, int]:
    """Return PyTorch's order: left, right, top, bottom."""
    rows, columns = windows
    return columns.before, columns.after, rows.before, rows.after


def _conv(spec: layers.Convolution, shape: Shape) -> list[str]:
    filters, groups = spec.sizes(shape[0])
    windows = rows, columns = spec.windows(shape)
    before = pair((rows.before, columns.before))
    symmetric = _symmetric(windows)
    settings = {
        "kernel_size": pair((rows.kernel, columns.kernel)),
        "stride": pair((rows.stride, columns.stride)),
        "padding": before if symmetric else "0",
        "dilation": pair((rows.dilation, columns.dilation)),
        "groups": str(groups),
        "bias": str(spec.bias),
    }
    usual = {"stride": "1", "padding": "0", "dilation": "1", "groups": "1", "bias": "True"}
    written = {key: None if usual.get(key) == value else value for key, value in settings.items()}
    conv = call("nn.Conv2d", str(shape[0]), str(filters), **written)
    return [conv] if symmetric else [f"nn.ZeroPad2d({_sides(windows)})", conv]
