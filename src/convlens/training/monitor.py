"""What happens between the steps of an epoch, whichever engine computes them."""

from __future__ import annotations

import time
from collections.abc import Callable

from convlens.foundation.decimals import decimal_text
from convlens.foundation.errors import TrainingError
from convlens.training import events
from convlens.training.events import Event
from convlens.training.job import Weights
from convlens.training.progress import Progress
from convlens.training.recipe import Recipe

SHOW_SECONDS = 0.2
"""Least time between two events of steps."""


class Diverged(TrainingError):
    """The loss stopped being a finite number; `weights` are the last good ones."""

    def __init__(self, epoch: int, step: int, recipe: Recipe, weights: Weights) -> None:
        super().__init__(
            f"the loss became NaN or infinite at epoch {epoch}, step {step}",
            "a finite loss; the weights before this epoch are kept",
            f"lower the learning rate (it is {decimal_text(recipe.learning_rate)}), for example "
            f"`learning_rate={decimal_text(recipe.learning_rate / 10)}`",
        )
        self.weights = weights


class Monitor:
    """An epoch under way: its clock, its events, and whether it goes on.

    Parameters
    ----------
    progress : Progress
        Of the training; a resumed epoch has seconds already.
    recipe : Recipe
        Of the training.
    steps_per_epoch : int
        Steps of a whole epoch.
    last_good : dict of arrays
        Weights to keep where the loss diverges.
    on_event : callable
        Receives the events of steps.
    stopped : callable
        Asked after every step.
    """

    def __init__(
        self,
        progress: Progress,
        recipe: Recipe,
        steps_per_epoch: int,
        last_good: Weights,
        on_event: Callable[[Event], None],
        stopped: Callable[[], bool],
    ) -> None:
        self.progress, self.recipe, self.steps_per_epoch = progress, recipe, steps_per_epoch
        self.last_good, self.on_event, self.stopped = last_good, on_event, stopped
        self._started = self._shown = time.perf_counter() - progress.epoch_seconds

    @property
    def seconds(self) -> float:
        """Time of the epoch's steps, those before an interruption included."""
        return time.perf_counter() - self._started

    def is_due(self) -> bool:
        """Say whether it is time to show how far the epoch is."""
        now = time.perf_counter()
        if now - self._shown <= SHOW_SECONDS:
            return False
        self._shown = now
        return True

    def show(self) -> None:
        """Send the event of a step; `progress` has its sums."""
        self.on_event(events.step(self.progress, self.steps_per_epoch, self.seconds))

    def diverged(self) -> Diverged:
        """Return the error of a loss that is not finite."""
        progress = self.progress
        return Diverged(progress.epoch + 1, progress.step, self.recipe, self.last_good)
