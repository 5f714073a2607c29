"""Fault 31: what resuming refuses and what it notes, as decision 18 says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import convlens
from cli.test_cli import fail
from convlens import open_run
from convlens.engines import device
from convlens.foundation.errors import DataError, RunError
from convlens.training import resuming
from convlens.training.recipe import Recipe
from recorded_runs import RECIPE, Stopped, digits, train


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run that broke off after two of three epochs, the second of them saved."""
    with pytest.raises(Stopped):
        train(tmp_path / "run", RECIPE.changed({"epochs": 3}), stop_after=2)
    from convlens import runs

    if not (tmp_path / "run" / "checkpoint").exists():
        pytest.fail("no checkpoint")
    with runs.open_existing(tmp_path / "run") as writer:
        assert writer.load_checkpoint()[1]["epoch"] >= 1
    return tmp_path / "run"


@pytest.fixture(autouse=True)
def save_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.training.saving.SAVE_SECONDS", 0.0)


def resume(folder: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    convlens.resume(folder, data=digits(), on_event=events.append)
    return events


def notes(events: list[dict[str, Any]]) -> list[str]:
    return [event["message"] for event in events if event["event"] == "note"]


def began_with(folder: Path, **changes: str) -> None:
    """Let a run, of before there were manifests, have begun elsewhere."""
    (folder / "MANIFEST.json").unlink()
    path = folder / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "settings",
    [
        ["--batch-size", "9"],
        ["--learning-rate", "0.1"],
        ["lenet-5"],
        ["--data", "digits-5k"],
        ["--set", "ema=0"],
        ["--engine", "keras"],
    ],
    ids=lambda settings: settings[0],
)
def test_fault_31_other_settings_are_refused_at_resume(settings: list[str], tmp_path: Path) -> None:
    told = fail("train", "--resume", "x", *settings, cwd=tmp_path)
    assert "keeps its own network, data and recipe" in told


def test_fault_31_nothing_is_noted_where_nothing_differs(stopped: Path) -> None:
    events = resume(stopped)
    assert notes(events) == []
    assert open_run(stopped).status["state"] == "finished"


@pytest.mark.parametrize(
    ("name", "before", "now"),
    [("recipe.toml", "batch_size = 40", "batch_size = 20"), ("network.toml", "conv = 4", "conv=4")],
)
def test_fault_31_a_changed_file_of_the_run_is_refused(
    name: str, before: str, now: str, stopped: Path
) -> None:
    path = stopped / name
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, now))
    with pytest.raises(RunError, match=f"{name} is corrupt"):
        resume(stopped)


def test_fault_31_other_images_are_refused(stopped: Path) -> None:
    with pytest.raises(DataError, match="has changed since the run was trained"):
        convlens.resume(stopped)  # the run has a part of these images


def test_fault_31_another_number_format_is_refused(
    stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "supports_bfloat16", lambda where: False)
    resuming.refuse_other_precision(stopped, Recipe(precision="float32"), "cpu")
    with pytest.raises(RunError, match="trained in bfloat16, which this cpu does not support"):
        resuming.refuse_other_precision(stopped, Recipe(precision="bfloat16"), "cpu")


def test_fault_31_other_versions_and_devices_are_noted_in_the_run(stopped: Path) -> None:
    began_with(stopped, convlens="0.0.1", torch="1.0", device="NVIDIA X", python="3.0")
    told = notes(resume(stopped))
    now = device.describe(device.choose_device("cpu"))
    assert f"torch was 1.0, now {now['torch']}: results may differ in the last bits" in told
    assert "device was NVIDIA X, now cpu: results may differ in the last bits" in told
    assert any(note.startswith("convlens was 0.0.1, now ") for note in told)
    assert len(told) == 3
    run = open_run(stopped)
    kept = [event["message"] for event in run.events() if event["event"] == "note"]
    assert kept == told
    assert run.status["state"] == "finished"
    assert run.environment["torch"] == "1.0"
