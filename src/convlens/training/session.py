"""One training as a run folder: settle the choices, fit, save, test once at the end.

Everything that decides the result is written into the folder before the first step, and
everything that resuming needs is saved while it trains.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from convlens.data import Dataset
from convlens.data.decode import shown
from convlens.engines import Model, build
from convlens.engines.device import (
    choose_device,
    compute_repeatably,
    describe,
    describe_engine,
    keep_freed_memory,
    limit_threads,
)
from convlens.engines.torch_engine import TorchModel
from convlens.evaluation import Evaluation, evaluate_logits
from convlens.foundation.errors import (
    DataError,
    Interrupted,
    NetworkError,
    StorageError,
    TrainingError,
)
from convlens.network import Network
from convlens.network.arithmetic import shape_text
from convlens.runs import Run, RunWriter
from convlens.training.batches import ImageSet
from convlens.training.choices import EVALUATION_BATCH, Choice, choose
from convlens.training.interrupt import Interrupt
from convlens.training.kernel_recorder import KernelRecorder
from convlens.training.loop import (
    Diverged,
    Event,
    Fitting,
    Standing,
    Training,
    Weights,
    fit,
    predict,
)
from convlens.training.memory import batch_that_fits, is_out_of_memory, release
from convlens.training.recipe import Recipe
from convlens.training.resuming import changes_since
from convlens.training.room import require_room
from convlens.training.streaming import image_set
from convlens.training.views import mean_over_views, views_of

SAVE_SECONDS = 5.0
"""A checkpoint is written at the end of an epoch when the last one is older than this."""


def prepare(
    network: Network,
    dataset: Dataset,
    recipe: Recipe,
    device_name: str,
    engine: str = "torch",
) -> tuple[torch.device, Choice]:
    """Check that network, data and recipe go together, and settle device and precision.

    Nothing has been written when this fails.

    Raises
    ------
    NetworkError
        Where the network does not take these images or give one logit a class.
    DataError
        Where there are fewer training images than a batch.
    InputError
        Where the device or the engine cannot do what is asked, or is not installed.
    """
    if tuple(network.input) != tuple(dataset.preprocessing.input):
        raise NetworkError(
            f"the network takes {shape_text(network.input)} and the images are "
            f"{shape_text(dataset.preprocessing.input)}",
            "one shape (channels, height, width)",
            "change the network's input, or let convlens adapt it",
        )
    if network.plan().output != (len(dataset.classes),):
        raise NetworkError(
            f"the network gives {shape_text(network.plan().output)} and the data has "
            f"{len(dataset.classes)} classes",
            "one logit a class",
            f"end the network with {{ flatten = true }}, {{ linear = {len(dataset.classes)} }}",
        )
    if len(dataset.train) < recipe.batch_size:
        raise DataError(
            f"the training set has {len(dataset.train)} images and a batch {recipe.batch_size}",
            "at least one full batch",
            f"use --batch-size {max(1, len(dataset.train) // 10)}, or more images",
        )
    limit_threads()
    keep_freed_memory()
    compute_repeatably()
    if engine == "keras":
        from convlens.training import keras_loop

        return keras_loop.settle(recipe, device_name)
    device = choose_device(device_name)
    return device, choose(network, recipe, device)


def describe_run(
    writer: RunWriter,
    network: Network,
    dataset: Dataset,
    recipe: Recipe,
    device: torch.device,
    choice: Choice,
    command: str,
    engine: str = "torch",
) -> None:
    """Write what decides the run: network, recipe, data and environment."""
    settled = choice.settled()
    environment = {
        "convlens": version("convlens"),
        **describe(device),
        "engine": engine,
        **describe_engine(engine),
        **settled,
        "measured_ms": choice.measured_ms,
        "seed": recipe.seed,
        "command": command,
    }
    writer.write_text("network.toml", network.to_toml())
    writer.write_text("recipe.toml", recipe.changed(settled).to_toml())
    writer.write_json("data.json", dataset.to_json())
    writer.write_json("environment.json", environment)
    # what decides the run is checked from the first step on, also where it is killed later
    writer.list_files("network.toml", "recipe.toml", "data.json", "environment.json")
    writer.status(
        state="running",
        network=network.name,
        data=dataset.name,
        engine=engine,
        epochs=recipe.epochs,
        epoch=0,
        parameters=network.plan().parameters,
    )


def train(
    writer: RunWriter,
    network: Network,
    dataset: Dataset,
    recipe: Recipe,
    device: torch.device,
    choice: Choice,
    *,
    engine: str = "torch",
    initial: Weights | None = None,
    saved: tuple[Mapping[str, np.ndarray[Any, Any]], Mapping[str, Any]] | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Evaluation:
    """Train, keep the best weights by validation, and read the test set once at the end.

    Parameters
    ----------
    writer : RunWriter
        The run folder, already described.
    engine : {"torch", "keras"}
        Who computes.
    initial : dict of arrays, optional
        Weights to start from, in the neutral layout.
    saved : (arrays, values), optional
        A checkpoint to continue from.
    on_event : callable
        Receives every event, also the step events that are not kept.

    Raises
    ------
    Diverged, Interrupted, TrainingError
        After the folder has been left in order and its status says why.
    """
    model = build(network, recipe.seed, engine)
    if initial is not None:
        model.load_weights(initial)
    training, fit_epochs = fitting(model, recipe, len(dataset.train), device, choice)
    if saved is not None:
        training.resume(dict(saved[0]), saved[1])
    train_set, validation_set = (
        image_set(split, dataset.preprocessing, device, choice.torch_format, memory=dataset.memory)
        for split in (dataset.train, dataset.validation)
    )
    saver = _Saver(writer, training)
    recorder = KernelRecorder(writer, training, network)

    def note(event: Event) -> None:
        if event["event"] != "step":
            writer.append(event)
            recorder.record()
            saver.after_epoch()
        on_event(event)

    start: Event = {
        "event": "start" if saved is None else "resume",
        "epochs": recipe.epochs,
        "epoch": training.standing.epoch,
        "train_images": len(dataset.train),
        "validation_images": len(dataset.validation),
        "parameters": network.plan().parameters,
    }
    messages = recorder.notes
    if saved is not None:
        writer.drop_events_after(training.standing.epoch)
        messages = [*messages, *changes_since(Run.open(writer.folder).environment, device)]
    notes: list[Event] = [{"event": "note", "message": text} for text in messages]
    for told in (start, *notes):
        writer.append(told)
        on_event(told)
    try:
        require_room(writer.folder, training, recorder)
        recorder.record()
        with Interrupt() as interrupt:
            finished = fit_epochs(train_set, validation_set, note, interrupt)
            saver.save()
        if finished and training.standing.epoch < recipe.epochs:
            note_early_stop(training.standing, recipe, writer, on_event)
        if not finished and interrupt.signal_number is not None:
            raise _interrupted(writer, training, interrupt.signal_number)
    except Diverged as error:
        writer.write_tensors("weights.safetensors", error.weights, {})
        _close(writer, "diverged", error.what)
        raise
    except Interrupted:
        raise
    except BaseException as error:
        if is_out_of_memory(error):
            release(error)
            _close(writer, "failed", "out of memory")
            raise _out_of_memory(network, dataset, recipe, device, choice, engine) from None
        with suppress(StorageError):  # a full disk takes no status either; the run is "stopped"
            _close(writer, "failed", f"{type(error).__name__}: {error}")
        raise
    return _test_once(writer, model, training, dataset, choice, on_event)


def note_early_stop(
    standing: Standing, recipe: Recipe, writer: RunWriter, on_event: Callable[[Event], None]
) -> None:
    """Say that a training stopped before the last epoch of its recipe, and why."""
    event = {
        "event": "note",
        "message": f"stopped early after epoch {standing.epoch} of {recipe.epochs}: the validation "
        f"loss has not been lower than in epoch {standing.best_epoch} for {recipe.patience} "
        f"epoch{'s' * (recipe.patience > 1)} (patience)",
    }
    writer.append(event)
    on_event(event)


Fit = Callable[[ImageSet, ImageSet, Callable[[Event], None], Callable[[], bool]], bool]
"""Train on the first set, validate on the second; whether all epochs were completed."""


def fitting(
    model: Model, recipe: Recipe, images: int, device: torch.device, choice: Choice
) -> tuple[Training, Fit]:
    """Return a model's training in its own engine, and the loop that continues it."""
    if isinstance(model, TorchModel):
        training = Fitting(model.module, recipe, images, device, choice)
        return training, partial(fit, training)
    from convlens.engines.keras_engine import KerasModel
    from convlens.training import keras_loop

    assert isinstance(model, KerasModel)  # the other engine that has gradients
    keras_training = keras_loop.KerasFitting(model, recipe, images)
    return keras_training, partial(keras_loop.fit, keras_training)


