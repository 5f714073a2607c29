"""The moving average of the weights that a recipe's `ema` keeps."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage(nn.Module):
    """A copy of a module whose weights and buffers follow it, step by step.

    `torch.optim.swa_utils.AveragedModel` does the same, but waits for a GPU three times per step to
    learn how many steps there were; this one counts them on the CPU.

    Parameters
    ----------
    model : nn.Module
        What to follow, on the device where it stays.
    decay : float
        The recipe's `ema`.

    Attributes
    ----------
    module : nn.Module
        The average.
    """

    n_averaged: torch.Tensor

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", torch.zeros((), dtype=torch.int64, device="cpu"))
        pairs = list(
            zip(self.module.state_dict().values(), model.state_dict().values(), strict=True)
        )
        self._kept = [kept for kept, _ in pairs if kept.is_floating_point()]
        self._new = [new for _, new in pairs if new.is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take what the module has become into the average."""
        before = int(self.n_averaged)
        decay = decay_at(before, self.decay) if before else 0.0
        get_ema_multi_avg_fn(decay)(self._kept, self._new, before)
        for counter, now in self._counters:
            counter.copy_(now)
        self.n_averaged += 1


def decay_at(update: int, decay: float) -> float:
    """Return the share of the average that an update keeps: little at first, `decay` in the end.

    With one decay from the start, a training of few steps would end with an average that is
    still mostly its untrained beginning.

    Parameters
    ----------
    update : int
        Updates before this one; at 0 the average starts as a copy of the weights.
    decay : float
        The recipe's `ema`.

    Source: the `num_updates` of TensorFlow's `ExponentialMovingAverage`.

    Examples
    --------
    >>> [round(decay_at(update, 0.99), 3) for update in (1, 10, 100, 1000)]
    [0.182, 0.55, 0.918, 0.99]
    """
    return min(decay, (1 + update) / (10 + update))
