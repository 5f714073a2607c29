"""What a training begins with: a published network's weights, a run's, or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.api.adapting import recipe_for
from convlens.api.opening import PUBLISHED, open_subject
from convlens.data.files import channels_and_side
from convlens.data.source import ImageFolder, find_source
from convlens.engines import build
from convlens.foundation.errors import ConvlensError, InputError
from convlens.inside.look import Classifier
from convlens.network import Network
from convlens.runs import Run
from convlens.training.recipe import Recipe

PHOTO_SIDE = 96
"""The shorter side, in pixels, from which on colour images are taken for photos."""


def begins_with(
    data: object,
    network: object,
    recipe: str | Path | Recipe | None,
    pretrained: str | Path | None,
    engine: str,
) -> Classifier | None:
    """Return the trained network that a training begins with, or None for initial weights.

    Parameters
    ----------
    data, network, recipe, engine
        What `convlens.train` was called with.
    pretrained : str or Path, optional
        A published network, a run, or "none". By default EfficientNet-Lite0 for a folder of colour
        photos, where PyTorch trains, no network is asked for and no recipe but one that freezes
        layers; and nothing for everything else.

    Raises
    ------
    InputError, RunError, WeightsError
        Where there is no such network or run, or its weights are not on this machine.
    """
    if pretrained is not None:
        return None if str(pretrained) == "none" else open_subject(pretrained)
    if network is not None or engine != "torch":
        return None
    if recipe is not None and recipe_for(recipe, "").freeze == "none":
        return None
    return open_subject(PUBLISHED) if _are_photos(data) else None


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


def beginning_of(run: Run, network: Network, recipe: Recipe) -> dict[str, NDArray[np.float32]]:
    """Return the weights that a run's training began with, of all layers but those made anew.

    Those of frozen layers are in the run itself; others are read where they came from.

    Raises
    ------
    InputError
        Where they came from a file or a run that is not there any more.
    """
    from convlens.training.frozen import last_frozen

    frozen: dict[str, NDArray[np.float32]] = {}
    rest = network.plan().logits
    if recipe.freeze != "none":
        before, rest = rest.cut(last_frozen(network, recipe.freeze))
        trained = run.weights("best")
        frozen = {name: np.asarray(trained[name]) for name in before.weight_shapes()}
    if len({name.rpartition(".")[0] for name in rest.weight_shapes()}) == 1 and frozen:
        return frozen  # only the last layer is trained, and that is new
    name = run.environment.get("started_from")
    try:
        start = open_subject(str(name)).model.weights()
    except ConvlensError:
        raise InputError(
            f"{run.folder} began with {name}, which is not there any more",
            "the network that it began with",
            "take the model alone with `model_only=True`",
        ) from None
    own = {n: np.asarray(start[n]) for n, shape in rest.weight_shapes().items() if n in start}
    return frozen | {n: a for n, a in own.items() if a.shape == rest.weight_shapes()[n]}
