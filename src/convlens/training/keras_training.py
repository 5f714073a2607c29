"""Training by Keras's own `compile` and `fit`, with the recipe's values and the run's events.

The batches are the PyTorch engine's, image for image: one seed shuffles and augments alike in
both. The loop, the best epoch and the events are the same ones too, so that a run folder does not
depend on the engine that wrote it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convlens.engines.device import choose_device, supports_bfloat16
from convlens.engines.keras_backend import keras
from convlens.engines.keras_engine import KerasModel
from convlens.foundation.errors import InputError, RunError
from convlens.network import Network
from convlens.training import checkpoint, keras_optimise, optimise
from convlens.training.averaging import decay_at
from convlens.training.batches import ImageSet, PixelSet, epoch_sizes
from convlens.training.compute_settings import EVALUATION_BATCH, ComputeSettings
from convlens.training.engine import Batch
from convlens.training.job import Job, Weights
from convlens.training.monitor import Monitor
from convlens.training.progress import Progress
from convlens.training.recipe import Recipe


class KerasTraining:
    """A training in progress: the compiled model, its averaged weights, and how far it is.

    Parameters
    ----------
    model : KerasModel
        The network.
    recipe : Recipe
        How it is trained.
    images : int
        Number of training images.
    """

    def __init__(self, model: KerasModel, recipe: Recipe, images: int) -> None:
        self.model, self.recipe, self.device = model, recipe, torch.device("cpu")
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
        self.progress = Progress()
        self.notes: tuple[str, ...] = ()
        self.best: Weights | None = None
        self.average: Weights | None = None
        """The moving average that the recipe's `ema` keeps, from the first step on."""
        self._averaged = KerasModel(model.plan) if recipe.ema else None

    @staticmethod
    def settle(
        network: Network, recipe: Recipe, device_name: str
    ) -> tuple[torch.device, ComputeSettings]:
        """Return what Keras computes in: it chooses nothing by measuring.

        Raises
        ------
        InputError
            Where the recipe or the command asks for what this engine does not do.
        """
        refused = []
        if recipe.precision == "bfloat16":
            refused.append(("precision bfloat16", "float32", "`precision='float32'`"))
        if recipe.memory_format == "contiguous":
            fix = "`memory_format='channels_last'`"
            refused.append(("memory_format contiguous", "channels_last", fix))
        if recipe.threads != "auto":
            threads = f"threads {recipe.threads}"
            refused.append((threads, "TensorFlow's own threads", "`threads='auto'`"))
        if device_name not in ("auto", "cpu"):
            backends = "the device that its backend finds"
            refused.append((f'device "{device_name}"', backends, "`device='auto'`"))
        if refused:
            what, expected, fixes = zip(*refused, strict=True)
            other = ", or `engine='torch'`" if _torch_can(recipe, device_name) else ""
            raise InputError(
                f"the engine keras does not train with {', '.join(what)}",
                ", ".join(expected),
                f"use {' and '.join(fixes)}{other}",
            )
        return torch.device("cpu"), ComputeSettings("float32", "channels_last")

    @classmethod
    def begin(cls, job: Job) -> Self:
        """Return the training of a job before its first step."""
        model = KerasModel(job.network, job.recipe.seed)
        if job.weights is not None:
            model.load_weights(job.weights)
        return cls(model, job.recipe, len(job.dataset.train))

    def inputs(self, images: PixelSet) -> ImageSet:
        """Return the images themselves: all layers are trained on them."""
        return images

    def train_epoch(self, batches: Iterator[Batch], monitor: Monitor) -> None:
        """Train on all batches by `keras.Model.fit`, unless the monitor stops it."""
        arrays = _Arrays(batches, self.model.plan.output[0])
        try:
            self.model.logits_model.fit(
                iter(arrays),
                steps_per_epoch=self.steps_per_epoch - self.progress.step,
                callbacks=[_Steps(self, monitor)],
                shuffle=False,  # they are
                verbose=0,
            )
        except Exception:
            if arrays.error is not None:  # TensorFlow wraps it in an error of its own
                raise arrays.error from None
            raise

    def logits(self, images: ImageSet) -> Tensor:
        """Return float32 logits `(N, classes)` of a whole set, by the evaluated weights."""
        model = self.evaluated()
        batches = (batch.numpy() for batch, _ in images.in_order(EVALUATION_BATCH))
        return torch.from_numpy(np.concatenate([model.logits(batch) for batch in batches]))

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

    def use_best(self) -> None:
        """Evaluate with the best weights from now on; the training does not go on after it."""
        assert self.best is not None  # an epoch was completed
        self.model.load_weights(self.best)
        self.average = self._averaged = None

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
        earlier = self.progress.epoch * self.steps_per_epoch + self.progress.step - 1
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
        return arrays, {**self.progress.to_json(), "keras_backend": keras.backend.backend()}

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
        self.progress = Progress.from_json(values)

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


class _Steps(keras.callbacks.Callback):  # type: ignore[misc]
    """Counts an epoch's steps, and ends it at a signal or a loss that is not finite.

    Keras's running means begin anew with each call of `fit`; what an interrupted epoch had
    counted before is added to them.
    """

    def __init__(self, training: KerasTraining, monitor: Monitor) -> None:
        super().__init__()
        self.training, self.monitor = training, monitor
        progress = training.progress
        self.before = (progress.loss_sum, progress.correct, progress.images)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any]) -> None:
        """Take one step's results into the progress."""
        training, progress = self.training, self.training.progress
        loss_sum, correct, images = self.before
        progress.images += training.sizes[progress.step]
        progress.step += 1
        counted = progress.images - images
        progress.loss_sum = loss_sum + float(logs["loss"]) * counted
        progress.correct = correct + round(float(logs["accuracy"]) * counted)
        if not math.isfinite(progress.loss_sum):
            raise self.monitor.diverged()
        training.follow()
        if self.monitor.is_due():
            self.monitor.show()
        if self.monitor.stopped():
            self.model.stop_training = True


class _Arrays:
    """Batches as Keras takes them: images `(B, H, W, C)` and shares of classes `(B, classes)`.

    `error` is what making them raised, if anything did.
    """

    def __init__(self, batches: Iterator[Batch], classes: int) -> None:
        self.batches, self.classes = batches, classes
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        try:
            for images, targets in self.batches:
                shares = targets.probabilities(self.classes)
                inputs = images.permute(0, 2, 3, 1) if images.ndim == 4 else images
                yield inputs.cpu().numpy(), shares.numpy()
        except Exception as error:
            self.error = error
            raise


def _torch_can(recipe: Recipe, device_name: str) -> bool:
    """Say whether the engine torch can do what this one refuses."""
    try:
        device = choose_device(device_name)
    except InputError:
        return False
    return recipe.precision != "bfloat16" or supports_bfloat16(device)


def _value(variable: Any) -> NDArray[Any]:
    """Return a variable that is no weight; whole numbers as int64, which every file can hold."""
    array: NDArray[Any] = np.array(keras.ops.convert_to_numpy(variable))
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def _prefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    start = f"{prefix}."
    return {n.removeprefix(start): np.array(a) for n, a in arrays.items() if n.startswith(start)}
