"""Training by Keras's own `compile` and `fit`, with the recipe's values and the run's events.

The batches are the PyTorch engine's, image for image: one seed shuffles and augments alike in
both. Weights, best epoch and events are kept as `loop` keeps them, so that a run folder does not
depend on the engine that wrote it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import one_hot

from convlens.engines.keras_backend import keras
from convlens.engines.keras_engine import KerasModel
from convlens.foundation.errors import InputError, RunError
from convlens.training import checkpoint, keras_optimise, optimise
from convlens.training.augment import MixedLabels
from convlens.training.averaging import decay_at
from convlens.training.batches import ImageSet, epoch_sizes
from convlens.training.choices import EVALUATION_BATCH, Choice
from convlens.training.loop import (
    SHOW_SECONDS,
    Diverged,
    Event,
    Standing,
    Weights,
    finish_epoch,
    step_event,
)
from convlens.training.recipe import Recipe


def settle(recipe: Recipe, device: str) -> tuple[torch.device, Choice]:
    """Return where batches are made and what Keras computes in: it chooses nothing by measuring.

    Raises
    ------
    InputError
        Where the recipe or the command asks for what this engine does not do.
    """
    refused = None
    if recipe.precision == "bfloat16":
        refused = ("precision bfloat16", "float32", "--set precision=float32")
    elif recipe.memory_format == "contiguous":
        refused = ("memory_format contiguous", "channels_last", "--set memory_format=channels_last")
    elif recipe.threads != "auto":
        refused = (f"threads {recipe.threads}", "TensorFlow's own threads", "--set threads=auto")
    elif device not in ("auto", "cpu"):
        refused = (f'device "{device}"', "the device that its backend finds", "--device auto")
    if refused:
        what, expected, fix = refused
        raise InputError(
            f"the engine keras does not train with {what}",
            expected,
            f"use {fix}, or --engine torch",
        )
    return torch.device("cpu"), Choice("float32", "channels_last")


class KerasFitting:
    """A training in progress: the compiled model, its averaged weights, and where it stands."""

    def __init__(self, model: KerasModel, recipe: Recipe, images: int) -> None:
        self.model, self.recipe = model, recipe
        self.sizes = epoch_sizes(images, recipe)
        self.steps_per_epoch = len(self.sizes)
        steps = self.steps_per_epoch * recipe.epochs
        factor = optimise.rate_factor(recipe, steps)
        self.rate_at: Callable[[int], float] = lambda step: recipe.learning_rate * factor(step)
        trained = model.logits_model.trainable_variables
        filters = [v for _, v, _, shape in model.variables() if optimise.has_filters(shape)]
        self.optimizer = keras_optimise.optimizer(trained, recipe, steps, filters)
        model.logits_model.compile(
            self.optimizer,
            keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=recipe.label_smoothing
            ),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        )
        self.standing = Standing()
        self.best: Weights | None = None
        self.average: Weights | None = None
        """The moving average that the recipe's `ema` keeps, from the first step on."""
        self._averaged = KerasModel(model.plan) if recipe.ema else None

    def weights(self) -> Weights:
        """Return a copy of the evaluated weights in the neutral layout."""
        if self.average is None:
            return self.model.weights()
        return {name: array.copy() for name, array in self.average.items()}

    def evaluated(self) -> KerasModel:
        """Return the model that validation sees: the average where the recipe keeps one."""
        if self._averaged is None:
            return self.model
        self._averaged.load_weights(self.weights())
        return self._averaged

    def follow(self) -> None:
        """Bring the average up to date after a step, batch norm's moments too."""
        if not self.recipe.ema:
            return
        if keras.backend.backend() == "jax":  # which keeps the weights elsewhere while it fits
            self.model.logits_model.jax_state_sync()
        now = self.model.weights()
        if self.average is None:
            self.average = now
            return
        earlier = self.standing.epoch * self.steps_per_epoch + self.standing.step - 1
        share = np.float32(1 - decay_at(earlier, self.recipe.ema))
        for name, array in self.average.items():
            array += (now[name] - array) * share

    def state(self) -> tuple[checkpoint.Arrays, dict[str, Any]]:
        """Return all that resuming needs: arrays, and plain values for JSON."""
        arrays: checkpoint.Arrays = {
            **_prefixed("model", self.model.weights()),
            **_prefixed("average", self.average or {}),
            **_prefixed("best", self.best or {}),
            **_prefixed("keras", {n: _value(v) for n, v in self._others().items()}),
        }
        values = asdict(self.standing)
        if math.isinf(self.standing.best_loss):
            values["best_loss"] = None
        return arrays, {**values, "keras_backend": keras.backend.backend()}

    def later_bytes(self) -> int:
        """Return 0: Keras makes the optimizer's variables before the first step."""
        return 0

    def resume(self, arrays: checkpoint.Arrays, values: Mapping[str, Any]) -> None:
        """Continue from a saved state.

        Raises
        ------
        RunError
            Where another backend wrote it, or it belongs to another network or recipe; nothing
            is changed then.
        """
        backend = values.get("keras_backend")
        if backend != keras.backend.backend():
            raise RunError(
                f"the run was trained on Keras's backend {backend}, and this one is "
                f"{keras.backend.backend()}",
                "the same backend: its random numbers and optimizer go on where they stood",
                f"set KERAS_BACKEND={backend}",
            )
        others = self._others()
        saved = _under("keras", arrays)
        for name, variable in others.items():
            if name not in saved or saved[name].shape != tuple(variable.shape):
                raise RunError(
                    f"the checkpoint does not fit this run: {name} is missing or differs",
                    "a checkpoint of the same network and recipe",
                    "start a new run",
                )
        self.model.load_weights(_under("model", arrays))
        for name, variable in others.items():
            variable.assign(saved[name].astype(variable.dtype))
        self.average = _under("average", arrays) or None
        self.best = _under("best", arrays) or None
        known = {k: values[k] for k in asdict(self.standing) if values.get(k) is not None}
        self.standing = Standing(**known)

    def _others(self) -> dict[str, Any]:
        """Return the variables beside the weights: the optimizer's, and dropout's random state."""
        random = [
            layer.seed_generator.state
            for layer in self.model.logits_model.layers
            if isinstance(layer, keras.layers.Dropout) and layer.rate > 0
        ]
        return {
            **{f"optimizer.{i}": variable for i, variable in enumerate(self.optimizer.variables)},
            **{f"random.{i}": variable for i, variable in enumerate(random)},
        }


