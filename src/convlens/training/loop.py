"""The training loop: the epochs (`fit`), and a step (`_update`), each on one screen.

What surrounds it is kept out of its way: `Tally` counts without waiting for the device,
`Standing` is what a checkpoint must know, and the caller decides what to do with events.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from convlens.engines.captured import Captured
from convlens.engines.device import synchronize
from convlens.engines.torch_engine import neutral_weights
from convlens.foundation.errors import TrainingError
from convlens.foundation.progress import track
from convlens.training import checkpoint, optimise
from convlens.training.augment import MixedLabels
from convlens.training.averaging import MovingAverage
from convlens.training.batches import ImageSet, Targets, epoch_seed, epoch_sizes
from convlens.training.choices import EVALUATION_BATCH, Choice
from convlens.training.recipe import Recipe
from convlens.training.views import View, as_it_is, mean_over_views

Weights = dict[str, NDArray[np.float32]]
Event = dict[str, Any]
Update = Callable[..., tuple[Tensor, Tensor]]

SHOW_SECONDS = 0.2


class Diverged(TrainingError):
    """The loss stopped being a finite number; `weights` are the last good ones."""

    def __init__(self, epoch: int, step: int, recipe: Recipe, weights: Weights) -> None:
        super().__init__(
            f"the loss became NaN or infinite at epoch {epoch}, step {step}",
            "a finite loss; the weights before this epoch are kept",
            f"lower the learning rate (it is {recipe.learning_rate:g}), for example "
            f"--learning-rate {recipe.learning_rate / 10:g}",
        )
        self.weights = weights


@dataclass
class Standing:
    """Where a training stands: what a checkpoint keeps beside the arrays."""

    epoch: int = 0
    """Epochs completed."""
    step: int = 0
    """Steps done in the epoch under way."""
    best_epoch: int = 0
    best_loss: float = math.inf
    """Lowest validation loss so far, label smoothing included: what chooses the best epoch."""
    best_cross_entropy: float | None = None
    """The same epoch's validation loss without label smoothing, as `convlens evaluate` has it."""
    best_accuracy: float = 0.0
    train_seconds: float = 0.0
    """Time of the optimiser's steps alone, batch supply included."""
    epoch_seconds: float = 0.0
    loss_sum: float = 0.0
    correct: int = 0
    images: int = 0

    def is_over(self, recipe: Recipe) -> bool:
        """Say whether the training has ended: by its epochs, or because its patience has."""
        return self.epoch >= recipe.epochs or self.stopped_early(recipe)

    def stopped_early(self, recipe: Recipe) -> bool:
        """Say whether the last `patience` epochs brought no lower validation loss.

        >>> Standing(epoch=7, best_epoch=4).stopped_early(Recipe(patience=3))
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


class Training(Protocol):
    """A training in progress, whichever engine computes it."""

    recipe: Recipe
    standing: Standing
    best: Weights | None
    steps_per_epoch: int

    def weights(self) -> Weights:
        """Return a copy of the evaluated weights in the neutral layout."""
        ...

    def state(self) -> tuple[checkpoint.Arrays, dict[str, Any]]:
        """Return all that resuming needs: arrays, and plain values for JSON."""
        ...

    def later_bytes(self) -> int:
        """Return the bytes that a checkpoint gains with the first step, at the least."""
        ...

    def resume(self, arrays: checkpoint.Arrays, values: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        ...


class Tally:
    """Sums over an epoch, kept on the device so that no step waits for them."""

    def __init__(self, device: torch.device, standing: Standing) -> None:
        self.loss_sum = torch.full((), standing.loss_sum, dtype=torch.float64, device="cpu")
        if device.type != "mps":  # which has no float64
            self.loss_sum = self.loss_sum.to(device)
        self.correct = torch.full((), standing.correct, dtype=torch.int64, device=device)
        self.images = standing.images

    def add(self, loss: Tensor, logits: Tensor, targets: Targets) -> None:
        """Count one batch: its mean loss weighs as many images as it has.

        A mixed image counts as correct when the label of its larger part comes first.
        """
        labels = targets.own if isinstance(targets, MixedLabels) else targets
        self.loss_sum += loss.detach().to(self.loss_sum.device) * len(labels)
        self.correct += (logits.argmax(1) == labels).sum()
        self.images += len(labels)

    def store(self, standing: Standing) -> None:
        """Put the sums into the standing (waits for the device)."""
        standing.loss_sum, standing.correct = self.loss_sum.item(), int(self.correct.item())
        standing.images = self.images


class Fitting:
    """A training in progress: the module, its optimizer, its average, and where it stands."""

    def __init__(
        self, module: nn.Module, recipe: Recipe, images: int, device: torch.device, choice: Choice
    ) -> None:
        self.recipe, self.device, self.choice = recipe, device, choice
        self.module = module.to(device, memory_format=choice.torch_format)  # type: ignore[call-overload]
        self.steps_per_epoch = len(epoch_sizes(images, recipe))
        self.optimizer = optimise.optimizer(self.module, recipe, choice.dtype)
        factor = optimise.rate_factor(recipe, self.steps_per_epoch * recipe.epochs)
        self.rate_at: Callable[[int], float] = lambda step: recipe.learning_rate * factor(step)
        self.average = MovingAverage(self.module, recipe.ema) if recipe.ema else None
        self.standing = Standing()
        self.best: Weights | None = None
        update: Update = partial(
            _update, self.module, self.optimizer, choice, recipe.label_smoothing
        )
        if device.type == "cuda":
            update = Captured(update)
        self.step: Callable[[Tensor, Targets], tuple[Tensor, Tensor]] = partial(_step, update)
        """Moves the weights once; returns the batch's mean loss and its logits from before."""

    def set_rate(self, step: int) -> float:
        """Set the learning rate of a step, counted from the training's first, and return it."""
        rate = self.rate_at(step)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        return rate

    @property
    def evaluated(self) -> nn.Module:
        """The module that validation sees: the average where the recipe keeps one."""
        return self.module if self.average is None else self.average.module

    def weights(self) -> Weights:
        """Return a copy of the evaluated weights in the neutral layout."""
        return neutral_weights(self.evaluated)

    def state(self) -> tuple[checkpoint.Arrays, dict[str, Any]]:
        """Return all that resuming needs: arrays, and plain values for JSON."""
        values = asdict(self.standing)
        if math.isinf(self.standing.best_loss):
            values["best_loss"] = None
        return checkpoint.gather(self._modules(), self.optimizer, self.best), values

    def later_bytes(self) -> int:
        """Return the bytes that a checkpoint gains with the optimizer's first step."""
        if self.optimizer.state:
            return 0
        moments = 2 if self.recipe.optimizer.startswith("adam") else 1  # Muon's filters have one
        parameters = (p for group in self.optimizer.param_groups for p in group["params"])
        return moments * sum(int(p.numel()) * int(p.element_size()) for p in parameters)

    def resume(self, arrays: checkpoint.Arrays, values: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.best = checkpoint.restore(arrays, self._modules(), self.optimizer)
        known = {key: values[key] for key in asdict(self.standing) if values.get(key) is not None}
        self.standing = Standing(**known)

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"model": self.module}
        if self.average is not None:
            modules["average"] = self.average
        return modules


