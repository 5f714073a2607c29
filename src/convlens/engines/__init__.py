"""How a network is computed. Each engine builds the same `Model` from the same data.

Engines agree on logits, on every layer's activations and on one neutral weight layout: arrays
in PyTorch's axis order, named `<layer>.<array>`. `torch` computes in float32 and trains;
`keras` does the same by Keras 3, where the extra is installed; `reference` computes the written
formulas in NumPy float64, for checking and explaining.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convlens.foundation.errors import InputError, nearest
from convlens.network import Network
from convlens.network.arithmetic import shape_text
from convlens.network.plan import Plan

Float32 = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]
"""float32 or float64, as the engine computes."""

ENGINES = ("torch", "keras", "reference")
TRAINING_ENGINES = ("torch", "keras")
"""The engines that have gradients."""


class Model(Protocol):
    """A network, or a part of one, with weights that can be computed."""

    plan: Plan
    """What is computed, layer by layer."""
    network: Network
    """The network that the model was built from; a part of a network has none."""

    def logits(self, images: Floats) -> Floats:
        """Return logits `(N, classes)` for normalised images `(N, C, H, W)`."""
        ...

    def activations(
        self, images: Floats, layers: Sequence[str] | None = None
    ) -> Mapping[str, Floats]:
        """Return the output of the named layers (all of them by default), batch first."""
        ...

    def weights(self) -> Mapping[str, Floats]:
        """Return a copy of the weights in the neutral layout."""
        ...

    def load_weights(self, weights: Mapping[str, Floats]) -> None:
        """Replace the weights; all names and shapes must match, or nothing changes."""
        ...


def build(network: Network | Plan, seed: int = 0, engine: str = "torch") -> Model:
    """Build a network in one of the engines.

    Parameters
    ----------
    network : Network or Plan
        What to compute: a network, which is checked first, or a part of one that `Plan.cut`
        gave.
    seed : int
        Seed of the initial weights.
    engine : {"torch", "keras", "reference"}
        Who computes it.

    Raises
    ------
    InputError
        Where there is no such engine, or its packages are not installed.
    NetworkError
        Where the layers do not fit together.
    """
    check_engine(engine)
    if engine == "reference":
        from convlens.engines.reference import ReferenceModel

        return ReferenceModel(network, seed)
    if engine == "keras":
        from convlens.engines.keras_engine import KerasModel

        return KerasModel(network, seed)
    from convlens.engines.device import limit_threads
    from convlens.engines.torch_engine import TorchModel

    limit_threads()
    return TorchModel(network, seed)


def check_engine(name: str, *, trains: bool = False) -> None:
    """Refuse an engine that does not exist or, with `trains`, that cannot train.

    >>> check_engine("reference", trains=True)
    Traceback (most recent call last):
    convlens.InputError: the engine "reference" cannot train
      expected: one of torch, keras
      to do: use engine torch
    """
    usable = TRAINING_ENGINES if trains else ENGINES
    if name not in usable:
        what = f'there is no engine "{name}"{nearest(name, ENGINES)}'
        raise InputError(
            f'the engine "{name}" cannot train' if name in ENGINES else what,
            "one of " + ", ".join(usable),
            f"use engine {usable[0]}",
        )


def plan_of(network: Network | Plan) -> Plan:
    """Return what an engine computes, row by row.

    Raises
    ------
    NetworkError
        Where the layers do not fit together.
    """
    return network.plan() if isinstance(network, Network) else network


def check_images(plan: Plan, images: Floats) -> Floats:
    """Return images as an array, or refuse those that are not of the input's shape.

    Raises
    ------
    InputError
        Where the shape is not `(N, *plan.input)`.
    """
    images = np.asarray(images)
    if images.shape[1:] != plan.input or images.ndim != len(plan.input) + 1:
        raise InputError(
            f"the images have the shape {images.shape}",
            f"(N, {', '.join(map(str, plan.input))}): any number of images "
            f"{shape_text(plan.input)}",
            "add the batch axis with images[None] if it is one image; resize it otherwise",
        )
    return images
