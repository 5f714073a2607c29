"""What an attribution is, and which methods a network allows. `attribution.py` computes them.

Nothing here needs PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from convlens.foundation.errors import InputError, nearest
from convlens.network.arithmetic import Pair
from convlens.network.layers import Convolution
from convlens.network.plan import Plan, Step

Method = Literal["grad-cam", "integrated-gradients", "occlusion", "saliency"]
METHODS: tuple[Method, ...] = get_args(Method)
SHORTCUT = ".shortcut."
"""What the name of a layer in a shortcut holds."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each pixel speaks for a class, by one method.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    map : float64 array (H, W)
        On the image's grid. Grad-CAM and saliency are at least 0; integrated gradients and
        occlusion are signed: above 0 speaks for the class, below 0 against it.
    signed : bool
        Whether values below 0 mean something.
    target : int
        Number of the class.
    logit, probability : float
        What the network gives the class for this image.
    layer : str, optional
        The layer that Grad-CAM looked at.
    baseline_logit : float, optional
        The class's logit for the baseline (integrated gradients): `map` sums up to
        `logit - baseline_logit`, but for the error of the numerical integral.
    window, stride : (int, int), optional
        The occluding window and its steps, `(height, width)`.
    """

    method: Method
    map: NDArray[np.float64]
    signed: bool
    target: int
    logit: float
    probability: float
    layer: str | None = None
    baseline_logit: float | None = None
    window: Pair | None = None
    stride: Pair | None = None


def possible_methods(plan: Plan) -> tuple[Method, ...]:
    """Return the methods that work on a network: all, or all but Grad-CAM."""
    return METHODS if convolutions_with_places(plan) else METHODS[1:]


def chosen_methods(plan: Plan, methods: Sequence[Method] | None) -> tuple[Method, ...]:
    """Return the methods asked for, each once; all that the network allows by default.

    Raises
    ------
    InputError
        Where there is no such method, or the network does not allow it.
    """
    possible = possible_methods(plan)
    chosen = possible if methods is None else tuple(dict.fromkeys(methods))
    for method in chosen:
        if method not in possible:
            raise InputError(
                f"grad-cam cannot be used on {plan.name}: it has no convolution with more than "
                "one cell per map"
                if method in METHODS
                else f'there is no attribution method "{method}"{nearest(method, METHODS)}',
                "one of " + ", ".join(possible),
            )
    return chosen


def convolutions_with_places(plan: Plan) -> list[Step]:
    """Return the convolutions with more than one cell per map, those in shortcuts first."""
    steps = [
        step
        for step in plan.steps
        if isinstance(step.layer, Convolution) and step.output[1:] != (1, 1)
    ]
    return sorted(steps, key=lambda step: SHORTCUT not in step.name)
