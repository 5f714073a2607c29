"""What an engine does for a training, and which engine does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from convlens.foundation.errors import InputError
from convlens.network import Network
from convlens.training.batches import ImageSet, PixelSet
from convlens.training.checkpoint import Arrays
from convlens.training.compute_settings import ComputeSettings
from convlens.training.job import Job, Weights
from convlens.training.monitor import Monitor
from convlens.training.progress import Progress
from convlens.training.recipe import Recipe
from convlens.training.targets import Targets

Batch = tuple[Tensor, Targets]
"""Images float32 `(B, C, H, W)` and what they show."""


class Training(Protocol):
    """A training in progress, whichever engine computes it."""

    recipe: Recipe
    device: torch.device
    """Where its batches are."""
    best: Weights | None
    """The evaluated weights of the best epoch so far."""
    steps_per_epoch: int
    rate_at: Callable[[int], float]
    """The learning rate of a step, counted from the training's first."""

    @property
    def notes(self) -> Sequence[str]:
        """What is worth keeping of how it computes; known when its inputs are there."""
        ...

    @property
    def progress(self) -> Progress:
        """How far it is."""
        ...

    @staticmethod
    def settle(
        network: Network, recipe: Recipe, device_name: str
    ) -> tuple[torch.device, ComputeSettings]:
        """Return where batches are made and how the engine computes.

        Raises
        ------
        InputError
            Where the recipe or the device asks for what the engine or the machine cannot do.
        """
        ...

    @classmethod
    def begin(cls, job: Job) -> Self:
        """Return the training of a job before its first step."""
        ...

    def inputs(self, images: PixelSet) -> ImageSet:
        """Return images as the training takes them: themselves, or what frozen layers give."""
        ...

    def train_epoch(self, batches: Iterator[Batch], monitor: Monitor) -> None:
        """Train on all batches, unless the monitor stops it; keeps the sums in `progress`.

        Raises
        ------
        Diverged
            Where a loss is not finite, at once or some steps later.
        """
        ...

    def logits(self, images: ImageSet) -> Tensor:
        """Return float32 logits `(N, classes)` of a whole set, by the evaluated weights."""
        ...

    def weights(self) -> Weights:
        """Return a copy of the evaluated weights: their moving average where the recipe has one."""
        ...

    def use_best(self) -> None:
        """Evaluate with the best weights from now on; the training does not go on after it."""
        ...

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return all that resuming needs: arrays, and plain values for JSON."""
        ...

    def later_bytes(self) -> int:
        """Return the bytes that a checkpoint gains with the first step, at the least."""
        ...

    def resume(self, arrays: Arrays, values: Mapping[str, Any]) -> None:
        """Continue from a saved state.

        Raises
        ------
        RunError
            Where it is the state of another training; nothing is changed then.
        """
        ...


def engine(name: str, recipe: Recipe) -> type[Training]:
    """Return the class that trains with an engine by a recipe; it is loaded only now.

    Raises
    ------
    InputError
        Where the recipe asks for what the engine does not do, or for views without frozen layers.
    """
    if name != "torch" and (recipe.head_epochs or recipe.layer_decay != 1):
        raise InputError(
            f"the engine {name} trains all layers at one rate from the first epoch on",
            "the engine torch, or `head_epochs=0` and `layer_decay=1`",
            "leave the engine out",
        )
    if recipe.freeze == "none" and recipe.views:
        raise InputError(
            f"the recipe has {recipe.views} views per image and freezes no layers",
            "views of 0 where every epoch changes the images anew",
            "use `views=0`",
        )
    if recipe.freeze != "none" and name == "keras":
        from convlens.training.frozen_keras import FrozenKerasTraining

        return FrozenKerasTraining
    if recipe.freeze != "none":
        from convlens.training.frozen import FrozenTraining

        return FrozenTraining
    if name == "keras":
        from convlens.training.keras_training import KerasTraining

        return KerasTraining
    from convlens.training.torch_training import TorchTraining

    return TorchTraining


def begin(job: Job) -> Training:
    """Return the training of a job before its first step, in the job's engine."""
    return engine(job.engine, job.recipe).begin(job)