def _step(update: Update, images: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    if isinstance(targets, MixedLabels):
        return update(images, targets.own, targets.other, targets.share)
    return update(images, targets)


def _update(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    choice: Choice,
    label_smoothing: float,
    images: Tensor,
    *labels: Tensor,
) -> tuple[Tensor, Tensor]:
    """Forward, loss, backward, step: of tensors alone, so that a GPU can record it."""
    targets = labels[0] if len(labels) == 1 else MixedLabels(*labels)
    optimizer.zero_grad()
    with choice.autocast(images.device):
        logits = module(images)
    loss = cross_entropy(logits.float(), targets, label_smoothing)
    loss.backward()
    optimizer.step()
    return loss.detach(), logits.detach()


def fit(
    training: Fitting,
    train: ImageSet,
    validation: ImageSet,
    on_event: Callable[[Event], None],
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Train until the recipe's epochs or its patience end, or `stopped` says so after a step.

    Each epoch ends with a validation; the weights with the lowest validation loss are
    `training.best`. The loss of an epoch is the mean over its images, never the last batch's.

    Parameters
    ----------
    training : Fitting
        Module, optimizer and standing; continued in place.
    train, validation : ImageSet
        Images on the training's device.
    on_event : callable
        Receives `{"event": "step", ...}` a few times a second and `{"event": "epoch", ...}`
        after each validation.
    stopped : callable
        Asked after every step.

    Returns
    -------
    bool
        Whether the training came to its own end.

    Raises
    ------
    Diverged
        At the first step (on a CPU; elsewhere within 25) whose loss is not finite.
    """
    recipe, device, standing = training.recipe, training.device, training.standing
    last_good = training.weights()

    while not standing.is_over(recipe):
        tally = Tally(device, standing)
        started = shown = time.perf_counter() - standing.epoch_seconds
        if standing.step == 0:  # dropout's own randomness, too, depends on (seed, epoch) alone
            torch.manual_seed(epoch_seed(recipe.seed, standing.epoch, purpose=1))
        batches = train.shuffled(
            recipe.batch_size, recipe.augmentation, recipe.seed, standing.epoch, standing.step
        )
        training.module.train()
        for images, targets in islice(batches, training.steps_per_epoch - standing.step):
            rate = training.set_rate(standing.epoch * training.steps_per_epoch + standing.step)
            loss, logits = training.step(images, targets)
            if training.average is not None:
                training.average.update()

            tally.add(loss, logits, targets)
            standing.step += 1
            if (device.type == "cpu" or standing.step % 25 == 0) and not loss.isfinite():
                raise Diverged(
                    standing.epoch + 1, standing.step, recipe, training.best or last_good
                )
            now = time.perf_counter()
            if now - shown > SHOW_SECONDS:
                shown = now
                tally.store(standing)
                on_event(step_event(training, now - started))
            if stopped():
                break

        synchronize(device)
        standing.epoch_seconds = time.perf_counter() - started
        tally.store(standing)
        if standing.step < training.steps_per_epoch:
            return False
        if not math.isfinite(standing.loss):
            raise Diverged(standing.epoch + 1, standing.step, recipe, training.best or last_good)
        logits = predict(training.evaluated, validation, training.choice.evaluation_batch)
        finish_epoch(training, logits, validation.labels, rate, on_event)
        last_good = training.weights()
        if stopped():
            return standing.is_over(recipe)
    return True


def cross_entropy(logits: Tensor, targets: Targets, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy of a batch; of mixed images, in the shares of their labels.

    Parameters
    ----------
    logits : Tensor, float32 (B, classes)
        What the network gave.
    targets : Tensor, int64 (B,), or MixedLabels
        What it should have said.
    label_smoothing : float
        As in `torch.nn.functional.cross_entropy`.
    """
    if not isinstance(targets, MixedLabels):
        return F.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    soft = targets.soft(logits.shape[1])
    return F.cross_entropy(logits, soft, label_smoothing=label_smoothing)


def step_event(training: Training, seconds: float) -> Event:
    """Return the event of a step: the epoch so far, which took `seconds`."""
    standing = training.standing
    return {
        "event": "step",
        "epoch": standing.epoch + 1,
        "step": standing.step,
        "steps": training.steps_per_epoch,
        "train_loss": standing.loss,
        "train_accuracy": standing.accuracy,
        "images_per_second": standing.images / max(seconds, 1e-9),
    }


def finish_epoch(
    training: Training,
    logits: Tensor,
    labels: Tensor,
    rate: float,
    on_event: Callable[[Event], None],
) -> None:
    """Judge the validation, keep the best weights, report, and move on to the next epoch.

    The event has two losses of the validation images: `validation_loss` is the one that is
    trained, label smoothing included, and chooses the best epoch; `validation_cross_entropy` is
    the loss without smoothing, the one that `convlens evaluate` measures.

    Parameters
    ----------
    training : Training
        Its standing holds the sums of the epoch that has ended.
    logits, labels : Tensor (N, classes) and (N,)
        Of the validation images, by the evaluated weights.
    rate : float
        The learning rate of the last step.
    on_event : callable
        Receives the epoch's event.
    """
    standing = training.standing
    # the same loss that is trained: with plain cross-entropy, label smoothing would look like
    # overfitting, and the epoch chosen would lie long before the learning rate has come down
    smoothing = training.recipe.label_smoothing
    loss = F.cross_entropy(logits, labels, label_smoothing=smoothing).item()
    cross_entropy = F.cross_entropy(logits, labels).item() if smoothing else loss
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    best = loss < standing.best_loss
    seconds = standing.epoch_seconds
    standing.epoch += 1
    if best:
        standing.best_epoch, standing.best_loss = standing.epoch, loss
        standing.best_accuracy, standing.best_cross_entropy = accuracy, cross_entropy
        training.best = training.weights()
    event = {
        "event": "epoch",
        "epoch": standing.epoch,
        "train_loss": standing.loss,
        "train_accuracy": standing.accuracy,
        "validation_loss": loss,
        "validation_cross_entropy": cross_entropy,
        "validation_accuracy": accuracy,
        "learning_rate": rate,
        "train_seconds": seconds,
        "images_per_second": standing.images / max(seconds, 1e-9),
        "best": best,
    }
    standing.train_seconds += seconds
    standing.step, standing.epoch_seconds = 0, 0.0
    standing.loss_sum, standing.correct, standing.images = 0.0, 0, 0
    on_event(event)


def predict(
    module: nn.Module,
    images: ImageSet,
    batch_size: int = EVALUATION_BATCH,
    views: Sequence[View] = (as_it_is,),
) -> Tensor:
    """Return float32 logits `(N, classes)` of a whole set, in evaluation mode, unaugmented.

    Of several views the logits are the mean.
    """
    module.eval()
    with torch.inference_mode():
        batches = images.in_order(batch_size)
        parts = [
            mean_over_views(module, batch, views).float()
            for batch, _ in track(batches, "batches computed")
        ]
    return torch.cat(parts)
