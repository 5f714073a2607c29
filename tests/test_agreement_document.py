"""The table in `docs/agreement.md` against `convlens compare-engines`: form, rows and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convlens.cli.compare_engines import table
from convlens.engines import build
from convlens.engines.agreement import agreements, relative_difference
from convlens.network import zoo

DOCUMENT = Path(__file__).parents[1] / "docs" / "agreement.md"
NAMES = {"torch": "torch", "keras": "keras on tensorflow"}


def documented() -> list[str]:
    return [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]


def test_the_documented_rows_are_the_zoos_in_both_engines_below_the_promise() -> None:
    lines = documented()
    assert lines[:2] == table([], NAMES)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[:2] for row in rows] == [[n, NAMES[e]] for n in zoo.names() for e in NAMES]
    for network, _, logits, activation, layer in rows:
        assert float(logits) <= 1e-5
        assert float(activation) <= 1e-5
        assert zoo.load(network).plan().step(layer).name == layer


@pytest.mark.parametrize("engine", ["torch", "keras"])
def test_a_row_measured_now_has_the_documented_form_and_nearly_its_numbers(engine: str) -> None:
    if engine == "keras":
        pytest.importorskip("keras", reason="needs the extra keras")
    rows = agreements(zoo.load("tutorial-keras"), [engine])
    (line,) = table(rows, NAMES)[2:]
    start = f"| tutorial-keras | {NAMES[engine]} |"
    (kept,) = (row for row in documented() if row.startswith(start))
    assert line.startswith(start)
    assert line.count("|") == kept.count("|")
    now, then = rows[0], [float(cell) for cell in kept.split("|")[3:5]]
    for measured, printed in zip((now.logits, now.activation), then, strict=True):
        assert printed / 10 < measured < printed * 10


def test_the_reference_agrees_with_itself_and_other_weights_do_not_agree() -> None:
    network = zoo.load("lenet-5")
    same = agreements(network, ["reference"])[0]
    assert (same.logits, same.activation) == (0, 0)
    pixels = np.ones((1, *network.input), np.float32)
    one, other = (build(network, seed).logits(pixels) for seed in (0, 1))
    assert relative_difference(other, one) > 0.1
