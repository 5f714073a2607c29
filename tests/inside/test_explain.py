"""A step in words: the exact text of small steps, and sums that add up as printed."""

from __future__ import annotations

import doctest
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import networks
from convlens.engines import build
from convlens.engines.reference import ReferenceModel
from convlens.foundation.errors import InputError
from convlens.inside.explain import explain
from convlens.inside.records import CellComputation
from convlens.inside.windows import window
from convlens.network import Network


def step_of(layer: dict[str, Any], image: Any, cell: Any, **arrays: Any) -> CellComputation:
    """Return a step of a one-layer network called "it"."""
    values = np.array(image, float)
    layers = [{**layer, "name": "it"}]
    model = ReferenceModel(Network(input=values.shape, layers=layers, rounding="floor"))
    model.load_weights({f"it.{name}": np.array(a, float) for name, a in arrays.items()})
    return window(model, values, "it", cell)


def test_nine_products_are_written_line_by_line() -> None:
    image = [[[0.5, 1, 0], [2, 1, 0], [0, 0, -4]]]
    weight = [[[[2, 0, 1], [-1, 3, 0], [0, 1, 0.25]]]]
    step = step_of({"conv": 1, "kernel": 3}, image, (0, 0, 0), weight=weight, bias=[0.5])
    assert explain(step).splitlines() == [
        "it, filter 0, row 0, column 0: a 3x3 kernel over channel 0",
        "  row 0, column 0   0.50 x  2.00 =  1.00",
        "  row 0, column 1   1.00 x  0.00 =  0.00",
        "  row 0, column 2   0.00 x  1.00 =  0.00",
        "  row 1, column 0   2.00 x -1.00 = -2.00",
        "  row 1, column 1   1.00 x  3.00 =  3.00",
        "  row 1, column 2   0.00 x  0.00 =  0.00",
        "  row 2, column 0   0.00 x  0.00 =  0.00",
        "  row 2, column 1   0.00 x  1.00 =  0.00",
        "  row 2, column 2  -4.00 x  0.25 = -1.00",
        "  + bias                            0.50",
        "  = total                           1.50",
        "receptive field: rows 0 to 2, columns 0 to 2 of the 3x3 image (3x3 pixels)",
    ]


def test_rounded_terms_come_with_the_difference_that_rounding_makes() -> None:
    weight = np.full((1, 1, 1, 3), 1 / 3)
    step = step_of(
        {"conv": 1, "kernel": [1, 3], "bias": False}, [[[1, 1, 1]]], (0, 0, 0), weight=weight
    )
    assert explain(step).splitlines()[1:-1] == [
        "  row 0, column 0  1.0000 x 0.3333 = 0.3333",
        "  row 0, column 1  1.0000 x 0.3333 = 0.3333",
        "  row 0, column 2  1.0000 x 0.3333 = 0.3333",
        "  + rounding                         0.0001",
        "  = total                            1.0000",
        "  (rounded to 4 decimals; ~ stands where the factors were rounded too)",
    ]


def test_channels_are_summed_and_opened_when_asked_for() -> None:
    image = np.arange(1, 5).reshape(4, 1, 1)
    step = step_of(
        {"conv": 1, "kernel": [1, 2], "padding": [0, 0, 1, 0]},
        image,
        (0, 0, 0),
        weight=[[[[9, 1]], [[9, -10]], [[9, 3]], [[9, 2]]]],
        bias=[7],
    )
    assert explain(step, channels=[1]).splitlines() == [
        "it, filter 0, row 0, column 0: a 1x2 kernel over 4 channels",
        "  channel 0    1",
        "  channel 1  -20",
        "  channel 2    9",
        "  channel 3    8",
        "  + bias       7",
        "  = total      5",
        "  the three largest products:",
        "    channel 1, row 0, column 0  2 x -10 = -20",
        "    channel 2, row 0, column 0  3 x   3 =   9",
        "    channel 3, row 0, column 0  4 x   2 =   8",
        "  channel 1:",
        "    row 0, column -1 (padding)  0 x   9 =   0",
        "    row 0, column 0             2 x -10 = -20",
        "    = channel 1                           -20",
        "receptive field: rows 0 to 0, columns 0 to 0 of the 1x1 image "
        "(1x2 pixels with the padding: rows 0 to 0, columns -1 to 0)",
    ]


def test_a_channel_that_the_filter_does_not_see_is_refused() -> None:
    weight = np.ones((2, 2, 1, 1))
    step = step_of(
        {"conv": 2, "kernel": 1, "groups": 2, "bias": False},
        np.ones((4, 1, 1)),
        (1, 0, 0),
        weight=weight,
    )
    with pytest.raises(InputError, match=r"does not read channel 0\n.*2 to 3\n.*nearest is 2"):
        explain(step, channels=[0])


def test_a_pool_shows_its_winner_and_leaves_padding_out() -> None:
    step = step_of({"max_pool": 2, "padding": [1, 0, 0, 0]}, [[[3, 7], [0, 0]]], (0, 0, 0))
    assert explain(step).splitlines() == [
        "it, channel 0, row 0, column 0: a 2x2 window (2 of padding left out)",
        "  row 0, column 0  3",
        "  row 0, column 1  7  <- the largest",
        "  max = 7 at row 0, column 1",
        "receptive field: rows 0 to 0, columns 0 to 1 of the 2x2 image "
        "(2x2 pixels with the padding: rows -1 to 0, columns 0 to 1)",
    ]


