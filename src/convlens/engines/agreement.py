"""How far apart the engines are on one network: every one against the reference in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convlens.engines import Floats, build
from convlens.network import Network

IMAGES = 16
"""How many random images, with normally distributed pixels, the engines are compared on."""


@dataclass(frozen=True)
class Agreement:
    """One engine's largest differences from the reference on one network."""

    network: str
    engine: str
    logits: float
    """The relative difference of the logits."""
    activation: float
    """The relative difference of the layer that differs most."""
    layer: str
    """That layer."""


def agreements(
    network: Network, engines: Sequence[str], seed: int = 0, images: int = IMAGES
) -> list[Agreement]:
    """Compare engines with the reference on one network with its initial weights.

    Parameters
    ----------
    network : Network
        What to compute.
    engines : sequence of str
        Who computes it.
    seed : int
        Of the weights and of the images `(N, C, H, W)`.
    images : int
        N.

    Returns
    -------
    list of Agreement
        One an engine, in their order.
    """
    reference = build(network, seed, "reference")
    shape = (images, *network.input)
    pixels = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    exact, logits = reference.activations(pixels), reference.logits(pixels)
    rows = []
    for engine in engines:
        model = build(network, seed, engine)
        activations = model.activations(pixels)
        apart = {
            name: relative_difference(activations[name], values) for name, values in exact.items()
        }
        worst = max(apart, key=apart.__getitem__)
        difference = relative_difference(model.logits(pixels), logits)
        rows.append(Agreement(network.name, engine, difference, apart[worst], worst))
    return rows


def relative_difference(computed: Floats, exact: Floats) -> float:
    """Return the largest difference as a share of the largest exact value.

    A share of each value itself would be without bound where terms cancel to almost nothing.

    >>> relative_difference(np.array([1.0, -4.0]), np.array([1.5, -5.0]))
    0.2
    """
    largest = float(np.abs(exact).max())
    difference = float(np.abs(computed - exact).max())
    return difference / largest if largest else difference
