"""What an attribution is: how much each pixel speaks for a class. `attribution.py` computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from convlens.arithmetic import Pair

Method = Literal["grad-cam", "integrated-gradients", "occlusion", "saliency"]
METHODS: tuple[Method, ...] = get_args(Method)


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
