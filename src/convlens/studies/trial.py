"""One training in memory, stopped where a study wants to look: no folder, no test set."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F

from convlens.foundation.progress import counted
from convlens.training.job import Job
from convlens.training.loop import fit
from convlens.training.torch_training import TorchTraining

ENDLESS = 100_000
"""Epochs of a training that something else ends, such as its time."""


class Trial:
    """A training that goes on for so many epochs or seconds, again and again.

    Parameters
    ----------
    job : Job
        The training; PyTorch computes it.
    stopped : callable
        Asked after every step, beside the trial's own end.

    Attributes
    ----------
    training : TorchTraining
        The training in progress.
    epochs : list of dict
        The events of the completed epochs.
    """

    def __init__(self, job: Job, stopped: Callable[[], bool] = lambda: False) -> None:
        self.job, self.stopped = job, stopped
        self.training = TorchTraining.begin(job)
        self.train_set = job.image_set(job.dataset.train)
        self.validation_set = job.image_set(job.dataset.validation)
        self.epochs: list[dict[str, Any]] = []
        self._mark = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training steps so far, batch supply included, validation excluded."""
        progress = self.training.progress
        return progress.train_seconds + progress.epoch_seconds

    @property
    def updates(self) -> int:
        """Optimiser steps so far."""
        progress = self.training.progress
        return progress.epoch * self.training.steps_per_epoch + progress.step

    def go_on(self, *, epochs: int | None = None, seconds: float | None = None) -> None:
        """Train to the end of the recipe, or until so many epochs or seconds from the start.

        Raises
        ------
        Diverged
            Where the loss stops being a finite number.
        """
        progress = self.training.progress
        if seconds is not None and self.seconds >= seconds:
            return
        self._mark = time.perf_counter() - progress.epoch_seconds

        def enough() -> bool:
            if self.stopped() or (epochs is not None and progress.epoch >= epochs):
                return True
            under_way = time.perf_counter() - self._mark if progress.step else 0.0
            return seconds is not None and progress.train_seconds + under_way >= seconds

        if epochs is None or progress.epoch < epochs:
            planned = self.job.recipe.epochs if epochs is None else epochs
            # where something else ends it, nobody knows how many epochs there will be
            total = None if planned == ENDLESS else planned - progress.epoch
            with (
                self.job.compute.in_threads(),
                counted("epochs trained", total) as advance,
            ):

                def note(event: dict[str, Any]) -> None:
                    if event["event"] == "epoch":
                        self.epochs.append(event)
                        self._mark = time.perf_counter()
                        advance(1)

                fit(self.training, self.train_set, self.validation_set, note, enough)

    def validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation images, of the weights as they are now."""
        labels = self.validation_set.labels
        with self.job.compute.in_threads():
            logits = self.training.logits(self.validation_set)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.job.recipe.label_smoothing)
        return loss.item(), (logits.argmax(1) == labels).double().mean().item()
