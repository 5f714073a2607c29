"""Frozen layers computed once by PyTorch, and the layers after them trained by Keras."""

from __future__ import annotations

import torch

from convlens.engines.keras_engine import KerasModel
from convlens.network import Network
from convlens.network.plan import Plan
from convlens.training.compute_settings import ComputeSettings
from convlens.training.engine import Training
from convlens.training.frozen import FrozenTraining, check_frozen
from convlens.training.job import Job, Weights
from convlens.training.keras_training import KerasTraining
from convlens.training.recipe import Recipe


class FrozenKerasTraining(FrozenTraining):
    """A training of the layers after a cut in Keras."""

    @staticmethod
    def settle(
        network: Network, recipe: Recipe, device_name: str
    ) -> tuple[torch.device, ComputeSettings]:
        """Return what Keras computes in; see `KerasTraining.settle`."""
        check_frozen(network, recipe)
        return KerasTraining.settle(network, recipe, device_name)

    @staticmethod
    def training_of(after: Plan, weights: Weights, job: Job) -> Training:
        """Return the training of the layers after the cut, which begin with these weights."""
        model = KerasModel(after)
        model.load_weights(weights)
        return KerasTraining(model, job.recipe, len(job.dataset.train))
