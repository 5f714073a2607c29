"""The events of a training: what `on_event` receives and metrics.jsonl keeps, one object each.

Every event has the key `event`. "run" and "step" are shown only, and the others are written into
the run as well. `runs.Run.events` and `Run.history` read them back.
"""

from __future__ import annotations

from typing import Any

from convlens.evaluation import Evaluation
from convlens.training.job import Job
from convlens.training.progress import Progress

Event = dict[str, Any]


def run(folder: object, job: Job) -> Event:
    """Say where a run lies and how it computes."""
    return {"event": "run", "folder": str(folder), "choice": job.compute}


def start(job: Job, progress: Progress, *, resumed: bool) -> Event:
    """Say what is trained on what; `epoch` counts those that a resumed run has completed."""
    return {
        "event": "resume" if resumed else "start",
        "epochs": job.recipe.epochs,
        "epoch": progress.epoch,
        "train_images": len(job.dataset.train),
        "validation_images": len(job.dataset.validation),
        "parameters": job.network.plan().parameters,
    }


def note(message: str) -> Event:
    """Say something that a reader of the run should know."""
    return {"event": "note", "message": message}


def step(progress: Progress, steps_per_epoch: int, seconds: float) -> Event:
    """Say how far the epoch under way is, which took `seconds`."""
    return {
        "event": "step",
        "epoch": progress.epoch + 1,
        "step": progress.step,
        "steps": steps_per_epoch,
        "train_loss": progress.loss,
        "train_accuracy": progress.accuracy,
        "images_per_second": progress.images / max(seconds, 1e-9),
    }


def epoch(
    progress: Progress,
    *,
    validation_loss: float,
    validation_cross_entropy: float,
    validation_accuracy: float,
    learning_rate: float,
    best: bool,
) -> Event:
    """Return the results of an epoch, from the sums that `progress` still has.

    `validation_loss` is the loss that is trained, label smoothing included, and chooses the best
    epoch; `validation_cross_entropy` is the loss without smoothing, as `convlens evaluate`
    measures it. `learning_rate` is that of the last step.
    """
    return {
        "event": "epoch",
        "epoch": progress.epoch,
        "train_loss": progress.loss,
        "train_accuracy": progress.accuracy,
        "validation_loss": validation_loss,
        "validation_cross_entropy": validation_cross_entropy,
        "validation_accuracy": validation_accuracy,
        "learning_rate": learning_rate,
        "train_seconds": progress.epoch_seconds,
        "images_per_second": progress.images / max(progress.epoch_seconds, 1e-9),
        "best": best,
    }


def stopped_early(progress: Progress, job: Job) -> Event:
    """Say that a training stopped before the last epoch of its recipe, and why."""
    patience = job.recipe.patience
    return note(
        f"stopped early after epoch {progress.epoch} of {job.recipe.epochs}: the validation loss "
        f"has not been lower than in epoch {progress.best_epoch} for {patience} "
        f"epoch{'s' * (patience > 1)} (patience)"
    )


def test(evaluation: Evaluation, progress: Progress) -> Event:
    """Say what the test set gave, read once with the weights that validation chose."""
    return {
        "event": "test",
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "images": evaluation.images,
        "weights": f"best by validation, epoch {progress.best_epoch}",
    }


def end(state: str, message: str) -> Event:
    """Say in which state the run ended, and why."""
    return {"event": "end", "state": state, "message": message}
