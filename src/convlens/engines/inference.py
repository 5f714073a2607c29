"""Layers computed without gradients, as fast as this machine can.

Batch normalisation that follows a convolution is a factor and a shift of each of its maps: both go
into the filters, and a pass over all maps is saved (Jacob et al. 2018, arXiv:1712.05877, section
3.2). What comes out differs by rounding alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from convlens.engines.torch_engine import TorchModel
from convlens.engines.torch_modules import PlanModule
from convlens.network.layers import BatchNorm, Conv, Depthwise

Pass = Callable[[Tensor], Tensor]
"""Computes layers on float32 images `(B, C, H, W)`, without gradients."""
PassOf = Callable[[TorchModel], Pass]
"""Makes a model's layers ready to be computed in one way."""

TOLERANCE = 1e-3
"""Largest distance of a way's answers from PyTorch's plain ones, relative to their length."""
TRIAL_IMAGES, TRIALS = 4, 2
"""Images of a trial, and how often a way is tried after the first time."""


@dataclass(frozen=True)
class Quickest:
    """The quickest of several ways to compute layers, and what was measured."""

    compute: Pass
    name: str
    images_per_second: Mapping[str, float]
    """Of each way that was tried."""
    apart: Mapping[str, float]
    """Relative distance of each way's answers from PyTorch's plain ones; those beyond the tolerance
    are not taken."""

    def __str__(self) -> str:
        speed = self.images_per_second[self.name]
        others = [f"{n} {v:.0f}" for n, v in self.images_per_second.items() if n != self.name]
        return (
            f"frozen layers computed by {self.name}, {speed:.0f} images a second in a trial "
            f"({', '.join(others)})"
        )


def quickest(model: TorchModel, images: Tensor, others: Mapping[str, PassOf]) -> Quickest:
    """Measure how a model's layers are computed most quickly on this machine.

    PyTorch with batch normalisation folded in either memory layout is tried, and `others`. bfloat16
    is not: of EfficientNet-Lite0's features it keeps but two digits.

    Parameters
    ----------
    model : TorchModel
        The layers.
    images : Tensor, float32 (B, C, H, W)
        Some images as the layers take them, on their device.
    others : mapping of str to callable
        Further ways by name; they compute on a CPU.
    """
    trial = images[:TRIAL_IMAGES]
    with torch.inference_mode():
        plain: Tensor = model.module.eval()(trial).float()
    ways = dict(PYTORCH)
    if images.device.type == "cpu":
        ways |= others
    made, speed, apart = {}, {}, {}
    for name, make in ways.items():
        compute = made[name] = make(model)
        answer = compute(trial).float()  # the first time pays for what is only done once
        apart[name] = float((answer - plain).norm() / plain.norm().clamp(min=1e-12))
        seconds = []
        for _ in range(TRIALS):
            started = time.perf_counter()
            compute(trial).sum().item()  # which waits for a GPU
            seconds.append(time.perf_counter() - started)
        speed[name] = len(trial) / min(seconds)
    right = [name for name in ways if apart[name] <= TOLERANCE] or [next(iter(ways))]
    best = max(right, key=speed.__getitem__)
    return Quickest(made[best], best, speed, apart)


def _in_pytorch(layout: torch.memory_format) -> PassOf:
    def make(model: TorchModel) -> Pass:
        module = folded(model)
        module.to(memory_format=layout)  # type: ignore[call-overload]

        def compute(images: Tensor) -> Tensor:
            with torch.inference_mode():
                return cast("Tensor", module(images.contiguous(memory_format=layout)))

        return compute

    return make


PYTORCH: Mapping[str, PassOf] = {
    "PyTorch": _in_pytorch(torch.contiguous_format),
    "PyTorch, channels last": _in_pytorch(torch.channels_last),
}
"""The ways that are always there."""


def folded(model: TorchModel) -> PlanModule:
    """Return a copy of a model's layers for inference, with batch normalisation in the filters.

    Activations write over what they read, where nothing else reads it. The copy has neither
    gradients nor the names of the layers that were folded away.
    """
    plan = model.plan
    module = model.module.frozen()
    readers = Counter(position for step in plan.steps for position in step.inputs)
    for step in plan.steps:
        source = step.inputs[0]
        if not isinstance(step.layer, BatchNorm) or source < 0 or readers[source] != 1:
            continue
        before = plan.steps[source]
        if isinstance(before.layer, Conv | Depthwise):
            convolution, norm = map(module.get_submodule, (before.name, step.name))
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            module.replace(before.name, fuse_conv_bn_eval(convolution, norm))
            module.replace(step.name, nn.Identity())
    for step in plan.steps:
        layer = module.get_submodule(step.name)
        source = step.inputs[0]
        if hasattr(layer, "inplace") and source >= 0 and readers[source] == 1:
            layer.inplace = True  # type: ignore[assignment]
    return module
