"""Holding out: every image once, the same share of each class, the same choice every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convlens.data.split import hold_out, share
from convlens.foundation.errors import DataError

LABELS = st.lists(st.integers(0, 3), min_size=8, max_size=60).map(np.array)


@given(LABELS, st.floats(0.05, 0.95), st.integers(0, 9), st.sampled_from(["stratified", "last"]))
def test_each_image_is_on_one_side(
    labels: np.ndarray, fraction: float, seed: int, method: str
) -> None:
    try:
        kept, held = hold_out(labels, fraction, method, seed)
    except DataError as error:
        # only a class of one image, or a share rounded to nothing, leaves a part empty
        assert "one part empty" in error.what  # noqa: PT017
        return
    assert sorted([*kept, *held]) == list(range(len(labels)))
    again = hold_out(labels, fraction, method, seed)
    np.testing.assert_array_equal(held, again[1])


@given(LABELS.filter(lambda labels: min(np.bincount(labels)[np.unique(labels)]) > 1))
def test_a_stratified_class_gives_its_share(labels: np.ndarray) -> None:
    _, held = hold_out(labels, 0.25)
    for label in np.unique(labels):
        assert (labels[held] == label).sum() == share(int((labels == label).sum()), 0.25)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_a_fraction_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(DataError, match="validation fraction"):
        hold_out(np.zeros(10, int), fraction)
