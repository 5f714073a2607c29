"""Fault 2: a signal while a run is prepared, trained or tested leaves it resumable."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convlens
from convlens import open_run
from convlens.foundation.errors import Interrupted
from recorded_runs import NETWORK, RECIPE, digits

SETTINGS = RECIPE.changed({"epochs": 2, "record_kernels": 0})


def signalled_at(event: str, times: int = 1) -> Any:
    """Return a receiver of events that sends the process SIGINT at the first one of a kind."""
    left = [times]

    def receive(received: dict[str, Any]) -> None:
        if received["event"] == event:
            while left[0]:
                left[0] -= 1
                signal.raise_signal(signal.SIGINT)

    return receive


def train(folder: Path, on_event: Any = lambda event: None) -> None:
    convlens.train(NETWORK, digits(), recipe=SETTINGS, out=folder, on_event=on_event)


def resume(folder: Path, on_event: Any = lambda event: None) -> None:
    convlens.resume(folder, data=digits(), on_event=on_event)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """A run that SIGINT ended after the first of two epochs."""
    with pytest.raises(Interrupted):
        train(tmp_path / "run", signalled_at("epoch"))
    assert open_run(tmp_path / "run").status["state"] == "interrupted"
    return tmp_path / "run"


@pytest.mark.parametrize("event", ["run", "resume"])
def test_fault_2_a_signal_at_the_start_of_resuming_leaves_the_run_interrupted(
    event: str, interrupted: Path, tmp_path: Path
) -> None:
    with pytest.raises((Interrupted, KeyboardInterrupt)):
        resume(interrupted, signalled_at(event))
    assert open_run(interrupted).status["state"] == "interrupted"
    assert open_run(interrupted).verify() == []
    resume(interrupted)
    train(tmp_path / "unbroken")
    unbroken = open_run(tmp_path / "unbroken").weights()
    for name, array in open_run(interrupted).weights().items():
        np.testing.assert_array_equal(array, unbroken[name], err_msg=name)


@pytest.mark.parametrize("event", ["run", "start"])
def test_fault_2_a_signal_before_the_first_step_leaves_a_run_that_can_begin(
    event: str, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted, match="step 0"):
        train(tmp_path / "run", signalled_at(event))
    assert open_run(tmp_path / "run").status["state"] == "interrupted"
    resume(tmp_path / "run")
    assert open_run(tmp_path / "run").status["state"] == "finished"


def test_fault_2_a_second_signal_stops_at_once_and_the_run_is_interrupted(
    interrupted: Path,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        resume(interrupted, signalled_at("epoch", times=2))
    assert open_run(interrupted).status["state"] == "interrupted"
    resume(interrupted)
    assert open_run(interrupted).status["state"] == "finished"
