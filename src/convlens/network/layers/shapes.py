"""Layers that only move values."""

from __future__ import annotations

from math import prod

from convlens.network.arithmetic import Shape
from convlens.network.layers.base import Layer


class Flatten(Layer):
    """Lay the maps out as one vector: channel by channel, row by row (PyTorch's order)."""

    kind = "flatten"

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        return (prod(shape),)
