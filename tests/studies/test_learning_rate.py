"""The range test: rates rise by a constant factor, and what is read off is where it should be."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from convlens.foundation.errors import InputError
from convlens.studies import learning_rate
from convlens.studies.learning_rate import read_off, smoothed
from studies.example import bench

RATES = [10 ** (-6 + 7 * step / 199) for step in range(200)]


def curve(middle: float, breaks: float) -> list[float]:
    """A loss that falls around `middle` and explodes after `breaks`."""
    return [2.3 - 2 / (1 + (middle / rate) ** 2) + (rate / breaks) ** 2 for rate in RATES]


def test_the_steepest_fall_and_the_lowest_loss_are_read_off() -> None:
    read = read_off(RATES, curve(middle=1e-3, breaks=0.3))
    assert read is not None
    assert 3e-4 < read["steepest"] < 4e-3
    assert 5e-3 < read["lowest_loss"] < 0.2
    assert read["steepest"] < read["lowest_loss"]


def test_a_loss_that_never_falls_gives_nothing_to_read() -> None:
    assert read_off(RATES, [2.3 + 0.001 * step for step in range(200)]) is None
    assert read_off(RATES[:5], [2.3, 2.0, 1.0, 0.5, 0.1]) is None


def test_smoothing_starts_at_the_first_loss() -> None:
    assert smoothed([2.0, 2.0])[0] == pytest.approx(2.0)
    assert smoothed([2.0, 0.0])[1] == pytest.approx(2.0 * 0.09 / 0.19)


def test_the_study_suggests_a_rate_and_checks_it(tmp_path: Path) -> None:
    found = learning_rate.study(bench(tmp_path, "learning-rate", seeds=1, epochs=1))
    results = found.results
    assert results["steepest_at"] <= results["suggested"] <= results["lowest_loss_at"]
    test = results["range_tests"][0]
    factors = [b / a for a, b in zip(test["rates"], test["rates"][1:], strict=False)]
    assert max(factors) == pytest.approx(min(factors), rel=0.02)
    assert len(results["checks"]) == 5
    assert results["checks"][2]["learning_rate"] == pytest.approx(results["suggested"], rel=0.05)
    assert f"{results['suggested']:g}" in found.sentence
    assert all(math.isfinite(loss) for loss in test["losses"])


def test_the_losses_are_those_of_the_training_itself(tmp_path: Path) -> None:
    one = bench(tmp_path, "learning-rate")
    found = learning_rate._range_test(one, 0, 1e-6, 1e-5, 5)
    assert len(found["losses"]) == 5
    # at so low a rate nothing changes: an epoch of five steps has the mean of these losses
    trial = one.begin(one.subject.recipe.changed({"learning_rate": 1e-6, "epochs": 1}))
    trial.go_on()
    assert sum(found["losses"]) / 5 == pytest.approx(trial.epochs[0]["train_loss"], rel=0.02)


@pytest.mark.parametrize("values", [("1e-3",), ("0.1", "0.01"), ("1e-6", "1e4")])
def test_a_range_that_is_none_is_refused(tmp_path: Path, values: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="range of learning rates"):
        learning_rate.study(bench(tmp_path, "learning-rate", values=values))
