"""The study of batch sizes: exact updates, measured seconds, and what was only sampled says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlens.studies import batch_size
from convlens.studies.batch_size import rate
from convlens.training.recipe import Recipe
from studies.example import bench, subject


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> batch_size.Findings:
    folder = tmp_path_factory.mktemp("study")
    options = {"values": ("1", "10", "60", "100000"), "epochs": 2, "seconds": 0.2}
    return batch_size.study(bench(folder, "batch-size", **options))


def test_updates_are_the_images_by_the_batch(found: batch_size.Findings) -> None:
    rows = {row["batch"]: row for row in found.results["batches"]}
    assert set(rows) == {1, 10, 60}, "a batch larger than the set is left out"
    assert [rows[b]["updates_an_epoch"] for b in (1, 10, 60)] == [180, 18, 3]


def test_equal_updates_are_those_of_the_recipes_own_batch(found: batch_size.Findings) -> None:
    for row in found.results["batches"]:
        expected = row["seconds_an_update"] * 5  # 180 images in batches of 40
        assert row["seconds_for_equal_updates"] == pytest.approx(expected)
        assert row["seconds_an_epoch"] == pytest.approx(
            row["seconds_an_update"] * row["updates_an_epoch"], rel=0.5
        )


def test_accuracy_is_compared_after_equal_epochs_and_equal_time(found: batch_size.Findings) -> None:
    for row in found.results["batches"]:
        assert len(row["after_epochs"]) == len(row["after_seconds"]) == 1
        assert 0 <= row["after_seconds"][0] <= 1


def test_the_tutorials_table_stands_beside_it(found: batch_size.Findings) -> None:
    table = found.tables[2]
    assert [row[:3] for row in table.rows] == [
        ("1", "50,000", "166 s"),
        ("10", "5,000", "17 s"),
        ("ratio", "10.0", "9.8"),
    ]
    assert "counted up from 180" in table.title


def test_an_epoch_that_does_not_end_in_its_time_is_counted_up_and_says_so(tmp_path: Path) -> None:
    options = {"values": ("1",), "epochs": 50, "seconds": 0.05, "budget": 0.05}
    found = batch_size.study(bench(tmp_path, "batch-size", **options))
    row = found.results["batches"][0]
    assert row["sampled"] is None or 0 < row["sampled"] < 1
    assert row["after_epochs"] == []
    if row["sampled"] is not None:
        assert f"from {row['sampled']:.2g} of it" in found.tables[0].rows[0][2]
    assert "at most 0.05 s" in " ".join(found.method)


def test_a_batch_that_memory_cannot_hold_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_size, "available_memory", lambda: 10**6)
    options = {"values": ("1", "100"), "epochs": 1, "seconds": 0.1}
    found = batch_size.study(bench(tmp_path, "batch-size", **options))
    small, large = found.results["batches"]
    assert small["failed"] is None
    assert "GB of memory" in large["failed"]


def test_the_rate_grows_with_the_batch_as_its_optimizer_wants() -> None:
    adam = Recipe(batch_size=100, learning_rate=0.01)
    assert rate(adam, 400) == pytest.approx(0.02)
    assert rate(adam.changed({"optimizer": "sgd"}), 400) == pytest.approx(0.04)
    assert subject().recipe.batch_size == 40
