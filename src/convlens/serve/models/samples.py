"""Images of a run's own data for the page: some of its test set, or the worst mistakes."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens import data as datasets
from convlens.data import Dataset, Split
from convlens.foundation.errors import ConvlensError
from convlens.runs import Run
from convlens.serve import schemas
from convlens.serve.http.problems import Problem
from convlens.serve.models.served import ServedModel

MOST = 100


class HeldOutImages:
    """The test sets of runs, each read once; runs of the same data share one.

    Parameters
    ----------
    kept : int
        How many are kept in memory.
    """

    def __init__(self, kept: int = 2) -> None:
        self._kept = kept
        self._sets: dict[str, Split] = {}
        self._lock = threading.Lock()

    def of(self, run: Run) -> Split:
        """Return the test images of a run's data.

        Raises
        ------
        Problem
            404, where the data is not on this machine or is not what it was.
        """
        key = str(run.data.get("fingerprint"))
        with self._lock:
            if key not in self._sets:
                try:
                    dataset: Dataset = datasets.load_like(run.data)
                except (ConvlensError, OSError):  # its message names folders of this machine
                    raise Problem(
                        *(404, "no_data", "the run's data is not on this machine"),
                        "the data that the run was trained on",
                        "draw or drop an image instead",
                    ) from None
                while len(self._sets) >= self._kept:
                    self._sets.pop(next(iter(self._sets)))
                self._sets[key] = dataset.test
            return self._sets[key]


def some_of(model: ServedModel, part: Split, count: int, seed: int) -> list[schemas.Sample]:
    """Return images of a test set, in turn from each class, with what the model says of them.

    Parameters
    ----------
    model : ServedModel
        The model that classifies them.
    part : Split
        The test set.
    count : int
        How many.
    seed : int
        Which ones.
    """
    order = np.random.default_rng(seed).permutation(len(part))
    labels = part.labels[order]
    # the n-th image of each class comes before the n+1-th of any
    turn = np.zeros(len(order), np.int64)
    for number in np.unique(labels):
        turn[labels == number] = np.arange(int((labels == number).sum()))
    chosen = order[np.lexsort((labels, turn))][:count]
    return _answered(model, part, chosen)


def mistakes(model: ServedModel, run: Run, part: Split | None, count: int) -> list[schemas.Sample]:
    """Return the worst mistakes of the run's own evaluation.

    Without the data at hand they are the small pictures that the evaluation kept.

    Raises
    ------
    Problem
        404, where the run was not evaluated.
    """
    evaluation = run.evaluation
    if evaluation is None:
        raise Problem(
            *(404, "not_evaluated", "the run has no test result yet"), "a finished run", "wait"
        )
    rows = [row for row in evaluation.get("mistakes", []) if isinstance(row, Mapping)][:count]
    if part is not None and evaluation.get("split") == "test":
        indexes = [int(row["index"]) for row in rows if 0 <= int(row["index"]) < len(part)]
        return _answered(model, part, np.array(indexes, np.int64))
    return [
        {
            "index": int(row["index"]),
            "image": f"data:image/png;base64,{row['picture']}",
            "label": model.classes[int(row["label"])],
            "predicted": model.classes[int(row["predicted"])],
            "probability": float(row["probability"]),
        }
        for row in rows
        if row.get("picture")
    ]


def _answered(model: ServedModel, part: Split, chosen: NDArray[np.int64]) -> list[schemas.Sample]:
    if len(chosen) == 0:
        return []
    images = np.ascontiguousarray(part.images[chosen])
    order, probabilities = model.model.answers(images)
    return [
        {
            "index": int(index),
            "image": data_url(image),
            "label": model.classes[int(part.labels[index])],
            "predicted": model.classes[int(best[0])],
            "probability": float(row[0]),
        }
        for index, image, row, best in zip(chosen, images, probabilities, order, strict=True)
    ]


def data_url(image: NDArray[np.uint8]) -> str:
    """Return a uint8 (C, H, W) image as the data: URL of a PNG of its own size."""
    plane = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(plane)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