def fit(
    training: KerasFitting,
    train: ImageSet,
    validation: ImageSet,
    on_event: Callable[[Event], None],
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Train until the recipe's epochs or its patience end, or `stopped` says so after a step.

    As `loop.fit`, by `keras.Model.fit`, an epoch a call.

    Returns
    -------
    bool
        Whether the training came to its own end.

    Raises
    ------
    Diverged
        At the first step whose loss is not finite.
    """
    recipe, standing = training.recipe, training.standing
    last_good = training.weights()
    while not standing.is_over(recipe):
        watch = _Watch(training, last_good, on_event, stopped)
        batches = _Batches(training, train)
        try:
            training.model.logits_model.fit(
                iter(batches),
                steps_per_epoch=training.steps_per_epoch - standing.step,
                callbacks=[watch],
                shuffle=False,  # they are
                verbose=0,
            )
        except Exception:
            if batches.error is not None:  # TensorFlow wraps it in an error of its own
                raise batches.error from None
            raise
        standing.epoch_seconds = time.perf_counter() - watch.started
        if standing.step < training.steps_per_epoch:
            return False
        logits = _logits(training.evaluated(), validation)
        rate = training.rate_at((standing.epoch + 1) * training.steps_per_epoch - 1)
        finish_epoch(training, logits, validation.labels, rate, on_event)
        last_good = training.weights()
        if stopped():
            return standing.is_over(recipe)
    return True


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Counts an epoch's steps, tells of them, and ends it at a signal or a loss that is no number.

    Keras's running means begin anew with each call of `fit`; what an interrupted epoch had
    counted before is added to them.
    """

    def __init__(
        self,
        training: KerasFitting,
        last_good: Weights,
        on_event: Callable[[Event], None],
        stopped: Callable[[], bool],
    ) -> None:
        super().__init__()
        standing = training.standing
        self.training, self.last_good = training, last_good
        self.on_event, self.stopped = on_event, stopped
        self.before = (standing.loss_sum, standing.correct, standing.images)
        self.started = self.shown = time.perf_counter() - standing.epoch_seconds

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any]) -> None:
        """Take one step's results into the standing."""
        training, standing = self.training, self.training.standing
        loss_sum, correct, images = self.before
        standing.images += training.sizes[standing.step]
        standing.step += 1
        counted = standing.images - images
        standing.loss_sum = loss_sum + float(logs["loss"]) * counted
        standing.correct = correct + round(float(logs["accuracy"]) * counted)
        if not math.isfinite(standing.loss_sum):
            raise Diverged(
                standing.epoch + 1,
                standing.step,
                training.recipe,
                training.best or self.last_good,
            )
        training.follow()
        now = time.perf_counter()
        if now - self.shown > SHOW_SECONDS:
            self.shown = now
            self.on_event(step_event(training, now - self.started))
        if self.stopped():
            self.model.stop_training = True


class _Batches:
    """The rest of an epoch: images `(B, H, W, C)` and shares of labels `(B, classes)`.

    `error` is what making them raised, if anything did.
    """

    def __init__(self, training: KerasFitting, train: ImageSet) -> None:
        recipe, standing = training.recipe, training.standing
        self.shuffled = train.shuffled(
            recipe.batch_size, recipe.augmentation, recipe.seed, standing.epoch, standing.step
        )
        self.classes = training.model.plan.output[0]
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        try:
            for images, targets in self.shuffled:
                if isinstance(targets, MixedLabels):
                    shares = targets.soft(self.classes)
                else:
                    shares = one_hot(targets, self.classes).float()
                yield images.permute(0, 2, 3, 1).numpy(), shares.numpy()
        except Exception as error:
            self.error = error
            raise


def _logits(model: KerasModel, images: ImageSet) -> torch.Tensor:
    """Return logits `(N, classes)` of a whole set, in evaluation mode, unaugmented."""
    batches = (batch.numpy() for batch, _ in images.in_order(EVALUATION_BATCH))
    return torch.from_numpy(np.concatenate([model.logits(batch) for batch in batches]))


def _value(variable: Any) -> NDArray[Any]:
    """Return a variable that is no weight; whole numbers as int64, which every file can hold."""
    array: NDArray[Any] = np.array(keras.ops.convert_to_numpy(variable))
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def _prefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    start = f"{prefix}."
    return {n.removeprefix(start): np.array(a) for n, a in arrays.items() if n.startswith(start)}
