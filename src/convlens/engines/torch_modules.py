"""A network as `torch.nn` modules whose parameter names follow the layer names."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convlens import layers
from convlens.arithmetic import Shape, Window
from convlens.network import Network
from convlens.table import named


class Stack(nn.Module):
    """Layers one after the other.

    `forward` may reorder neighbours that commute (see `_fused`); `trace` never does.
    """

    def __init__(self, specs: tuple[layers.Layer, ...], shape: Shape, *, floor: bool) -> None:
        super().__init__()
        self.output_shape: Shape
        for name, spec in named(specs):
            if isinstance(spec, layers.Residual):
                block = Residual(spec, shape, floor=floor)
                self.add_module(name, block)
                shape = block.output_shape
            else:
                self.add_module(name, module(spec, shape))
                shape = spec.output(shape, floor=floor)
        self.output_shape = shape
        self._order = _fused([(name, spec) for name, spec in named(specs)])

    def forward(self, images: Tensor) -> Tensor:
        for name in self._order:
            images = self._modules[name](images)  # type: ignore[misc]
        return images

    def trace(self, images: Tensor, seen: Callable[[str, Tensor], None], prefix: str) -> Tensor:
        """Compute layer by layer in the written order, showing each output to `seen`."""
        for name, child in self._modules.items():
            if name == "shortcut":
                continue
            if isinstance(child, Residual):
                images = child.trace(images, seen, f"{prefix}{name}.")
            elif child is not None:
                images = child(images)
            seen(prefix + name, images)
        return images

    def frozen(self) -> Stack:
        """Return an independent copy for explanations: evaluation mode, weights without gradients.

        Its `forward` keeps the written order, so that a hook on a layer sees what the table
        says that layer gives; neither hooks nor gradients of an explanation touch the original.
        """
        twin = copy.deepcopy(self).eval().requires_grad_(False)
        for stack in twin.modules():
            if isinstance(stack, Stack):
                stack._order = [
                    name
                    for name, child in stack.named_children()
                    if name != "shortcut" and not isinstance(child, nn.Softmax)
                ]
        return twin


class Residual(Stack):
    """The sum of a stack and a shortcut."""

    def __init__(self, spec: layers.Residual, shape: Shape, *, floor: bool) -> None:
        super().__init__(spec.layers, shape, floor=floor)
        self.shortcut = Stack(spec.shortcut, shape, floor=floor)

    def forward(self, images: Tensor) -> Tensor:
        shortcut: Tensor = self.shortcut(images)
        return super().forward(images) + shortcut

    def trace(self, images: Tensor, seen: Callable[[str, Tensor], None], prefix: str) -> Tensor:
        main = super().trace(images, seen, prefix)
        return main + self.shortcut.trace(images, seen, f"{prefix}shortcut.")


def _fused(written: list[tuple[str, layers.Layer]]) -> list[str]:
    """Return the order of computation: max-pool before a ReLU that precedes it.

    Both are monotone, so the result is the same, and the ReLU reads a fraction of the values.
    """
    order = list(written)
    for i in range(len(order) - 1):
        first, second = order[i][1], order[i + 1][1]
        if isinstance(first, layers.ReLU | layers.LeakyReLU) and isinstance(second, layers.MaxPool):
            order[i], order[i + 1] = order[i + 1], order[i]
    return [name for name, spec in order if not isinstance(spec, layers.Softmax)]


def network_module(network: Network) -> Stack:
    """Build the module that maps normalised images `(N, C, H, W)` to logits `(N, classes)`.

    A final softmax is not part of it: training and evaluation work on logits.
    """
    network.table()
    return Stack(network.layers, network.input, floor=network.rounding == "floor")


def module(spec: layers.Layer, shape: Shape) -> nn.Module:
    """Build the PyTorch module of one layer for one input shape."""
    match spec:
        case layers.Conv():
            return Conv2d(
                shape[0], spec.filters, spec.windows(shape), groups=spec.groups, bias=spec.bias
            )
        case layers.Depthwise():
            filters = shape[0] * spec.multiplier
            return Conv2d(shape[0], filters, spec.windows(shape), groups=shape[0], bias=spec.bias)
        case layers.MaxPool():
            return MaxPool2d(spec.windows(shape))
        case layers.AvgPool():
            return AvgPool2d(spec.windows(shape))
        case layers.GlobalMaxPool():
            return nn.AdaptiveMaxPool2d(1)
        case layers.GlobalAvgPool():
            return nn.AdaptiveAvgPool2d(1)
        case layers.BatchNorm():
            norm = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
            return norm(shape[0], eps=spec.epsilon, momentum=spec.momentum)
        case layers.ReLU():
            return nn.ReLU()
        case layers.GELU():
            return nn.GELU()
        case layers.SiLU():
            return nn.SiLU()
        case layers.LeakyReLU():
            return nn.LeakyReLU(spec.slope)
        case layers.Dropout():
            return nn.Dropout(spec.rate)
        case layers.Flatten():
            return nn.Flatten()
        case layers.Linear():
            return nn.Linear(shape[0], spec.features, bias=spec.bias)
        case layers.Softmax():
            return nn.Softmax(dim=1)
    raise TypeError(f"no PyTorch module for {spec!r}")


def _pads(windows: tuple[Window, Window]) -> tuple[int, int, int, int]:
    """Return `F.pad`'s order: left, right, top, bottom."""
    rows, columns = windows
    return (columns.before, columns.after, rows.before, rows.after)


