"""Holding out a validation part: which images choose the model, and which ones train it.

One split is no cross-validation: holding out a tenth trains once on nine tenths, where
ten-fold cross-validation would train ten times.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from convlens.foundation.errors import DataError, nearest

Method = Literal["stratified", "last"]
Indices: TypeAlias = NDArray[np.int64]


def check_fraction(fraction: float, seed: int) -> None:
    """Refuse a validation fraction outside 0 < f < 1, or a negative seed.

    Raises
    ------
    DataError
        If either is out of range (NaN included).
    """
    if not 0 < fraction < 1:  # NaN fails every comparison
        raise DataError(
            f"the validation fraction is {fraction}",
            "a number above 0 and below 1",
            "use 0.1 to hold out a tenth of the training images",
        )
    if seed < 0:
        raise DataError(f"the split seed is {seed}", "a whole number of at least 0")


def random_order(count: int, seed: int) -> Indices:
    """Return 0..count-1 in a seeded random order, the same with every NumPy version.

    NumPy promises the stream of PCG64 for ever, but not what `Generator.permutation` makes
    of it; sorting the stream's own doubles depends on nothing else.

    Examples
    --------
    >>> sorted(random_order(4, seed=1).tolist())
    [0, 1, 2, 3]
    """
    keys = np.random.Generator(np.random.PCG64(seed)).random(count)
    return np.argsort(keys, kind="stable").astype(np.int64)


def hold_out(
    labels: NDArray[np.integer], fraction: float, method: str = "stratified", seed: int = 0
) -> tuple[Indices, Indices]:
    """Choose which of the training images are kept for validation.

    Parameters
    ----------
    labels : integer array, shape (N,)
        Class of each image.
    fraction : float
        Part to hold out, above 0 and below 1.
    method : {"stratified", "last"}
        `stratified` takes the same share of every class, at random; a class of two images or
        more gives at least one and keeps at least one. `last` takes the last images in the
        order of the file without looking at the classes, as Keras' `validation_split` does;
        a file sorted by class would lose whole classes that way.
    seed : int
        Fixes the choice of `stratified`; `last` has none.

    Returns
    -------
    train, validation : int64 arrays
        Indices in ascending order; together each index appears once.

    Raises
    ------
    DataError
        If the fraction or the method is wrong, or one of the two parts would be empty.

    References
    ----------
    `validation_split` of https://keras.io/api/models/model_training_apis/#fit-method

    Examples
    --------
    >>> hold_out(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, "last")[1].tolist()
    [6, 7]
    >>> labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> labels[hold_out(labels, 0.25, "stratified")[1]].tolist()
    [0, 1]
    """
    check_fraction(fraction, seed)
    if method == "stratified":
        held = _stratified(labels, fraction, seed)
    elif method == "last":
        held = np.zeros(len(labels), dtype=bool)
        held[math.floor(len(labels) * (1 - fraction)) :] = True
    else:
        raise DataError(
            f'the validation method is "{method}"{nearest(method, get_args(Method))}',
            "stratified or last",
            'use "stratified"',
        )
    if held.all() or not held.any():
        raise DataError(
            f"holding out {fraction} of {len(labels)} images leaves one part empty",
            "at least one image to train on and one to validate with",
            "use more images or another fraction",
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def _stratified(labels: NDArray[np.integer], fraction: float, seed: int) -> NDArray[np.bool_]:
    order = random_order(len(labels), seed)
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        held[members[: share(len(members), fraction)]] = True
    return held


def share(count: int, fraction: float) -> int:
    """Return how many of `count` to hold out: rounded, at least one, never all of them.

    Examples
    --------
    >>> share(50, 0.1), share(2, 0.1), share(2, 0.9), share(1, 0.5)
    (5, 1, 1, 0)
    """
    return min(max(1, math.floor(count * fraction + 0.5)), count - 1)
