"""A network as `torch.nn` modules whose parameter names follow the layer names."""

from __future__ import annotations

import copy
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convlens.network import layers
from convlens.network.arithmetic import Shape, Window
from convlens.network.layers import ACTIVATIONS
from convlens.network.plan import IMAGE, Plan, Step


class PlanModule(nn.Module):
    """A network, or a part of one, step by step: maps its input to logits, batch first.

    Its submodules are named as the layers are, `residual1.shortcut.conv1`, so that a hook on a
    name sees that layer. A softmax at the end is not computed: training and evaluation work on
    logits. `forward` may reorder neighbours that commute (see `_reordered`); `outputs` never does.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan
        joins = {step.name: step for step in plan.steps if isinstance(step.layer, layers.Join)}
        for step in plan.steps:
            parent = self._place(step.name, joins)
            if step.own_name not in parent._modules:  # a join stands there if it holds layers
                parent.add_module(step.own_name, module(step.layer, step.input))
        self._order = _reordered(plan.logits, self._written())

    def _place(self, name: str, joins: Mapping[str, Step]) -> nn.Module:
        """Return the module that a layer's module belongs to, made where it is missing."""
        parent: nn.Module = self
        path = name.split(".")
        for depth, part in enumerate(path[:-1], start=1):
            if part not in parent._modules:
                join = joins.get(".".join(path[:depth]))
                parent.add_module(
                    part, nn.Module() if join is None else module(join.layer, join.input)
                )
            parent = parent.get_submodule(part)
        return parent

    def _written(self) -> list[nn.Module]:
        """Return each step's module."""
        return [self.get_submodule(step.name) for step in self._plan.steps]

    def forward(self, images: Tensor) -> Tensor:
        last = deque([images], maxlen=1)
        last.extend(_computed(self._plan.logits, self._order, images))
        return last.pop()

    def outputs(self, images: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer's name and output, in the written order, the softmax too."""
        names = (step.name for step in self._plan.steps)
        return zip(names, _computed(self._plan, self._written(), images), strict=True)

    def frozen(self) -> PlanModule:
        """Return an independent copy for explanations: evaluation mode, weights without gradients.

        Its `forward` keeps the written order, so that a hook on a layer sees what the table
        says that layer gives; neither hooks nor gradients of an explanation touch the original.
        """
        twin = copy.deepcopy(self).eval().requires_grad_(False)
        twin._order = twin._written()[: len(twin._plan.logits.steps)]
        return twin

    def replace(self, name: str, layer: nn.Module) -> None:
        """Put another module in the place of a layer's."""
        old = self.get_submodule(name)
        self.set_submodule(name, layer)
        self._order = [layer if module is old else module for module in self._order]


def _computed(plan: Plan, modules: Sequence[nn.Module], images: Tensor) -> Iterator[Tensor]:
    """Yield the output of each step of a plan, computed by its module."""
    values = {IMAGE: images}
    for at, (step, released, layer) in enumerate(
        zip(plan.steps, plan.released, modules, strict=True)
    ):
        output = values[at] = layer(*[values[i] for i in step.inputs])
        for read in released:
            del values[read]
        yield output


_RISING = tuple(getattr(nn, kind.record.torch) for kind in ACTIVATIONS if kind.record.rising)


def _reordered(plan: Plan, modules: Sequence[nn.Module]) -> list[nn.Module]:
    """Return the modules in the order of computation: max-pool before a ReLU that precedes it.

    Both are monotone, so the result is the same, and the ReLU reads a fraction of the values. The
    same holds for every activation that never falls.
    """
    order = list(modules[: len(plan.steps)])
    readers = Counter(position for step in plan.steps for position in step.inputs)
    for i in range(len(order) - 1):
        alone = plan.steps[i + 1].inputs == (i,) and readers[i] == 1
        if alone and isinstance(order[i], _RISING) and isinstance(order[i + 1], MaxPool2d):
            order[i], order[i + 1] = order[i + 1], order[i]
    return order


class Add(nn.Module):
    """The sum of branches."""

    def forward(self, *ends: Tensor) -> Tensor:
        return reduce(torch.add, ends)


class Concat(nn.Module):
    """The maps of branches one after the other."""

    def forward(self, *ends: Tensor) -> Tensor:
        return torch.cat(ends, dim=1)


class Multiply(nn.Module):
    """The product of branches; a map of one cell multiplies a whole map."""

    def forward(self, *ends: Tensor) -> Tensor:
        return reduce(torch.mul, ends)


def module(spec: layers.AnyLayer, shape: Shape) -> nn.Module:
    """Build the PyTorch module of one layer for one input shape."""
    match spec:
        case layers.Convolution():
            filters, groups = spec.sizes(shape[0])
            return Conv2d(shape[0], filters, spec.windows(shape), groups=groups, bias=spec.bias)
        case layers.MaxPool():
            return MaxPool2d(spec, shape)
        case layers.AvgPool():
            return AvgPool2d(spec, shape)
        case layers.GlobalMaxPool():
            return nn.AdaptiveMaxPool2d(1)
        case layers.GlobalAvgPool():
            return nn.AdaptiveAvgPool2d(1)
        case layers.Described():
            call = spec.torch(shape)
            kind = _OWN.get(call.name) or getattr(nn, call.name)
            described: nn.Module = kind(*call.arguments, **call.settings)
            return described
        case layers.Flatten():
            return nn.Flatten()
        case layers.Linear():
            return nn.Linear(shape[0], spec.features, bias=spec.bias)
        case layers.Softmax():
            return nn.Softmax(dim=1)
        case layers.Add():
            return Add()
        case layers.Concat():
            return Concat()
        case layers.Multiply():
            return Multiply()
        case _:
            assert_never(spec)


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


class _Pool2d(nn.Module):
    """What both pools know of their windows, and whether PyTorch has them so."""

    def __init__(self, spec: layers.MaxPool | layers.AvgPool, shape: Shape) -> None:
        super().__init__()
        windows, written = spec.windows(shape), spec.unrounded(shape)
        self.kernel = (windows[0].kernel, windows[1].kernel)
        self.stride = (windows[0].stride, windows[1].stride)
        # torch pools accept symmetric padding of at most half the kernel
        self.native = _symmetric(written) and all(w.before <= w.kernel // 2 for w in written)
        self.padding = (written[0].before, written[1].before)
        self.ceil = spec.rounds_up()
        self.pads = _pads(windows)


class MaxPool2d(_Pool2d):
    """Max pooling; padded cells hold minus infinity and never win."""

    def forward(self, images: Tensor) -> Tensor:
        if self.native:
            return F.max_pool2d(images, self.kernel, self.stride, self.padding, ceil_mode=self.ceil)
        images = F.pad(images, self.pads, value=float("-inf"))
        return F.max_pool2d(images, self.kernel, self.stride)


class AvgPool2d(_Pool2d):
    """Average pooling over each window's real cells, and over padding where that counts."""

    def __init__(self, spec: layers.AvgPool, shape: Shape) -> None:
        super().__init__(spec, shape)
        self.count_padding = spec.count_padding
        rows, columns = spec.counted(shape)
        self.counted = (*columns, *rows)
        left, right, top, bottom = (
            all_ - counted for all_, counted in zip(self.pads, self.counted, strict=True)
        )
        self.uncounted = (left, right, top, bottom)

    def forward(self, images: Tensor) -> Tensor:
        if self.native:
            return F.avg_pool2d(
                images, self.kernel, self.stride, self.padding, self.ceil, self.count_padding
            )
        images = F.pad(images, self.counted)
        real = torch.ones_like(images[:1, :1])
        share = F.avg_pool2d(F.pad(real, self.uncounted), self.kernel, self.stride)
        return F.avg_pool2d(F.pad(images, self.uncounted), self.kernel, self.stride) / share


class Scale(nn.Module):
    """One learned factor per channel of maps or features."""

    def __init__(self, channels: int, initial: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), initial))

    def forward(self, values: Tensor) -> Tensor:
        return values * self.weight.view(-1, *(1,) * (values.ndim - 2))


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels in each place of `(N, C, H, W)` maps."""

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class DropPath(nn.Module):
    """All values of a share of the images left out in training, the others scaled to make up."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return values
        kept = values.new_empty((len(values), *(1,) * (values.ndim - 1)))
        return values * kept.bernoulli_(1 - self.rate).div_(1 - self.rate)


class Channels(nn.Module):
    """The maps from one number to before another."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, maps: Tensor) -> Tensor:
        return maps[:, self.start : self.stop]


_OWN: dict[str, type[nn.Module]] = {
    kind.__name__: kind for kind in (Scale, LayerNorm2d, DropPath, Channels)
}
"""What PyTorch does not have of the kinds that say how PyTorch writes them."""
