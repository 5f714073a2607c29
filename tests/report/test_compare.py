"""Comparing runs: only what differs, and a warning where numbers do not compare."""

from __future__ import annotations

import json
from typing import Any

from convlens.report.compare import compare_table


def run(name: str, fingerprint: str = "sha256:1", **recipe: Any) -> dict[str, Any]:
    return {
        "name": name,
        "status": {"test_accuracy": 0.99, "train_seconds": 83.0, "network": "small"},
        "recipe": {"epochs": 5, "seed": 0, "augmentation": {"shift": 0.1, "flip": False}} | recipe,
        "data": {"name": "digits", "fingerprint": fingerprint},
    }


def test_only_settings_that_differ_are_shown() -> None:
    found = compare_table(
        [run("a"), run("b", epochs=9, augmentation={"shift": 0.2, "flip": False})]
    )
    rows = {row["name"]: row["values"] for row in found.rows}
    assert rows["epochs"] == [5, 9]
    assert rows["augmentation.shift"] == [0.1, 0.2]
    assert {"seed", "augmentation.flip", "network", "data"}.isdisjoint(rows)


def test_results_are_always_shown_and_are_json() -> None:
    found = compare_table([run("a"), run("a")])
    assert {"name": "test accuracy", "values": [0.99, 0.99]} in found.rows
    json.dumps(found.rows)


def test_a_setting_that_one_run_lacks_counts_as_a_difference() -> None:
    found = compare_table([run("a"), run("b", ema=0.9)])
    assert {"name": "ema", "values": [None, 0.9]} in found.rows


def test_the_engine_is_named_where_it_differs() -> None:
    first, second = run("a"), run("b")
    first["status"]["engine"], second["status"]["engine"] = "torch", "keras"
    rows = compare_table([first, second]).rows
    assert {"name": "engine", "values": ["torch", "keras"]} in rows
    assert "engine" not in {row["name"] for row in compare_table([first, first]).rows}


def test_runs_on_different_data_are_warned_about() -> None:
    warned = compare_table([run("a"), run("b", fingerprint="sha256:2")]).warnings
    assert any("fingerprints differ" in warning for warning in warned)
    same = compare_table([run("a"), run("b")]).warnings
    assert not any("fingerprints differ" in warning for warning in same)


def test_the_plain_text_lines_up_and_ends_with_the_warnings() -> None:
    lines = str(compare_table([run("first"), run("second", epochs=9)])).splitlines()
    assert lines[0].split() == ["first", "second"]
    column = lines[0].index("second")
    row = next(line for line in lines if line.startswith("epochs"))
    assert row[column] == "9"
    assert "99.00%" in next(line for line in lines if line.startswith("test accuracy"))
    assert lines[-1].startswith("warning: choose between runs by validation accuracy")


def imported(name: str) -> dict[str, Any]:
    """A run as `convlens import` writes it: no data, no recipe, nothing measured."""
    return {
        "name": name,
        "status": {"state": "imported", "network": "small", "data": ""},
        "recipe": {},
        "data": {"name": "", "fingerprint": ""},
    }


def test_an_imported_run_is_not_said_to_be_measured_on_other_data() -> None:
    comparison = compare_table([run("a"), imported("b")])
    assert comparison.warnings == (
        "b was imported: its data and its recipe are not known, and not compared",
    )


def test_what_an_imported_run_does_not_know_is_no_difference() -> None:
    comparison = compare_table([run("a"), imported("b"), run("c", epochs=9)])
    settings = {row["name"]: row["values"] for row in comparison.rows}
    assert settings["epochs"] == [5, None, 9]
    assert {"seed", "data", "augmentation.flip"}.isdisjoint(settings)
    assert any("validation accuracy" in warning for warning in comparison.warnings)
