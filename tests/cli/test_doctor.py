"""`convlens doctor --choices`: what was measured, and what it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convlens.cli import doctor
from convlens.training import autotune_cache


def test_doctor_lists_what_was_measured_for_each_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    doctor.app(["--choices"], standalone_mode=False)
    assert "nothing has been measured yet" in capsys.readouterr().out
    measured = {"float32 contiguous": 2.0, "threads 2": 2.0, "threads 1": 1.5}
    choice = {
        "precision": "float32",
        "memory_format": "contiguous",
        "threads": 1,
        "evaluation_batch": 500,
        "measured_ms": measured,
        "crowded": True,
    }
    path = autotune_cache.file_of({})
    autotune_cache.keep(path, network="small", batch_size=8, device="cpu", choice=choice)
    doctor.app(["--choices"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "small, batch 8, cpu" in shown
    assert "beside other programs" in shown
    assert "threads 1 *" in shown
    assert "threads 2 *" not in shown
    doctor.app(["--choices", "--json"], standalone_mode=False)
    listed = json.loads(capsys.readouterr().out)["choices"]
    assert listed[0]["choice"]["measured_ms"] == measured
