"""What the JSON files of a run must look like before anything uses them.

Keys that are not named here are kept: a later version may write more of them. What is named has
one type, so that no command fails in the middle on a file that was damaged or written by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from convlens.foundation.errors import RunError
from convlens.foundation.schema import explain

Count = Annotated[int, Field(ge=0, lt=2**63)]
Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


State = Literal["running", "finished", "interrupted", "diverged", "failed", "imported"]


class RunFile(BaseModel):
    """A JSON file, or a part of one: other keys may be there, and no type is converted."""

    model_config = ConfigDict(extra="allow", strict=True)


class StatusFile(RunFile):
    """status.json: times in ISO 8601 UTC, `train_seconds` in seconds."""

    state: State | None = None
    name: str = ""
    network: str = ""
    data: str = ""
    engine: str = "torch"
    created: str = ""
    updated: str = ""
    pid: Count | None = None
    epoch: Count | None = None
    epochs: Count | None = None
    best_epoch: Count | None = None
    parameters: Count | None = None
    train_seconds: Finite | None = None
    validation_accuracy: Share | None = None
    validation_loss: Finite | None = None
    validation_cross_entropy: Finite | None = None
    test_accuracy: Share | None = None
    test_loss: Finite | None = None
    message: str | None = None


class _Preprocessing(RunFile):
    input: Annotated[list[int], Field(min_length=3, max_length=3)]
    mean: list[Finite]
    std: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    framing: str
    background: str
    fit: str


class _Split(RunFile):
    seed: Count | None = None
    fraction: Share | None = None
    method: str | None = None
    normalise: str | None = None
    bad_images: str | None = None
    memory: Count | None = None
    train: Count | None = None
    validation: Count | None = None
    test: Count | None = None


class DataFile(RunFile):
    """data.json; see `Dataset.to_json`."""

    name: str
    source: str
    fingerprint: str
    classes: Annotated[list[str], Field(min_length=2, max_length=1_000_000)]
    preprocessing: _Preprocessing
    split: _Split
    notes: list[str] = []


class EnvironmentFile(RunFile):
    """environment.json: versions, the machine, and how the run was started."""

    convlens: str | None = None
    command: str = ""
    engine: str | None = None
    seed: Count | None = None
    measured_ms: dict[str, float | None] | None = None


class EvaluationFile(RunFile):
    """evaluation.json, as far as it is used without `Evaluation.from_dict`, which reads it all."""

    images: Annotated[int, Field(ge=1)]
    accuracy: Share
    interval: list[Share] | None = None
    loss: Finite | None
    classes: list[str]


class EventLine(RunFile):
    """A line of metrics.jsonl."""

    event: str
    time: str = ""
    epoch: Count | None = None
    epochs: Count | None = None
    train_loss: Finite | None = None
    train_accuracy: Share | None = None
    validation_loss: Finite | None = None
    validation_accuracy: Share | None = None
    learning_rate: Finite | None = None
    train_seconds: Finite | None = None
    images_per_second: Finite | None = None
    best: bool | None = None


def check(model: type[RunFile], values: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return `values` if they are what the model says.

    Raises
    ------
    RunError
        Names the file and the first wrong value.
    """
    try:
        model.model_validate(values)
    except ValidationError as invalid:
        first = explain(invalid, list(model.model_fields), "", RunError)
        raise RunError(
            f"{path} is damaged: {first.what}", first.expected, "restore the file, or train again"
        ) from None
    return values


def is_event(values: dict[str, Any]) -> bool:
    """Tell whether a line of metrics.jsonl can be used."""
    try:
        EventLine.model_validate(values)
    except ValidationError:
        return False
    return True
