"""Branches, and what they end in."""

from __future__ import annotations

from pydantic import InstanceOf

from convlens.network.layers.base import Layer

Branch = tuple[InstanceOf[Layer], ...]
"""Layers that have been read; `convlens.network.reading` reads them as users write them."""


class Add(Layer):
    """The sum of its inputs, cell by cell: what a residual block ends in.

    Source: He et al. 2015, "Deep residual learning", arXiv:1512.03385.
    """

    kind = "add"


class Residual(Layer):
    """`layers(x) + shortcut(x)`; an empty shortcut adds x itself.

    Source: He et al. 2015, "Deep residual learning", arXiv:1512.03385.

    A form of writing only: `convlens.network.plan` walks the two branches, checks that they meet in
    one shape, and ends them in an `Add`.
    """

    kind = "residual"
    head = "layers"

    layers: Branch
    shortcut: Branch = ()
