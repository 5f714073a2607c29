"""What a training begins with: a published network's weights, a run's, or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.api.opening import PUBLISHED, open_subject
from convlens.data.files import channels_and_side
from convlens.data.source import ImageFolder, find_source
from convlens.engines import build
from convlens.inside.look import Classifier
from convlens.network import Network

PHOTO_SIDE = 96
"""The shorter side, in pixels, from which on colour images are taken for photos."""


def begins_with(
    data: object, network: object, recipe: object, pretrained: str | Path | None, engine: str
) -> Classifier | None:
    """Return the trained network that a training begins with, or None for initial weights.

    Parameters
    ----------
    data, network, recipe, engine
        What `convlens.train` was called with.
    pretrained : str or Path, optional
        A published network, a run, or "none". By default EfficientNet-Lite0 for a folder of colour
        photos, where PyTorch trains and neither a network nor a recipe is asked for, and nothing
        for everything else.

    Raises
    ------
    InputError, RunError, WeightsError
        Where there is no such network or run, or its weights are not on this machine.
    """
    if pretrained is not None:
        return None if str(pretrained) == "none" else open_subject(pretrained)
    if network is None and recipe is None and engine == "torch" and _are_photos(data):
        return open_subject(PUBLISHED)
    return None


def _are_photos(data: object) -> bool:
    """Say whether this is a folder of colour images that are larger than small pictures."""
    place = find_source(data) if isinstance(data, str | Path) else None
    if not isinstance(place, ImageFolder):
        return False
    channels, side = channels_and_side(place.path)
    return channels == 3 and side >= PHOTO_SIDE


def weights_for(
    network: Network, subject: Classifier, seed: int
) -> tuple[dict[str, NDArray[np.float32]], str]:
    """Return a trained network's weights for one like it with another last layer, and a note on it.

    Parameters
    ----------
    network : Network
        The trained network, adapted to the data.
    subject : Classifier
        The trained network.
    seed : int
        Draws the arrays of other shapes, which are those of the last layer.
    """
    initial, trained = build(network, seed).weights(), subject.model.weights()
    kept = {n: a for n, a in trained.items() if n in initial and a.shape == initial[n].shape}
    new = sorted({name.rpartition(".")[0] for name in initial.keys() - kept.keys()})
    what = f"a new {', '.join(new)}" if new else "all its layers"
    note = f"begins with the weights of {subject.name} and {what} (not with `pretrained='none'`)"
    return {n: np.asarray(kept.get(n, a), np.float32) for n, a in initial.items()}, note
