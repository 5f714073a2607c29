"""The bench does each trial once, keeps what failed, and ends on a signal."""

from __future__ import annotations

import signal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from convlens.foundation.errors import InputError, Interrupted
from convlens.report.text_table import Table
from convlens.studies import batch_size, study
from convlens.studies.conduct import with_warning
from convlens.studies.findings import Findings
from convlens.studies.study import Options
from studies.example import RECIPE, bench, subject


def test_a_trial_that_was_done_is_not_done_again(tmp_path: Path) -> None:
    counted = []

    def measure() -> dict[str, Any]:
        counted.append(1)
        return {"seconds": 2.0}

    for _ in range(2):
        assert bench(tmp_path).trial("a", {"x": 1}, measure) == {"seconds": 2.0}
    assert len(counted) == 1
    bench(tmp_path, "another").trial("a", {"x": 1}, measure)
    assert len(counted) == 2


def test_another_recipe_network_or_data_is_another_trial() -> None:
    digests = {
        subject().digest,
        subject(RECIPE.changed({"learning_rate": 0.1})).digest,
        subject(
            network=subject().network.adapted((1, 28, 28), 10).model_copy(update={"name": "other"})
        ).digest,
    }
    assert len(digests) == 3
    assert subject(RECIPE.changed({"seed": 5, "epochs": 9})).digest == subject().digest


def test_a_training_that_diverges_is_a_result(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"learning_rate": 100, "optimizer": "sgd", "momentum": 0.99})
    found = bench(tmp_path).training("bad", {"rate": 100}, recipe=recipe)
    assert "NaN" in found["failed"]
    lines: list[str] = []
    again = bench(tmp_path)
    again.on_progress = lines.append
    again.training("bad", {"rate": 100}, recipe=recipe)
    assert "kept from before" in lines[0]


def test_a_signal_ends_the_study_and_what_was_done_stays(tmp_path: Path) -> None:
    first = bench(tmp_path)
    done = first.training("one", {"x": 1}, recipe=RECIPE)
    first.interrupt.signal_number = signal.SIGTERM
    with pytest.raises(Interrupted) as error:
        first.training("two", {"x": 2}, recipe=RECIPE)
    assert error.value.exit_code == 143
    assert "same command" in error.value.fix
    again = bench(tmp_path)
    assert again.training("one", {"x": 1}, recipe=RECIPE) == done
    assert again.remembered == 1


def test_the_same_seed_gives_the_same_accuracy(tmp_path: Path) -> None:
    one = bench(tmp_path / "a").training("one", {}, recipe=RECIPE)
    two = bench(tmp_path / "b").training("one", {}, recipe=RECIPE)
    assert one["validation_loss"] == two["validation_loss"]
    assert one["updates"] == two["updates"] == 2 * 5


@pytest.mark.parametrize("values", [("0",), ("-1",), ("x",), ("nan",), ("inf",), ("1e9",)])
def test_values_that_are_no_numbers_are_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="`values`"):
        Options(values).numbers((1,))


def test_half_a_thread_is_refused() -> None:
    with pytest.raises(InputError, match="whole numbers"):
        Options(("1.5",)).whole_numbers((1,))


def test_a_table_reads_the_same_as_text_and_as_markdown() -> None:
    table = Table("sizes", ("batch", "seconds"), (("1", "166.0"), ("10", "17.0")))
    assert [line.split() for line in str(table).splitlines()][2] == ["1", "166.0"]
    assert table.markdown().splitlines()[1] == "|---|---:|"
    assert table.markdown().splitlines()[3] == "| 10 | 17.0 |"


def crowd(monkeypatch: pytest.MonkeyPatch, *crowded: bool) -> None:
    """Let the system say of each measurement whether its threads waited for most of its time."""
    times = iter([value for busy in crowded for value in (0.0, 1e6 * busy)])
    monkeypatch.setattr(study, "waited_seconds", lambda: next(times))


def test_a_trial_beside_other_work_is_measured_again_and_the_quiet_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(monkeypatch, True, False)
    values = iter([2412.4, 1.5])
    own = bench(tmp_path)
    found = own.trial("one", {"n": 1}, lambda: {"seconds_an_epoch": next(values)})
    assert found == {"seconds_an_epoch": 1.5}
    assert own.crowded == 0


def test_times_beside_other_work_are_said_to_be_unreliable_and_are_measured_anew_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(monkeypatch, True, True, True, False)
    own = bench(tmp_path)
    found = own.trial("one", {"n": 1}, lambda: {"seconds_an_epoch": 2412.4})
    assert found["crowded"]
    assert own.crowded == 1
    told = with_warning(Findings("t", "It is quick.", (), (), ()), own)
    assert "Do not rely on the times: 1 of 1 trainings" in told.sentence
    assert told.results["times_are_reliable"] is False
    again = bench(tmp_path).trial("one", {"n": 1}, lambda: {"seconds_an_epoch": 1.0})
    assert again == {"seconds_an_epoch": 1.0}


def test_the_batch_study_withholds_what_was_measured_beside_other_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = count()
    monkeypatch.setattr(study, "waited_seconds", lambda: 1e6 * next(waited))
    own = bench(tmp_path, values=("40", "90"), epochs=1, seconds=0.1, budget=0.5)
    findings = batch_size.study(own)
    assert [row["failed"] for row in findings.results["batches"]] == [batch_size.CROWDED_OUT] * 2
    assert "seconds_an_epoch" not in findings.results["batches"][0]
    assert "No batch size could be measured" in findings.sentence
