"""The training loop: epochs, validation, the best weights. The engines compute the steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice

import torch.nn.functional as F
from torch import Tensor

from convlens.training import events
from convlens.training.batches import ImageSet
from convlens.training.engine import Training
from convlens.training.events import Event
from convlens.training.monitor import Monitor


def fit(
    training: Training,
    train: ImageSet,
    validation: ImageSet,
    on_event: Callable[[Event], None] = lambda event: None,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Train until the recipe's epochs or its patience end, or `stopped` says so after a step.

    Each epoch ends with a validation; the weights with the lowest validation loss are
    `training.best`. The loss of an epoch is the mean over its images, never the last batch's.

    Parameters
    ----------
    training : Training
        The training, in any engine; continued in place.
    train, validation : ImageSet
        Images on the training's device.
    on_event : callable
        Receives `{"event": "step", ...}` a few times per second and `{"event": "epoch", ...}`
        after each validation; see `events`.
    stopped : callable
        Asked after every step.

    Returns
    -------
    bool
        Whether the training came to its own end.

    Raises
    ------
    Diverged
        Where the loss is not finite: on a CPU at that step, elsewhere within 25 steps.
    """
    recipe, progress, steps = training.recipe, training.progress, training.steps_per_epoch
    last_good = training.weights()
    while not progress.is_over(recipe):
        monitor = Monitor(progress, recipe, steps, training.best or last_good, on_event, stopped)
        batches = train.shuffled(
            recipe.batch_size, recipe.augmentation, recipe.seed, progress.epoch, progress.step
        )
        training.train_epoch(islice(batches, steps - progress.step), monitor)
        progress.epoch_seconds = monitor.seconds
        if progress.step < steps:
            return False
        if not math.isfinite(progress.loss):
            raise monitor.diverged()
        finish_epoch(training, training.logits(validation), validation.labels, on_event)
        last_good = training.weights()
        if stopped():
            return progress.is_over(recipe)
    return True


def finish_epoch(
    training: Training, logits: Tensor, labels: Tensor, on_event: Callable[[Event], None]
) -> None:
    """Judge the validation, keep the best weights, report, and move on to the next epoch.

    Parameters
    ----------
    training : Training
        Its progress holds the sums of the epoch that has ended.
    logits, labels : Tensor (N, classes) and (N,)
        Of the validation images, by the evaluated weights.
    on_event : callable
        Receives the epoch's event.
    """
    progress = training.progress
    # the same loss that is trained: with plain cross-entropy, label smoothing would look like
    # overfitting, and the epoch chosen would lie long before the learning rate has come down
    smoothing = training.recipe.label_smoothing
    loss = F.cross_entropy(logits, labels, label_smoothing=smoothing).item()
    cross_entropy = F.cross_entropy(logits, labels).item() if smoothing else loss
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    best = loss < progress.best_loss
    progress.epoch += 1
    if best:
        progress.best_epoch, progress.best_loss = progress.epoch, loss
        progress.best_accuracy, progress.best_cross_entropy = accuracy, cross_entropy
        training.best = training.weights()
    event = events.epoch(
        progress,
        validation_loss=loss,
        validation_cross_entropy=cross_entropy,
        validation_accuracy=accuracy,
        learning_rate=training.rate_at(progress.epoch * training.steps_per_epoch - 1),
        best=best,
    )
    progress.begin_next_epoch()
    on_event(event)
