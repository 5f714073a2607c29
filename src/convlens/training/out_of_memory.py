"""What to advise where memory ran out in a training: a batch that was tried and fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convlens.foundation.errors import TrainingError
from convlens.training.batches import ImageSet
from convlens.training.engine import begin
from convlens.training.job import Job
from convlens.training.loop import fit
from convlens.training.memory import batch_that_fits


class OutOfMemory(TrainingError):
    """The device has too little memory for the training."""


def out_of_memory(job: Job, train: ImageSet) -> OutOfMemory:
    """Return the error of a training that ran out of memory; smaller batches are tried first.

    Parameters
    ----------
    job : Job
        The training.
    train : ImageSet
        Its training images, which are in memory already.
    """

    def attempt(size: int) -> None:
        # two steps: the optimizer's moments are there from the second one on
        share = min(1.0, 2 * size / len(train))
        changes = {"batch_size": size, "epochs": 1, "epoch_share": share}
        smaller = replace(
            job,
            recipe=job.recipe.changed(changes),
            compute=replace(job.compute, evaluation_batch=min(job.compute.evaluation_batch, size)),
        )
        validation = job.dataset.validation
        few = validation.take(np.arange(min(size, len(validation))))
        fit(begin(smaller), train, job.image_set(few))

    fits = batch_that_fits(job.recipe.batch_size, attempt)
    what = f"the device has too little memory for batches of {job.recipe.batch_size}"
    if fits is None:
        return OutOfMemory(
            what, "a network that fits, with any batch", "use a smaller network or smaller images"
        )
    advice = f"use `batch_size={fits}`"
    if job.compute.evaluation_batch > fits:
        advice += f" and `evaluation_batch={fits}`"
    return OutOfMemory(what, f"a batch that fits: {fits} was tried and does", advice)