def test_a_mean_is_a_sum_divided_by_the_real_cells() -> None:
    step = step_of({"global_avg_pool": True}, [[[3, 7], [1, 2]]], (0, 0, 0))
    assert explain(step).splitlines()[1:-1] == [
        "  row 0, column 0   3.00",
        "  row 0, column 1   7.00",
        "  row 1, column 0   1.00",
        "  row 1, column 1   2.00",
        "  = sum            13.00",
        "  mean: 13.00 / 4 = 3.25",
    ]


def test_a_linear_layer_shows_ten_products_and_sums_the_rest() -> None:
    layers = [{"flatten": True}, {"linear": 1, "name": "it"}]
    model = ReferenceModel(Network(input=(3, 2, 2), layers=layers))
    model.load_weights({"it.weight": np.arange(12.0)[None], "it.bias": np.array([-1.0])})
    lines = explain(window(model, np.ones((3, 2, 2)), "it", 0)).splitlines()
    assert lines[0] == "it, output 0: a weighted sum of 12 inputs, the 10 largest products first"
    assert lines[1] == "  input 11 (map 2, row 1, column 1)  1 x 11 = 11"
    assert lines[10] == "  input 2 (map 0, row 1, column 0)   1 x  2 =  2"
    assert lines[11:14] == [
        "  2 other inputs                               1",
        "  + bias                                      -1",
        "  = total                                     65",
    ]


def test_an_elementwise_layer_shows_its_formula() -> None:
    step = step_of({"relu": True}, [[[-2.5]]], (0, 0, 0))
    assert explain(step).splitlines()[:-1] == [
        "it, channel 0, row 0, column 0: max(x, 0)",
        "  x = -2.5",
        "  result = 0",
    ]


def joined(branches: list[Any], join: str, cell: tuple[int, int, int]) -> list[str]:
    network = Network(input=(2, 2, 2), layers=[{"branches": branches, "join": join, "name": "it"}])
    image = np.arange(8.0).reshape(2, 2, 2)
    return explain(window(build(network, engine="reference"), image, "it", cell)).splitlines()[:-1]


def test_branches_are_written_as_a_sum_a_product_or_the_one_that_a_cell_comes_from() -> None:
    assert joined([[], [{"relu": True}], []], "add", (1, 0, 1)) == [
        "it, channel 1, row 0, column 1: the sum of 3 branches",
        "  image              5",
        "  it.branch2.relu1   5",
        "  + image            5",
        "  = total           15",
    ]
    gate = "x it.branch2.global_max_pool1, the only cell of map 1"
    assert joined([[], [{"global_max_pool": True}]], "multiply", (1, 0, 1)) == [
        "it, channel 1, row 0, column 1: the product of both branches",
        f"  {'image':<{len(gate)}}  5",
        f"  {gate}  7",
        f"  {'= total':<{len(gate)}}  35",
    ]
    assert joined([[], [{"relu": True}]], "concat", (3, 0, 1)) == [
        "it, channel 3, row 0, column 1: map 1 of branch 2",
        "  it.branch2.relu1 = 5",
    ]


def test_numbers_that_are_not_finite_are_printed_as_they_are() -> None:
    image = [[[np.nan, np.inf], [1, 2]]]
    step = step_of(
        {"conv": 1, "kernel": 2, "bias": False}, image, (0, 0, 0), weight=np.ones((1, 1, 2, 2))
    )
    assert "= total" in explain(step)
    assert "NaN" in explain(step)


def test_the_documentation_prints_what_it_shows() -> None:
    guide = Path(__file__).parents[2] / "docs" / "steps.md"
    found = doctest.testfile(str(guide), module_relative=False)
    assert found.attempted >= 10
    assert found.failed == 0


SUM = re.compile(r"(-?\d+(?:\.\d+)?)$")


def printed_sums(text: str) -> list[tuple[list[Decimal], Decimal]]:
    """Read every sum of an explanation: its printed terms and its printed total."""
    sums, terms = [], []
    for line in text.splitlines():
        number = SUM.search(line)
        if not line.startswith("  ") or number is None or "largest products" in line:
            terms = []
        elif re.match(r" +(= |mean)", line):
            sums.append((terms, Decimal(number[1])))
            terms = []
        else:
            terms.append(Decimal(number[1]))
    return [(terms, total) for terms, total in sums if terms]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(networks.written, st.integers(0, 2**32 - 1), st.sampled_from([1e-4, 1, 30]))
def test_every_printed_sum_adds_up_exactly(
    written: dict[str, Any], seed: int, scale: float
) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    kinds = ("conv", "depthwise", "linear", "avg_pool", "add")
    rows = [row for row in network.plan().steps if row.kind in kinds]
    assume(rows)
    rng = np.random.default_rng(seed)
    row = rows[rng.integers(len(rows))]
    cell = tuple(int(rng.integers(n)) for n in row.output)
    image = scale * rng.standard_normal(network.input)
    step = window(build(network, seed % 1000, "reference"), image, row.name, cell)
    text = explain(step, channels=getattr(step, "channels", [])[:2])
    sums = printed_sums(text)
    assert sums
    for terms, total in sums:
        assert sum(terms) == total, text
    shown = sums[0][1]
    places = -int(shown.as_tuple().exponent)
    if row.kind != "avg_pool":
        assert abs(float(shown) - step.total) <= 0.51 * 10.0**-places
