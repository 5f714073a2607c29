"""What a data set looks like, as arrays: samples, means, histograms, sizes of the files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data.catalog import CATALOG
from convlens.data.dataset import Dataset
from convlens.data.files import folder_files
from convlens.data.folder import is_image_folder
from convlens.data.idx import find_idx
from convlens.data.split import random_order
from convlens.errors import DataError

SHOWN_CLASSES = 20
"""Most classes that are drawn; all are counted."""
SAMPLES = 10
"""Images drawn of each class."""


@dataclass(frozen=True)
class Summary:
    """What there is to draw of a data set.

    Parameters
    ----------
    name : str
        Of the set.
    classes : tuple of str
        Those that are drawn, K of them.
    of_classes : int
        How many the set has.
    counts : dict of str to int64 array (K,)
        Images of each class by split.
    samples : list of uint8 arrays (S, C, H, W)
        Training images of each class, chosen at random.
    numbers : list of int64 arrays (S,)
        Their places in the training part.
    means : float64 array (K, C, H, W)
        Mean training image of each class, 0 to 255.
    histogram : int64 array (C, 256)
        How many training pixels have each value, by channel.
    sizes : int64 array (F, 2)
        Height and width of the files of a folder; empty for other sets.
    """

    name: str
    classes: tuple[str, ...]
    of_classes: int
    counts: dict[str, NDArray[np.int64]]
    samples: list[NDArray[np.uint8]]
    numbers: list[NDArray[np.int64]]
    means: NDArray[np.float64]
    histogram: NDArray[np.int64]
    sizes: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))


def summarise(dataset: Dataset, *, seed: int = 0, samples: int = SAMPLES) -> Summary:
    """Compute what there is to draw: the test images are counted, and not looked at.

    Parameters
    ----------
    dataset : Dataset
        The set.
    seed : int
        Chooses the samples.
    samples : int
        Most images of each class.
    """
    shown = min(SHOWN_CLASSES, len(dataset.classes))
    train, order = dataset.train, random_order(len(dataset.train), seed)
    numbers = [order[train.labels[order] == label][:samples] for label in range(shown)]
    means = [
        train.images[train.labels == label].mean(axis=0, dtype=np.float64) for label in range(shown)
    ]
    histogram = np.zeros((train.images.shape[1], 256), np.int64)
    for channel, counts in enumerate(histogram):
        for part in np.array_split(train.images[:, channel], max(1, len(train) // 4096)):
            counts += np.bincount(part.ravel(), minlength=256)
    return Summary(
        dataset.name,
        dataset.classes[:shown],
        len(dataset.classes),
        {
            split: np.bincount(dataset.part(split).labels, minlength=len(dataset.classes))[:shown]
            for split in ("train", "validation", "test")
        },
        [train.images[chosen] for chosen in numbers],
        numbers,
        np.stack(means),
        histogram,
        file_sizes(dataset.source),
    )


def file_sizes(source: str) -> NDArray[np.int64]:
    """Return height and width of each readable file of an image folder: int64 (F, 2).

    Sets that are no folders of images have none.
    """
    path = Path(source)
    none = np.zeros((0, 2), np.int64)
    if source in CATALOG or not path.is_dir() or find_idx(path) or not is_image_folder(path):
        return none
    try:
        files = folder_files(path).files
    except DataError:
        return none
    sizes = [fact.size for fact in files if fact.size is not None]
    return np.array(sizes, np.int64).reshape(-1, 2)
