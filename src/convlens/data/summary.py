"""What a data set looks like, as arrays: samples, means, histograms, sizes of the files."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Dataset
from convlens.data.files import folder_files
from convlens.data.source import ImageFolder, find_source
from convlens.data.split import random_order
from convlens.foundation.errors import DataError

SHOWN_CLASSES = 20
"""Most classes that are drawn; all are counted."""
AT_ONCE = 4096
SAMPLES = 10
"""Images drawn of each class."""


@dataclass(frozen=True)
class Summary:
    """What there is to draw of a data set.

    Parameters
    ----------
    name : str
        Name of the set.
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
    sums = np.zeros((shown, *train.images.shape[1:]), np.int64)
    histogram = np.zeros((train.images.shape[1], 256), np.int64)
    for start in range(0, len(train), AT_ONCE):  # the images may lie on a disk
        images, labels = (each[start : start + AT_ONCE] for each in (train.images, train.labels))
        for label in np.unique(labels[labels < shown]):
            sums[label] += images[labels == label].sum(axis=0, dtype=np.int64)
        for channel, counts in enumerate(histogram):
            counts += np.bincount(images[:, channel].ravel(), minlength=256)
    per_class = np.bincount(train.labels, minlength=shown)[:shown].reshape(-1, 1, 1, 1)
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
        sums / per_class,
        histogram,
        file_sizes(dataset.source),
    )


def file_sizes(source: str) -> NDArray[np.int64]:
    """Return height and width of each readable file of an image folder: int64 (F, 2).

    Sets that are no folders of images have none.
    """
    none = np.zeros((0, 2), np.int64)
    try:
        place = find_source(source)
        files = folder_files(place.path).files if isinstance(place, ImageFolder) else []
    except DataError:
        return none
    sizes = [fact.size for fact in files if fact.size is not None]
    return np.array(sizes, np.int64).reshape(-1, 2)
