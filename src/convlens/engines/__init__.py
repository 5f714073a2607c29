"""How a network is computed. Each engine builds the same `Model` from the same data.

Engines agree on logits, on every layer's activations and on one neutral weight layout:
float32 arrays in PyTorch's axis order, named `<layer>.<array>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convlens.errors import InputError, nearest
from convlens.network import Network

Float32 = NDArray[np.float32]

ENGINES = ("torch",)


class Model(Protocol):
    """A network with weights that can be computed."""

    network: Network

    def logits(self, images: Float32) -> Float32:
        """Return logits `(N, classes)` for normalised images `(N, C, H, W)`."""
        ...

    def activations(
        self, images: Float32, layers: Sequence[str] | None = None
    ) -> dict[str, Float32]:
        """Return the output of the named layers (all of them by default), batch first."""
        ...

    def weights(self) -> dict[str, Float32]:
        """Return a copy of the weights in the neutral layout."""
        ...

    def load_weights(self, weights: Mapping[str, Float32]) -> None:
        """Replace the weights; all names and shapes must match, or nothing changes."""
        ...


def build(network: Network, seed: int = 0, engine: str = "torch") -> Model:
    """Build a network in one of the engines.

    Parameters
    ----------
    network : Network
        What to compute; it is checked first.
    seed : int
        Seed of the initial weights.
    engine : {"torch"}
        Who computes it.

    Raises
    ------
    InputError
        Where there is no such engine.
    NetworkError
        Where the layers do not fit together.
    """
    if engine != "torch":
        raise InputError(
            f'there is no engine "{engine}"{nearest(engine, ENGINES)}',
            "one of " + ", ".join(ENGINES),
            f"use --engine {ENGINES[0]}",
        )
    from convlens.engines.torch_engine import TorchModel

    return TorchModel(network, seed)
