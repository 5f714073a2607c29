"""Which cells exist, and that each sees exactly what its region says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import networks
from convlens.engines.reference import ReferenceModel
from convlens.foundation.errors import InputError
from convlens.inside.cells import checked_cell, region
from convlens.network import Network, zoo
from convlens.network.plan import Step


@pytest.fixture(scope="module")
def rows() -> dict[str, Step]:
    return {row.name: row for row in zoo.load("tutorial-torch").plan().steps}


@pytest.mark.parametrize(
    "cell", [(3, 5, 7), [3, 5, 7], np.array([3, 5, 7]), (np.int64(3), np.uint8(5), 7)]
)
def test_a_cell_is_any_three_whole_numbers(rows: dict[str, Step], cell: Any) -> None:
    assert checked_cell(rows["conv1"], cell, None) == (3, 5, 7)


def test_a_filter_may_be_given_apart(rows: dict[str, Step]) -> None:
    assert checked_cell(rows["conv1"], (5, 7), 3) == (3, 5, 7)


def test_features_are_counted_by_one_index(rows: dict[str, Step]) -> None:
    assert checked_cell(rows["linear1"], 9, None) == checked_cell(rows["linear1"], (9,), None)


@pytest.mark.parametrize(
    ("cell", "filter", "message"),
    [
        ((32, 26, -1), None, r"no cell \(32, 26, -1\)"),
        ((5, 7), None, r"has 2 numbers and layer \"conv1\", 32x26x26, has 3"),
        ((3, 5, 7), 3, "has 4 numbers"),
        ((0.5, 5, 7), None, "not made of whole numbers"),
        (np.array([1.0, 2.0, 3.0]), None, "not made of whole numbers"),
        ("abc", None, "not made of whole numbers"),
        ((5, 7), "3", "not made of whole numbers"),
        (None, None, "not made of whole numbers"),
    ],
)
def test_a_cell_that_does_not_exist_is_refused_with_the_ranges(
    rows: dict[str, Step], cell: Any, filter: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        checked_cell(rows["conv1"], cell, filter)
    assert "filter 0 to 31, row 0 to 25, column 0 to 25" in error.value.expected


def test_the_nearest_cell_is_named(rows: dict[str, Step]) -> None:
    with pytest.raises(InputError, match=r"the nearest is \(31, 25, 0\)"):
        checked_cell(rows["conv1"], (32, 26, -1), None)
    with pytest.raises(InputError, match=r"the nearest is \(9,\)"):
        checked_cell(rows["linear1"], 10, None)


@settings(max_examples=40)
@given(networks.written, st.integers(0, 2**32 - 1))
def test_pixels_outside_its_region_do_not_change_a_cell(written: dict[str, Any], seed: int) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    rng, table = np.random.default_rng(seed), network.plan()
    model = ReferenceModel(network)
    # positive weights: what a cell sees cannot cancel out
    shapes = table.weight_shapes().items()
    model.load_weights({name: rng.uniform(0.1, 1, shape) for name, shape in shapes})
    row = table.steps[rng.integers(len(table.steps))]
    cell = tuple(int(rng.integers(n)) for n in row.output)
    seen = region(table, row, cell).clipped(*network.input[1:])
    image = rng.uniform(1, 2, network.input)
    other = rng.uniform(1, 2, network.input)
    if seen is not None:
        inside = (
            slice(seen.first_row, seen.last_row + 1),
            slice(seen.first_column, seen.last_column + 1),
        )
        other[:, *inside] = image[:, *inside]
    both = model.activations(np.stack([image, other]), [row.name])[row.name]
    np.testing.assert_allclose(both[0][cell], both[1][cell], rtol=1e-12)


def test_each_edge_pixel_of_its_region_changes_a_cell() -> None:
    network = Network(
        input=(1, 20, 20),
        layers=[
            {"conv": 2, "kernel": 3, "stride": [1, 2], "padding": [1, 1, 0, 1]},
            {"avg_pool": 2},
            {"conv": 1, "kernel": [3, 2], "dilation": [2, 1]},
        ],
        rounding="floor",
    )
    table = network.plan()
    model = ReferenceModel(network)
    weights = {name: np.ones(shape) for name, shape in table.weight_shapes().items()}
    model.load_weights(weights)
    seen = region(table, table.steps[-1], (0, 3, 2))
    # by hand: 5 rows of the pool from 3 are rows 6 to 15 of conv1, which see 5 to 16 of the
    # image; 2 columns from 2 are columns 4 to 7 of conv1, which begin at 8 and end at 16
    assert (seen.first_row, seen.last_row) == (5, 16)
    assert (seen.first_column, seen.last_column) == (8, 16)
    image = np.zeros((1, 1, 20, 20))
    base = model.activations(image)["conv2"][0, 0, 3, 2]
    for y, x in [(5, 8), (5, 16), (16, 8), (16, 16)]:
        touched = image.copy()
        touched[0, 0, y, x] = 1
        assert model.activations(touched)["conv2"][0, 0, 3, 2] != base


def test_a_softmax_over_maps_sees_all_of_them() -> None:
    network = Network(
        input=(1, 6, 6), layers=[{"conv": 1, "kernel": 3}, {"flatten": True}, {"softmax": True}]
    )
    table = network.plan()
    assert str(region(table, table.step("flatten1"), (6,))) == "rows 1 to 3, columns 2 to 4"
    assert str(region(table, table.step("softmax1"), (6,))) == "rows 0 to 5, columns 0 to 5"
