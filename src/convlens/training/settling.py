"""Put together a training that can be done, or say what does not go together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from convlens.data import Dataset
from convlens.engines.device import compute_repeatably, keep_freed_memory, limit_threads
from convlens.engines.inference import PassOf
from convlens.foundation.errors import DataError, NetworkError
from convlens.network import Network
from convlens.network.arithmetic import shape_text
from convlens.training.engine import engine
from convlens.training.job import Job
from convlens.training.recipe import Recipe


def settle(
    network: Network,
    dataset: Dataset,
    recipe: Recipe,
    device_name: str = "auto",
    engine_name: str = "torch",
    weights: Mapping[str, NDArray[np.float32]] | None = None,
    passes: Mapping[str, PassOf] | None = None,
) -> Job:
    """Check that network, data and recipe go together, and settle how the training computes.

    Nothing has been written when this fails.

    Parameters
    ----------
    network, dataset, recipe
        What is trained on what, and how.
    device_name : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    engine_name : {"torch", "keras"}
        Who computes.
    weights : mapping of str to float32 array, optional
        Weights to start from, in the neutral layout.
    passes : mapping of str to callable, optional
        Ways to compute frozen layers beside PyTorch's own, by name.

    Raises
    ------
    NetworkError
        Where the network does not take these images or give one logit per class.
    DataError
        Where there are fewer training images than a batch.
    InputError
        Where the device or the engine cannot do what is asked, or is not installed.
    """
    _check_network(network, dataset)
    _check_batch(dataset, recipe)
    limit_threads()
    keep_freed_memory()
    compute_repeatably()
    device, compute = engine(engine_name, recipe).settle(network, recipe, device_name)
    parts = network, dataset, recipe, device, compute, engine_name, weights
    return Job(*parts, passes=passes or {})


def _check_network(network: Network, dataset: Dataset) -> None:
    shape, classes = tuple(dataset.preprocessing.input), len(dataset.classes)
    takes, gives = tuple(network.input), network.plan().output
    if takes == shape and gives == (classes,):
        return
    what = f"the network takes {shape_text(takes)} and the images are {shape_text(shape)}"
    if takes == shape:
        what = f"the network gives {shape_text(gives)} and the data has {classes} classes"
    fix = f"adapt it: network.adapted({shape}, {classes})"
    try:
        network.adapted(shape, classes)
    except NetworkError as error:  # whose advice was tried
        fix = f"with {shape_text(shape)} {error.what.splitlines()[0]}; {error.fix}"
    raise NetworkError(
        what, f"a network for images of {shape_text(shape)} with one logit per class", fix
    )


def _check_batch(dataset: Dataset, recipe: Recipe) -> None:
    images = len(dataset.train)
    if images < recipe.batch_size:
        raise DataError(
            f"the training set has {images} images and a batch {recipe.batch_size}",
            "at least one full batch",
            f"use `batch_size={min(images, max(2, images // 10))}`, or more images",
        )