def _test_once(
    writer: RunWriter,
    model: Model,
    training: Training,
    dataset: Dataset,
    choice: Choice,
    on_event: Callable[[Event], None],
) -> Evaluation:
    """Read the test set for the first and only time, with the weights that validation chose."""
    assert training.best is not None  # an epoch was completed, so a best one exists
    model.load_weights(training.best)
    evaluation = evaluate_model(model, dataset, batch_size=choice.evaluation_batch)
    writer.write_json("evaluation.json", evaluation.to_dict())
    event = {
        "event": "test",
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "images": evaluation.images,
        "weights": f"best by validation, epoch {training.standing.best_epoch}",
    }
    writer.append(event)
    writer.status(test_accuracy=evaluation.accuracy, test_loss=evaluation.loss)
    _close(writer, "finished", "")
    on_event(event)
    return evaluation


def evaluate_model(
    model: Model,
    dataset: Dataset,
    split: str = "test",
    batch_size: int = EVALUATION_BATCH,
    views: Sequence[str] = (),
) -> Evaluation:
    """Measure a model on one split: no gradients, no augmentation, no shuffling.

    With `views`, the logits are means over the images as they are and changed in these ways.
    """
    part = dataset.part(split)
    device = model.device if isinstance(model, TorchModel) else torch.device("cpu")
    images = image_set(part, dataset.preprocessing, device, memory=dataset.memory)
    seen = views_of(views)
    if isinstance(model, TorchModel):
        logits: Any = predict(model.module, images, batch_size, seen).cpu().numpy()
    else:

        def logits_of(batch: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(model.logits(batch.numpy()))

        parts = (
            mean_over_views(logits_of, batch, seen) for batch, _ in images.in_order(batch_size)
        )
        logits = torch.cat(list(parts)).numpy()
    names = None if part.files is None else list(map(shown, part.files))
    return evaluate_logits(
        logits, part.labels, dataset.classes, part.images, split=split, files=names
    )


class _Saver:
    """Writes checkpoints and weights, not more often than they are worth."""

    def __init__(self, writer: RunWriter, training: Training) -> None:
        self.writer, self.training = writer, training
        self.saved_at = time.monotonic()

    def after_epoch(self) -> None:
        standing = self.training.standing
        self.writer.status(
            epoch=standing.epoch,
            best_epoch=standing.best_epoch,
            validation_accuracy=standing.best_accuracy,
            validation_loss=standing.best_loss,
            validation_cross_entropy=standing.best_cross_entropy,
            train_seconds=standing.train_seconds,
        )
        if time.monotonic() - self.saved_at >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        # what is worth most comes first: where the disk is full, the weights may still fit
        if self.training.best is not None:
            self.writer.write_tensors("weights.safetensors", self.training.best, {})
        self.writer.write_tensors("last.safetensors", self.training.weights(), {})
        self.writer.save_checkpoint(*self.training.state())
        self.saved_at = time.monotonic()


def _close(writer: RunWriter, state: str, message: str) -> None:
    writer.append({"event": "end", "state": state, "message": message})
    writer.status(state=state, message=message)


def _interrupted(writer: RunWriter, training: Training, number: int) -> Interrupted:
    standing = training.standing
    name = signal.Signals(number).name
    where = f"epoch {standing.epoch + 1}, step {standing.step} of {training.steps_per_epoch}"
    _close(writer, "interrupted", f"{name} at {where}")
    return Interrupted(
        f"{name}: stopped at {where}; everything is saved",
        "to go on later",
        f"convlens train --resume {writer.folder}",
        number,
    )


def _out_of_memory(
    network: Network,
    dataset: Dataset,
    recipe: Recipe,
    device: torch.device,
    choice: Choice,
    engine: str,
) -> TrainingError:
    """Return what to tell where memory ran out; the smaller batch has been tried."""

    def attempt(size: int) -> None:
        smaller = recipe.changed({"batch_size": size, "epochs": 1})
        computing = replace(choice, evaluation_batch=min(choice.evaluation_batch, size))
        # the optimizer's moments are there from the second step on
        train = dataset.train.take(np.arange(min(2 * size, len(dataset.train))))
        validation = dataset.validation.take(np.arange(min(size, len(dataset.validation))))
        model = build(network, recipe.seed, engine)
        _, fit_epochs = fitting(model, smaller, len(train), device, computing)
        train_set, validation_set = (
            image_set(part, dataset.preprocessing, device, choice.torch_format)
            for part in (train, validation)
        )
        fit_epochs(train_set, validation_set, lambda event: None, lambda: False)

    fits = batch_that_fits(recipe.batch_size, attempt)
    what = f"the device has too little memory for batches of {recipe.batch_size}"
    if fits is None:
        return TrainingError(
            what, "a network that fits, with any batch", "use a smaller network or smaller images"
        )
    advice = f"use --batch-size {fits}"
    if choice.evaluation_batch > fits:
        advice += f" --set evaluation_batch={fits}"
    return TrainingError(what, f"a batch that fits: {fits} was tried and does", advice)
