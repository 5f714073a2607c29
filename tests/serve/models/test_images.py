"""Images in a body: the quick way of reading numbers sees what NumPy sees, or leaves it to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convlens.foundation.errors import ConvlensError
from convlens.serve.http.limits import Limits
from convlens.serve.models.images import _bytes_of, _usual, read_arrays

SHAPES = [(1, 2, 3), (3, 2, 2)]
NUMBERS = st.integers(-2, 258) | st.integers(0, 255)


def nested(*sizes: int) -> st.SearchStrategy[Any]:
    """Lists in lists of mostly these sizes, with mostly bytes in them."""
    if not sizes:
        return NUMBERS
    inner = nested(*sizes[1:])
    exact = st.lists(inner, min_size=sizes[0], max_size=sizes[0])
    return st.one_of(exact, exact, exact, st.lists(inner, max_size=3), st.floats(), st.text())


@pytest.mark.parametrize("shape", SHAPES)
@given(data=st.data())
def test_what_is_read_quickly_is_what_numpy_reads(
    shape: tuple[int, int, int], data: st.DataObject
) -> None:
    sizes = shape if data.draw(st.booleans()) else shape[1:]
    value = data.draw(nested(2, *sizes))
    found = _usual(value, shape)
    if found is not None:
        assert found.shape[1:] == shape
        np.testing.assert_array_equal(found, _bytes_of(value, "images").reshape(found.shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_the_networks_shape_are_read_quickly(shape: tuple[int, int, int]) -> None:
    images = np.arange(4 * np.prod(shape), dtype=np.uint8).reshape(4, *shape)
    np.testing.assert_array_equal(_usual(images.tolist(), shape), images)
    if shape[0] == 1:
        np.testing.assert_array_equal(_usual(images[:, 0].tolist(), shape), images)
    assert _usual(images[:, :, :1].tolist(), shape) is None
    assert _usual(np.where(images == 3, 256, images.astype(int)).tolist(), shape) is None


def test_truth_values_are_no_numbers_even_among_numbers() -> None:
    body = b'{"images": [[[true, false, true], [false, true, true]]]}'
    with pytest.raises(ConvlensError, match="truth values"):
        read_arrays("application/json", body, (1, 2, 3), Limits(), one=False)


def test_other_fields_stay_beside_the_images() -> None:
    body = orjson.dumps({"layer": "conv1", "images": [[[1, 2, 3], [4, 5, 6]]]})
    images, fields = read_arrays("application/json", body, (1, 2, 3), Limits(), one=False)
    assert images[0].tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert fields == {"layer": "conv1"}
