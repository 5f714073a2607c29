"""Layers that do not fit together, and what is too large to be meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from convlens.network.arithmetic import Shape
from convlens.network.mistakes import Mistake, NetworkMistakes, Path, line_of
from convlens.network.plan import Plan
from convlens.network.plan_text import render


@dataclass(frozen=True)
class Limits:
    """The largest network that is accepted; beyond it lies a typing mistake or an attack."""

    layers: int = 10_000
    parameters: int = 2**31
    side: int = 16_384
    """Largest height, width or number of channels of the input."""
    activations: int = 2**33
    """Largest number of values in one layer's output for one image."""


class Misfit(NetworkMistakes):
    """Layers that do not fit together, with the layer at fault and the table up to it.

    Parameters
    ----------
    mistake : Mistake
        What is wrong. Its kind is one of "maps", "vector", "size", "padding", "groups",
        "channels", "branches", "names", "layers", "parameters", "activations", "softmax" and
        "classes".
    layer : str
        Full name of the layer at fault, such as `residual1.conv2`.
    plan : Plan
        The steps of the layers before it.
    shapes : tuple of Shape
        What the layer at fault gets; of branches also what each of them gives.
    where : str
        The file, or an empty string.
    """

    def __init__(
        self,
        mistake: Mistake,
        layer: str,
        plan: Plan,
        shapes: tuple[Shape, ...] = (),
        where: str = "",
    ) -> None:
        super().__init__([mistake], where)
        self.mistake = mistake
        self.layer = layer
        self.plan = plan
        self.shapes = shapes
        if mistake.kind in _WITH_TABLE and plan.steps:
            self.what += _steps_above(plan)

    def within(self, where: str, lines: Mapping[Path, int] | None = None) -> Misfit:
        """Return the same misfit with its file and its line in it."""
        line = line_of(self.mistake.at, lines or {})
        mistake = replace(self.mistake, line=line)
        return Misfit(mistake, self.layer, self.plan, self.shapes, where)


_WITH_TABLE = ("maps", "vector", "size", "padding", "groups", "channels", "branches")
"""Kinds of misfit whose message shows the shapes before it."""


def _steps_above(plan: Plan) -> str:
    """Return the last steps before a mistake; a thousand more would bury it."""
    earlier = len(plan.steps) - 12
    shown = Plan(plan.input if earlier <= 0 else (), plan.steps[-12:])
    above = "\n".join("    " + line for line in render(shown, totals=False).splitlines())
    more = f" ({earlier} earlier layers not shown)" if earlier > 0 else ""
    return f"\n  the table up to it{more}:\n{above}"
