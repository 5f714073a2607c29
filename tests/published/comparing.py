"""How far a published network is from torchvision's, on the weights and images of the formula."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from convlens.engines.torch_engine import TorchModel
from convlens.network import zoo
from convlens.weights.published import Published, catalogue
from published import formula
from published.listing import GAINS, NETWORKS, small_side

FIXTURES = Path(__file__).parent / "fixtures"


@cache
def fixture(network: str) -> dict[str, Any]:
    """Return what torchvision's network is, as `write_fixtures.py` wrote it."""
    return json.loads((FIXTURES / f"{network}.json").read_text("utf-8"))


def entries() -> list[Published]:
    """Return the entries of the catalogue whose networks are torchvision's."""
    return [entry for entry in catalogue().values() if entry.network in NETWORKS]


def entry_of(network: str) -> Published:
    return next(entry for entry in entries() if entry.network == network)


def shape(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("x"))) if text else ()


def filled(network: str, side: int) -> TorchModel:
    """Return our network at one input size, with the weights that the formula gives."""
    written = zoo.load(network)
    model = TorchModel(written.model_copy(update={"input": (3, side, side)}))
    naming, theirs = entry_of(network).naming, fixture(network)["arrays"]
    gain = GAINS.get(network, 2**0.5)
    weights = {}
    for name, ours in model.plan.weight_shapes().items():
        other = naming.in_file(name)
        weights[name] = formula.weight(other, shape(theirs[other]), gain).reshape(ours)
    model.load_weights(weights)
    return model


def differences(network: str, size: str) -> dict[str, float]:
    """Return how far each layer with weights and the logits are from torchvision's.

    Parameters
    ----------
    network : str
        A name of `NETWORKS`.
    size : {"full", "small"}
        The published size of the images, or one that is quick.

    Returns
    -------
    dict of str to float
        By layer, the difference of mean and of root mean square, as a part of the latter; under
        "logits" the largest difference, as a part of the largest value.
    """
    with np.load(FIXTURES / f"{network}.npz") as arrays:
        logits, outputs = arrays[f"logits_{size}"], arrays[f"outputs_{size}"]
    side = zoo.load(network).input[1] if size == "full" else small_side(network)
    model = filled(network, side)
    images, naming = formula.images(side), entry_of(network).naming
    theirs = dict(zip(fixture(network)["modules"], outputs, strict=True))
    measured, left = {}, set(theirs)
    for name, output in model.activations(images).items():
        step = model.plan.step(name)
        if not step.layer.weights(step.input):
            continue
        module = naming.in_file(f"{name}.weight").rpartition(".")[0]
        if step.kind == "scale" and module not in theirs:
            continue  # torchvision multiplies without a module
        left.discard(module)
        ours = formula.summary(output)
        measured[name] = float((np.abs(ours - theirs[module]) / theirs[module][1]).max())
    assert not left, f"torchvision has layers that were not compared: {left}"
    measured["logits"] = float(np.abs(model.logits(images) - logits).max() / np.abs(logits).max())
    return measured
