"""How far a training is: what a checkpoint keeps as JSON beside the arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from convlens.training.recipe import Recipe


@dataclass
class Progress:
    """How far a training is, and what it has reached."""

    epoch: int = 0
    """Epochs completed."""
    step: int = 0
    """Steps done in the epoch under way."""
    best_epoch: int = 0
    """Epoch with the lowest validation loss so far, from 1; 0 before the first validation."""
    best_loss: float = math.inf
    """Lowest validation loss so far, label smoothing included: it chooses the best epoch."""
    best_cross_entropy: float | None = None
    """Validation loss of the same epoch without label smoothing, as an evaluation has it."""
    best_accuracy: float = 0.0
    """Validation accuracy of the same epoch."""
    train_seconds: float = 0.0
    """Time of the completed epochs' steps, batch supply included, validation excluded."""
    epoch_seconds: float = 0.0
    """Time of the steps in the epoch under way."""
    loss_sum: float = 0.0
    """Sum of the loss over the images of the epoch under way."""
    correct: int = 0
    """Images of the epoch under way that were classified correctly."""
    images: int = 0
    """Images of the epoch under way so far."""

    def is_over(self, recipe: Recipe) -> bool:
        """Say whether the training has ended: by its epochs, or because its patience has."""
        return self.epoch >= recipe.epochs or self.stopped_early(recipe)

    def stopped_early(self, recipe: Recipe) -> bool:
        """Say whether the last `patience` epochs brought no lower validation loss.

        >>> Progress(epoch=7, best_epoch=4).stopped_early(Recipe(patience=3))
        True
        """
        return 0 < recipe.patience <= self.epoch - self.best_epoch

    @property
    def loss(self) -> float:
        """Mean loss over the images of the epoch under way."""
        return self.loss_sum / max(1, self.images)

    @property
    def accuracy(self) -> float:
        """Share of the epoch's images so far that were classified correctly."""
        return self.correct / max(1, self.images)

    def begin_next_epoch(self) -> None:
        """Forget the sums of the epoch that has ended."""
        self.train_seconds += self.epoch_seconds
        self.step, self.epoch_seconds = 0, 0.0
        self.loss_sum, self.correct, self.images = 0.0, 0, 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a checkpoint; a loss that is not known yet is null.

        >>> Progress.from_json(Progress(epoch=3).to_json()) == Progress(epoch=3)
        True
        """
        values = asdict(self)
        return {**values, "best_loss": None if math.isinf(self.best_loss) else self.best_loss}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Progress:
        """Return what `to_json` wrote; keys that are missing, as in older runs, have no value yet.

        >>> Progress.from_json({"epoch": 3, "best_loss": None, "keras_backend": "jax"}).best_loss
        inf
        """
        names = {field.name for field in fields(cls)}
        return cls(**{k: v for k, v in values.items() if k in names and v is not None})

    def status(self) -> dict[str, Any]:
        """Return the values that status.json has while a run trains."""
        return {
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "validation_accuracy": self.best_accuracy,
            "validation_loss": self.best_loss,
            "validation_cross_entropy": self.best_cross_entropy,
            "train_seconds": self.train_seconds,
        }
