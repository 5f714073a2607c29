"""A layer's kernels over the epochs of a training, as the page shows them."""

from __future__ import annotations

import numpy as np

from convlens.inside.learned_kernels import kernel_layers
from convlens.network import Network
from convlens.runs import Run
from convlens.serve.http.problems import Problem
from convlens.serve.models.served import ServedModel
from convlens.weights.tensor_file import Array


def kernels(run: Run, network: Network, model: ServedModel | None, layer: str) -> dict[str, Array]:
    """Return a convolution's kernels `(filters, channels per group, h, w)` by epoch.

    The names are "epoch-0", before training, and so on as they were recorded; only "weights"
    where nothing was.

    Raises
    ------
    Problem
        404, where the layer has no kernels, or there are none yet.
    """
    known = [recorded.name for recorded in kernel_layers(network.plan())]
    if layer not in known:
        raise Problem(
            *(404, "no_kernels", "that layer has no kernels"),
            "one of " + ", ".join(known[:40]) if known else "a network with convolutions",
            "take a convolution's name from the model's layers",
        )
    recorded = recorded_kernels(run, layer)
    if recorded:
        return recorded
    if model is None:
        raise none_yet()
    return {"weights": np.asarray(model.model.weights()[f"{layer}.weight"], np.float32)}


def recorded_kernels(run: Run, layer: str) -> dict[str, Array]:
    """Return the kernels of a layer that training recorded; empty where it recorded none."""
    array = f"{layer}.weight"
    return {
        f"epoch-{epoch}": np.asarray(arrays[array], np.float32)
        for epoch, arrays in run.kernel_snapshots()
        if array in arrays
    }


def none_yet() -> Problem:
    """Return the 404 of a run that has only begun."""
    return Problem(404, "no_kernels", "the run has no kernels yet", "an epoch", "wait")
