"""Classify images with a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from convlens.api.opening import PUBLISHED, Source, open_subject, run_first
from convlens.data.images import Images, named_images
from convlens.evaluation import softmax, top_k
from convlens.foundation.errors import InputError
from convlens.foundation.notebook import ShownInNotebooks
from convlens.foundation.progress import shown, track
from convlens.foundation.spelling import renamed

PREDICTED_AT_ONCE = 32
"""Images per batch in `predict`, because threads that share the work of one image mostly wait."""


@dataclass(frozen=True)
class Prediction(ShownInNotebooks):
    """What a run says of one image: the likeliest classes first."""

    _notebook_view: ClassVar[str] = "prediction"

    image: str
    top: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.top[0][0]

    @property
    def probability(self) -> float:
        """Its softmax probability."""
        return self.top[0][1]


@renamed(root="runs")
@shown
def predict(
    run: Source | Images = "last",
    images: Images | None = None,
    *,
    top: int = 5,
    engine: str = "torch",
    runs: str | Path | None = None,
    progress: bool | None = None,
) -> list[Prediction]:
    """Classify images of any size and mode, prepared exactly as in training.

    Parameters
    ----------
    run : Run, str or Path
        The run that classifies: an open run, its name, its folder, or "last"; or the name of a
        published network. Where it is left out, so that the images come first, it is the last run,
        or EfficientNet-Lite0 where there is none yet.
    images : path, bytes, PIL image, array, or several of these
        Arrays are uint8: one image `(H, W)` or `(H, W, C)`, several `(N, H, W)`,
        `(N, H, W, C)` or `(N, C, H, W)`.
    top : int
        How many classes a prediction holds.
    engine : {"torch", "keras", "reference"}
        The engine that computes. It need not be the one that trained the run.
    runs : path, optional
        Folder of the runs.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Returns
    -------
    list of Prediction
        One per image, in their order; a list of one for one image.

    Raises
    ------
    DataError
        Where one is not a readable image.
    """
    source, images = run_first("predict", run, images, runs)
    subject = open_subject(source, runs, engine=engine)
    if not subject.trained:
        raise InputError(
            f"{subject.name} is a network that was not trained",
            "a run, or a published network",
            f"train it first, or take {PUBLISHED}",
        )
    several, preprocessing = named_images(images), subject.preprocessing
    predictions = []
    for first in track(range(0, len(several), PREDICTED_AT_ONCE), "batches of images classified"):
        some = several[first : first + PREDICTED_AT_ONCE]
        prepared = [preprocessing.prepare(image.source) for image in some]
        pixels = np.stack([each for each, _ in prepared])
        probabilities = softmax(subject.model.logits(preprocessing.normalise(pixels)))
        for image, (_, notes), row in zip(some, prepared, probabilities, strict=True):
            best = tuple(top_k(row, subject.classes, top))
            predictions.append(Prediction(image.name, best, tuple(notes)))
    return predictions
