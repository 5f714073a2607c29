"""One training as a run folder: describe it, fit, save, test once at the end.

Everything that decides the result is written into the folder before the first step, and
everything that resuming needs is saved while it trains.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any

from numpy.typing import NDArray

from convlens.engines.device import describe, describe_engine
from convlens.evaluation import Evaluation
from convlens.foundation.errors import Interrupted, StorageError
from convlens.runs import Run, RunWriter
from convlens.training import events
from convlens.training.engine import Training, begin
from convlens.training.evaluating import evaluate_best
from convlens.training.events import Event
from convlens.training.interrupt import Interrupt
from convlens.training.job import Job
from convlens.training.kernel_recorder import KernelRecorder
from convlens.training.loop import fit
from convlens.training.memory import is_out_of_memory, release
from convlens.training.monitor import Diverged
from convlens.training.out_of_memory import OutOfMemory, out_of_memory
from convlens.training.resuming import changes_since
from convlens.training.room import require_room
from convlens.training.saving import Saver

Checkpoint = tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]
"""Arrays and plain values, as `RunWriter.load_checkpoint` returns them."""


def train(
    writer: RunWriter,
    job: Job,
    *,
    command: str = "",
    saved: Checkpoint | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Evaluation:
    """Train, keep the best weights by validation, and read the test set once at the end.

    Parameters
    ----------
    writer : RunWriter
        The run folder: a new one, or that of the checkpoint.
    job : Job
        The training.
    command : str
        How it was started; kept in a new run.
    saved : (arrays, values), optional
        A checkpoint to continue from.
    on_event : callable
        Receives every event, also those of steps, which are not kept.

    Raises
    ------
    Diverged, Interrupted, TrainingError
        After the folder has been left in order and its status says why.
    """
    # from here on a signal waits until the run can be left so that it resumes
    with job.compute.in_threads(), Interrupt() as interrupt:
        if saved is None:
            describe_run(writer, job, command)
        on_event(events.run(writer.folder, job))
        training = begin(job)
        if saved is not None:
            training.resume(dict(saved[0]), saved[1])
            writer.status(state="running", message="")
        with _left_in_order(writer):
            _fit(writer, job, training, interrupt, on_event, resumed=saved is not None)
            return _test_once(writer, job, training, on_event)


def describe_run(writer: RunWriter, job: Job, command: str) -> None:
    """Write what decides the run: network, recipe, data and environment."""
    settled = job.compute.as_recipe()
    environment = {
        "convlens": version("convlens"),
        **describe(job.device),
        "engine": job.engine,
        **describe_engine(job.engine),
        **settled,
        "measured_ms": job.compute.measured_ms,
        "seed": job.recipe.seed,
        "command": command,
    }
    if job.started_from is not None:
        environment["started_from"] = job.started_from
    writer.write_text("network.toml", job.network.to_toml())
    writer.write_text("recipe.toml", job.recipe.changed(settled).to_toml())
    writer.write_json("data.json", job.dataset.to_json())
    writer.write_json("environment.json", environment)
    # what decides the run is checked from the first step on, also where it is killed later
    writer.list_files("network.toml", "recipe.toml", "data.json", "environment.json")
    writer.status(
        state="running",
        network=job.network.name,
        data=job.dataset.name,
        engine=job.engine,
        epochs=job.recipe.epochs,
        epoch=0,
        parameters=job.network.plan().parameters,
    )


def _fit(
    writer: RunWriter,
    job: Job,
    training: Training,
    interrupt: Interrupt,
    on_event: Callable[[Event], None],
    *,
    resumed: bool,
) -> None:
    """Train to the end and save; a training that was interrupted raises after it was saved."""
    train_set, validation_set = (
        training.inputs(job.image_set(job.dataset.train)),
        training.inputs(job.image_set(job.dataset.validation)),
    )
    saver = Saver(writer, training)
    recorder = KernelRecorder(writer, training, job.network)

    def keep(event: Event) -> None:
        writer.append(event)
        on_event(event)

    def follow(event: Event) -> None:
        if event["event"] == "epoch":
            writer.append(event)
            recorder.record()
            saver.after_epoch()
        on_event(event)

    notes = [*recorder.notes, *training.notes]
    if resumed:
        writer.drop_events_after(training.progress.epoch)
        notes += changes_since(Run.open(writer.folder).environment, job.device)
    keep(events.start(job, training.progress, resumed=resumed))
    for message in notes:
        keep(events.note(message))
    require_room(writer.folder, training, recorder)
    recorder.record()
    finished = False
    try:
        if not interrupt():
            finished = fit(training, train_set, validation_set, follow, interrupt)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        release(error)
        _close(writer, "failed", "out of memory")
        raise out_of_memory(job, train_set) from None
    saver.save()
    if not finished and interrupt.signal_number is not None:
        raise _interrupted(writer, training, interrupt.signal_number)
    if training.progress.epoch < job.recipe.epochs:
        keep(events.stopped_early(training.progress, job))


def _test_once(
    writer: RunWriter, job: Job, training: Training, on_event: Callable[[Event], None]
) -> Evaluation:
    """Read the test set for the first and only time, with the weights that validation chose."""
    evaluation = evaluate_best(training, job.dataset)
    writer.write_json("evaluation.json", evaluation.to_dict())
    event = events.test(evaluation, training.progress)
    writer.append(event)
    writer.status(test_accuracy=evaluation.accuracy, test_loss=evaluation.loss)
    _close(writer, "finished", "")
    on_event(event)
    return evaluation


@contextmanager
def _left_in_order(writer: RunWriter) -> Iterator[None]:
    """Let a run that ends with an error say in its status how it ended."""
    try:
        yield
    except (Interrupted, OutOfMemory):  # which say so themselves
        raise
    except Diverged as error:
        writer.write_tensors("weights.safetensors", error.weights, {})
        _close(writer, "diverged", error.what)
        raise
    except KeyboardInterrupt:
        _close(writer, "interrupted", "stopped at once by a second SIGINT, at its last checkpoint")
        raise
    except BaseException as error:
        with suppress(StorageError):  # a full disk takes no status either; the run is "stopped"
            _close(writer, "failed", f"{type(error).__name__}: {error}")
        raise


def _close(writer: RunWriter, state: str, message: str) -> None:
    writer.append(events.end(state, message))
    writer.status(state=state, message=message)


def _interrupted(writer: RunWriter, training: Training, number: int) -> Interrupted:
    progress = training.progress
    name = signal.Signals(number).name
    where = f"epoch {progress.epoch + 1}, step {progress.step} of {training.steps_per_epoch}"
    _close(writer, "interrupted", f"{name} at {where}")
    return Interrupted(
        f"{name}: stopped at {where}; everything is saved",
        "to go on later",
        f"convlens train --resume {writer.folder}",
        number,
    )
