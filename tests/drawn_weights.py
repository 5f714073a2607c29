"""Random weights for any network."""

from __future__ import annotations

import numpy as np

from convlens.network import Network


def random_weights(network: Network, seed: int) -> dict[str, np.ndarray]:
    """Return float32 weights of a usual size, with moments that batch norm has to use."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in network.plan().weight_shapes().items():
        if name.endswith("running_var"):
            array = rng.uniform(0.5, 2, shape)
        else:
            array = rng.standard_normal(shape) / np.sqrt(max(np.prod(shape[1:]), 1))
        weights[name] = array.astype(np.float32)
    return weights
