"""Normalisation of each channel."""

from __future__ import annotations

from pydantic import Field

from convlens.network.arithmetic import Shape
from convlens.network.layers.base import Layer


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
