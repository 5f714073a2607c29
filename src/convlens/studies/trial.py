"""One training in memory, stopped where a study wants to look: no folder, no test set."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from convlens.data import Dataset
from convlens.engines import build
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.progress import counted
from convlens.network import Network
from convlens.training.choices import Choice
from convlens.training.loop import Fitting, predict
from convlens.training.recipe import Recipe
from convlens.training.session import fitting
from convlens.training.streaming import image_set


class Trial:
    """A training that goes on for so many epochs or seconds, again and again.

    Parameters
    ----------
    network, dataset, recipe
        They fit each other, as `adapted_to_data` returns them.
    device : torch.device
        Where to compute.
    choice : Choice
        How.
    stopped : callable
        Asked after every step, beside the trial's own end.

    Attributes
    ----------
    epochs : list of dict
        The events of the completed epochs.
    """

    def __init__(
        self,
        network: Network,
        dataset: Dataset,
        recipe: Recipe,
        device: torch.device,
        choice: Choice,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        model = build(network, recipe.seed)
        assert isinstance(model, TorchModel)
        training, self._fit = fitting(model, recipe, len(dataset.train), device, choice)
        assert isinstance(training, Fitting)
        self.training, self.choice, self.recipe, self.stopped = training, choice, recipe, stopped
        self.train_set, self.validation_set = (
            image_set(
                part, dataset.preprocessing, device, choice.torch_format, memory=dataset.memory
            )
            for part in (dataset.train, dataset.validation)
        )
        self.epochs: list[dict[str, Any]] = []
        self._mark = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training steps so far, batch supply included, validation excluded."""
        standing = self.training.standing
        return standing.train_seconds + standing.epoch_seconds

    @property
    def updates(self) -> int:
        """Optimiser steps so far."""
        standing = self.training.standing
        return standing.epoch * self.training.steps_per_epoch + standing.step

    def go_on(self, *, epochs: int | None = None, seconds: float | None = None) -> None:
        """Train to the end of the recipe, or until so many epochs or seconds from the start.

        Raises
        ------
        Diverged
            Where the loss stops being a finite number.
        """
        standing = self.training.standing
        if seconds is not None and self.seconds >= seconds:
            return
        self._mark = time.perf_counter() - standing.epoch_seconds

        def enough() -> bool:
            if self.stopped() or (epochs is not None and standing.epoch >= epochs):
                return True
            under_way = time.perf_counter() - self._mark if standing.step else 0.0
            return seconds is not None and standing.train_seconds + under_way >= seconds

        if epochs is None or standing.epoch < epochs:
            planned = self.recipe.epochs if epochs is None else epochs
            with (
                self.choice.in_threads(),
                counted("epochs trained", planned - standing.epoch) as advance,
            ):

                def note(event: dict[str, Any]) -> None:
                    if event["event"] == "epoch":
                        self.epochs.append(event)
                        self._mark = time.perf_counter()
                        advance(1)

                self._fit(self.train_set, self.validation_set, note, enough)

    def validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation images, of the weights as they are now."""
        labels = self.validation_set.labels
        with self.choice.in_threads():
            logits = predict(
                self.training.evaluated, self.validation_set, self.choice.evaluation_batch
            )
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        return loss.item(), (logits.argmax(1) == labels).double().mean().item()
