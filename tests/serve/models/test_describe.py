"""What is said of runs that older versions wrote, and of a model that was imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

import convlens
from convlens.network import Network
from convlens.runs import Run
from convlens.runs.schemas import StatusFile
from convlens.serve import schemas
from convlens.serve.models import describe

OLD = Path(__file__).parents[2] / "old_files"
RUNS = sorted(path.parent for path in OLD.glob("*/*/status.json"))


def check(shape: object, value: object) -> Any:
    """Return a value as a client reads it, which has these keys and no other."""
    adapter: TypeAdapter[Any] = TypeAdapter(shape)
    return adapter.validate_json(orjson.dumps(value), strict=True, extra="forbid")


def described(run: Run) -> dict[str, Any]:
    network = Network.from_toml(run.network_text)
    check(schemas.ModelSummary, describe.summary(run, network, default=False))
    facts: dict[str, Any] = check(schemas.RunFacts, describe.run_facts(run, network))
    return facts


@pytest.mark.parametrize("folder", RUNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_run_of_an_older_version_has_the_promised_shape(folder: Path) -> None:
    run = Run.open(folder)
    facts = described(run)
    assert facts["status"]["state"] == run.status["state"]
    assert facts["recipe"]
    events, line = describe.epochs_after(run, 0)
    status = describe.status(run)
    check(schemas.Metrics, {"events": events, "next": line, "status": status})
    assert [event["epoch"] for event in events] == list(range(1, len(events) + 1))
    assert events


def test_an_imported_model_has_the_promised_shape(tmp_path: Path) -> None:
    onnx = next(OLD.glob("*/tiny.onnx"))
    run, _ = convlens.import_model(onnx, runs=tmp_path)
    facts = described(run)
    assert facts["recipe"] == {}
    assert facts["status"]["state"] == "imported"


def test_the_server_tells_everything_of_a_status_but_what_is_about_this_machine() -> None:
    assert set(schemas.RunStatus.__annotations__) == set(StatusFile.model_fields) - {"pid"}
