"""Measure a model or a training on a part of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convlens.data import Dataset
from convlens.data.decode import shown
from convlens.engines import Model
from convlens.evaluation import Evaluation, evaluate_logits
from convlens.foundation.progress import track
from convlens.training.compute_settings import EVALUATION_BATCH
from convlens.training.engine import Training
from convlens.training.streaming import image_set
from convlens.training.views import mean_over_views, views_of


def evaluate_model(
    model: Model,
    dataset: Dataset,
    split: str = "test",
    batch_size: int = EVALUATION_BATCH,
    views: Sequence[str] = (),
) -> Evaluation:
    """Measure a model of any engine on one split: no gradients, no augmentation, no shuffling.

    Parameters
    ----------
    model : Model
        Takes images as the data set prepares them, and gives one logit per class.
    dataset : Dataset
        The data.
    split : {"test", "validation", "train"}
        Which part of it.
    batch_size : int
        Images per pass.
    views : sequence of {"mirror", "shift"}
        Average the logits over the images as they are and changed in these ways.
    """
    images = image_set(
        dataset.part(split), dataset.preprocessing, torch.device("cpu"), memory=dataset.memory
    )
    changes = views_of(views)

    def logits_of(batch: Tensor) -> Tensor:
        return torch.from_numpy(model.logits(batch.numpy()))

    parts = [
        mean_over_views(logits_of, batch, changes)
        for batch, _ in track(
            images.in_order(batch_size), "batches computed", ceil(len(images) / batch_size)
        )
    ]
    return _evaluation(torch.cat(parts).numpy(), dataset, split)


def evaluate_best(training: Training, dataset: Dataset) -> Evaluation:
    """Measure the best weights of a training that has ended on the test set, on its device."""
    training.use_best()
    images = image_set(dataset.test, dataset.preprocessing, training.device, memory=dataset.memory)
    logits = training.logits(training.inputs(images))
    return _evaluation(logits.cpu().numpy(), dataset, "test")


def _evaluation(logits: NDArray[np.floating], dataset: Dataset, split: str) -> Evaluation:
    part = dataset.part(split)
    names = None if part.files is None else list(map(shown, part.files))
    return evaluate_logits(
        logits, part.labels, dataset.classes, part.images, split=split, files=names
    )