def _symmetric(windows: tuple[Window, Window]) -> bool:
    return all(window.before == window.after for window in windows)


class Conv2d(nn.Conv2d):
    """PyTorch's convolution, with padding that may differ on the four sides."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        windows: tuple[Window, Window],
        *,
        groups: int,
        bias: bool,
    ) -> None:
        symmetric = _symmetric(windows)
        super().__init__(
            in_channels,
            out_channels,
            (windows[0].kernel, windows[1].kernel),
            stride=(windows[0].stride, windows[1].stride),
            padding=(windows[0].before, windows[1].before) if symmetric else 0,
            dilation=(windows[0].dilation, windows[1].dilation),
            groups=groups,
            bias=bias,
        )
        self.extra_pads = None if symmetric else _pads(windows)

    def forward(self, images: Tensor) -> Tensor:
        if self.extra_pads is not None:
            images = F.pad(images, self.extra_pads)
        return super().forward(images)


class MaxPool2d(nn.Module):
    """Max pooling; padded cells hold minus infinity and never win."""

    def __init__(self, windows: tuple[Window, Window]) -> None:
        super().__init__()
        self.kernel = (windows[0].kernel, windows[1].kernel)
        self.stride = (windows[0].stride, windows[1].stride)
        # torch pools accept symmetric padding of at most half the kernel
        self.native = _symmetric(windows) and all(w.before <= w.kernel // 2 for w in windows)
        self.padding = (windows[0].before, windows[1].before) if self.native else (0, 0)
        self.pads = _pads(windows)

    def forward(self, images: Tensor) -> Tensor:
        if not self.native:
            images = F.pad(images, self.pads, value=float("-inf"))
        return F.max_pool2d(images, self.kernel, self.stride, self.padding)


class AvgPool2d(nn.Module):
    """Average pooling over each window's real cells: padding is not counted."""

    def __init__(self, windows: tuple[Window, Window]) -> None:
        super().__init__()
        self.kernel = (windows[0].kernel, windows[1].kernel)
        self.stride = (windows[0].stride, windows[1].stride)
        self.native = _symmetric(windows) and all(w.before <= w.kernel // 2 for w in windows)
        self.padding = (windows[0].before, windows[1].before)
        self.pads = _pads(windows)

    def forward(self, images: Tensor) -> Tensor:
        if self.native:
            return F.avg_pool2d(
                images, self.kernel, self.stride, self.padding, count_include_pad=False
            )
        real = torch.ones_like(images[:1, :1])
        share = F.avg_pool2d(F.pad(real, self.pads), self.kernel, self.stride)
        return F.avg_pool2d(F.pad(images, self.pads), self.kernel, self.stride) / share
