"""Shapes that repeat what another room writes have the same keys."""

from __future__ import annotations

from dataclasses import fields

from convlens.data import Preprocessing
from convlens.runs.schemas import StatusFile
from convlens.serve import schemas


def test_a_preprocessing_has_the_keys_that_runs_write() -> None:
    written = {field.name for field in fields(Preprocessing)}
    assert set(schemas.Preprocessing.__annotations__) == written
    always = Preprocessing((1, 28, 28), (0.0,), (1.0,)).to_dict().keys()
    assert set(schemas.Preprocessing.__required_keys__) == set(always)


def test_a_status_has_the_keys_that_a_run_is_checked_for() -> None:
    """But for the process, which is of this machine only."""
    assert set(StatusFile.model_fields) - {"pid"} <= set(schemas.RunStatus.__annotations__)
