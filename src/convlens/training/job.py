"""A training before its first step: everything that decides what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convlens.data import Dataset, Split
from convlens.network import Network
from convlens.training.recipe import Recipe

if TYPE_CHECKING:  # loaded where something is computed: a job can be described without PyTorch
    import torch

    from convlens.engines.inference import PassOf
    from convlens.training.batches import PixelSet
    from convlens.training.compute_settings import ComputeSettings

Weights = dict[str, NDArray[np.float32]]
"""Arrays by name, in the neutral layout."""


@dataclass(frozen=True, eq=False)
class Job:
    """What is trained on what, by which recipe, and how it is computed.

    `settling.settle` makes one of parts that go together.
    """

    network: Network
    dataset: Dataset
    recipe: Recipe
    device: torch.device
    compute: ComputeSettings
    engine: str = "torch"
    """Who computes: a name of `engines.TRAINING_ENGINES`."""
    weights: Mapping[str, NDArray[np.float32]] | None = None
    """Weights to start from, in the neutral layout; None draws them by the recipe's seed."""
    started_from: str | None = None
    """The file or the trained network that these weights are of."""
    passes: Mapping[str, PassOf] = field(default_factory=dict)
    """Ways to compute frozen layers beside PyTorch's own, by name."""

    def image_set(self, split: Split) -> PixelSet:
        """Return a part of the data as the training takes it: in memory, or streamed."""
        from convlens.training.streaming import image_set

        return image_set(
            split,
            self.dataset.preprocessing,
            self.device,
            self.compute.torch_format,
            memory=self.dataset.memory,
        )
