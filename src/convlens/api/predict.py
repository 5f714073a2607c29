"""Classify images with a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convlens import runs as store
from convlens.api.opening import run_first, with_weights
from convlens.data import Preprocessing
from convlens.data.images import Images, named_images
from convlens.engines import build
from convlens.evaluation import softmax, top_k
from convlens.foundation.progress import shown, track
from convlens.foundation.spelling import renamed
from convlens.network import Network
from convlens.runs import Run

PREDICTED_AT_ONCE = 32
"""Images a batch in `predict`: threads that share the work of a single image mostly wait."""


@dataclass(frozen=True)
class Prediction:
    """What a run says of one image: the likeliest classes first."""

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
    run: Run | str | Path = "last",
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
        Who classifies: an open run, its name, its folder, or "last".
    images : path, bytes, PIL image, array, or several of these
        Arrays are uint8: one image `(H, W)` or `(H, W, C)`, several `(N, H, W)`,
        `(N, H, W, C)` or `(N, C, H, W)`.
    top : int
        How many classes a prediction holds.
    engine : {"torch", "keras", "reference"}
        Who computes, whichever engine trained the run.
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
    run, images = run_first("predict", run, images)
    run = store.find(run, runs)
    several = named_images(images)
    model = with_weights(build(Network.from_toml(run.network_text), engine=engine), run)
    preprocessing = Preprocessing.from_dict(run.data["preprocessing"])
    classes = [str(name) for name in run.data["classes"]]
    predictions = []
    for first in track(range(0, len(several), PREDICTED_AT_ONCE), "batches of images classified"):
        some = several[first : first + PREDICTED_AT_ONCE]
        prepared = [preprocessing.prepare(image.source) for image in some]
        pixels = np.stack([each for each, _ in prepared])
        probabilities = softmax(model.logits(preprocessing.normalise(pixels)))
        for image, (_, notes), row in zip(some, prepared, probabilities, strict=True):
            best = tuple(top_k(row, classes, top))
            predictions.append(Prediction(image.name, best, tuple(notes)))
    return predictions
