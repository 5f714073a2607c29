"""Optimizers and learning-rate schedules, PyTorch's own, from a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from convlens.network.layers import Conv, Depthwise, Linear
from convlens.network.plan import Plan
from convlens.training.muon import Muon
from convlens.training.recipe import Recipe


def optimizer(
    module: nn.Module,
    recipe: Recipe,
    dtype: torch.dtype = torch.float32,
    factors: Mapping[str, float] | None = None,
) -> torch.optim.Optimizer:
    """Build the recipe's optimizer; weight decay leaves biases and batch norm alone.

    `factors` are of the learning rate, by the layer's name, as `layer_factors` gives them; a group
    keeps its own as "factor".

    Decaying those does not make a network simpler (He et al. 2018, "Bag of tricks",
    arXiv:1812.01187). `dtype` is that of Muon's matrix products. On a CUDA GPU the learning rate
    is a tensor there, and a step can be recorded (`engines.cuda_graph`).
    """
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    muon, decay = recipe.optimizer == "muon", recipe.weight_decay
    by_factor: dict[float, tuple[dict[str, Any], ...]] = {}
    for name, parameter in named:
        factor = (factors or {}).get(name.rpartition(".")[0], 1.0)
        filters, weights, others = by_factor.setdefault(
            factor,
            (
                {"params": [], "weight_decay": decay, "orthogonal": True},
                {"params": [], "weight_decay": decay},
                {"params": [], "weight_decay": 0.0},
            ),
        )
        if muon and has_filters(parameter.shape):
            group = filters
        else:
            group = weights if parameter.ndim > 1 else others
        group["params"].append(parameter)
    groups = []
    for factor, kinds in by_factor.items():
        groups += [{**g, "factor": factor} for g in kinds if g["params"]]
    rate: Any = recipe.learning_rate
    device = named[0][1].device
    on_cuda = device.type == "cuda"
    if on_cuda:
        for group in groups:  # each its own, since they may differ
            group["lr"] = torch.tensor(rate, device=device)
        rate = torch.tensor(rate, device=device)
    if recipe.optimizer == "sgd":
        momentum, nesterov = recipe.momentum, recipe.momentum > 0
        return torch.optim.SGD(
            groups, rate, momentum=momentum, nesterov=nesterov, fused=on_cuda or None
        )
    adam: dict[str, Any] = {
        "betas": recipe.betas,
        "fused": device.type in ("cpu", "cuda"),
        "capturable": on_cuda,
    }
    if muon:
        return Muon(groups, rate, momentum=recipe.momentum, dtype=dtype, **adam)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, rate, **adam)


def layer_factors(plan: Plan, decay: float) -> dict[str, float]:
    """Return each layer's factor of the learning rate, by its name.

    A layer with filters has `decay` times the factor of the next one; what only scales or shifts
    goes with the layer before it.

    References
    ----------
    Howard and Ruder 2018, "Universal language model fine-tuning", arXiv:1801.06146, section 3.2.

    Examples
    --------
    >>> from convlens.network import zoo
    >>> layer_factors(zoo.load("tutorial-torch").plan(), 0.5)
    {'linear1': 1.0, 'conv2': 0.5, 'conv1': 0.25}
    """
    factors: dict[str, float] = {}
    factor = 1.0
    for step in reversed(plan.steps):
        if step.layer.weights(step.input):
            factors[step.name] = factor
            if isinstance(step.layer, Conv | Depthwise | Linear):
                factor *= decay
    return factors


def has_filters(shape: Sequence[int]) -> bool:
    """Say whether a weight of this shape holds a convolution's filters over several channels.

    Filters of a single channel, the first of a grey image or those of a depthwise convolution, are
    a handful of numbers each; Muon leaves them to AdamW.
    """
    return len(shape) > 2 and shape[1] > 1


def rate_factor(recipe: Recipe, steps: int) -> Callable[[int], float]:
    """Return the schedule: step number (from 0) to a factor of the recipe's learning rate.

    `one_cycle` rises from 1/25 to 1 over the warm-up and falls to nearly 0, both as half a
    cosine (Smith and Topin 2017, arXiv:1708.07120); `cosine` only falls.

    >>> factor = rate_factor(Recipe(warmup=0.5), steps=100)
    >>> [round(factor(step), 2) for step in (0, 25, 50, 75, 99)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    if recipe.schedule == "constant":
        return lambda step: 1.0
    warm = recipe.warmup * steps if recipe.schedule == "one_cycle" else 0.0

    def factor(step: int) -> float:
        if step < warm:
            return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * step / warm)) / 2
        return (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1.0, steps - warm)))) / 2

    return factor
