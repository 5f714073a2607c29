"""A misfit with the network around it, and a change that may remove it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convlens.network.arithmetic import Shape
from convlens.network.layers import Layer, short, write_layer
from convlens.network.misfit import Limits, Misfit
from convlens.network.mistakes import Change, Path, Splice, layers_text, value_text
from convlens.network.plan import Plan


@dataclass(frozen=True)
class Proposal:
    """A change to try.

    Parameters
    ----------
    changes : tuple of Change
        What to change, in this order.
    text : callable
        Returns what is advised, from the table of the changed network as far as it goes.
    last_resort : bool
        Whether to advise it only where nothing else helps.
    """

    changes: tuple[Change, ...]
    text: Callable[[Plan], str]
    last_resort: bool = False


@dataclass(frozen=True)
class Case:
    """A misfit, the list of layers it stands in, and what the network is for.

    Parameters
    ----------
    misfit : Misfit
        Without advice.
    at : Path
        Where the list stands.
    index : int
        The layer at fault in it; its length where the list is empty.
    siblings : tuple of Layer
        The list.
    input : Shape
        The network's input.
    classes : int, optional
        Its number of classes.
    limits : Limits
        Its largest size.
    """

    misfit: Misfit
    at: Path
    index: int
    siblings: tuple[Layer, ...]
    input: Shape
    classes: int | None
    limits: Limits

    @property
    def layer(self) -> Layer:
        """The layer at fault."""
        return self.siblings[self.index]

    @property
    def shape(self) -> Shape:
        """What the layer at fault gets."""
        return self.misfit.shapes[0]

    def replaced(self, *layers: Layer) -> Splice:
        """Return the change that puts other layers in place of the one at fault."""
        return Splice(self.at, self.index, 1, tuple(map(write_layer, layers)))

    def inserted(self, *layers: Layer) -> Proposal:
        """Return the proposal to put layers before the one at fault."""
        written = tuple(map(write_layer, layers))
        text = f"put {layers_text(written)} before it"
        return Proposal((Splice(self.at, self.index, 0, written),), lambda _: text)

    def setting(self, name: str, value: object, field: str = "") -> Proposal:
        """Return the proposal to change one setting; its text has the shape that comes out."""
        layer = self.layer.model_copy(update={field or name: value})
        row = len(self.misfit.plan.steps)

        def text(plan: Plan) -> str:
            size = "x".join(map(str, plan.steps[row].output[1:])) if row < len(plan.steps) else ""
            return f"use {name} {value_text(short(value))}" + (f" ({size})" if size else "")

        return Proposal((self.replaced(layer),), text)

    def left_out(self) -> Proposal:
        """Return the proposal to leave the layer at fault out, as a last resort."""
        text = f"leave {self.misfit.layer} out"
        return Proposal((self.replaced(),), lambda _: text, last_resort=True)
