"""A server that starts before the first run, and what becomes of it."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from convlens.foundation.errors import RunError
from convlens.network import zoo
from convlens.runs import Run
from convlens.serve.http.limits import Limits
from convlens.serve.models.registry import Registry
from convlens.serve.models.served import ServedModel
from serving import SAFETENSORS, Server, as_tensor, serving


def models_when(server: Server, ready: str, seconds: float = 60) -> list[dict[str, object]]:
    """Return the listing as soon as its first run is in this state."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        models = server.get("/v1/models").json()["models"]
        if models and models[0]["state"] == ready and models[0]["default"]:
            return list(models)
        time.sleep(0.1)
    raise AssertionError(f"no run is {ready} and the default: {models}")


def test_nothing_named_serves_what_comes(served_runs: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"  # not there yet
    with serving("--runs", root) as server:
        assert server.greeting.startswith("serving no run yet on http://")
        assert server.get("/readyz").json()["models"] == 0
        assert server.get("/v1/models").json() == {"models": []}
        refused = server.get("/v1/models/last")
        assert (refused.status, refused.error["code"]) == (404, "no_such_model")
        assert "convlens train" in refused.error["fix"]
        root.mkdir()
        shutil.copytree(served_runs / "first", root / ".building")
        (root / ".building").rename(root / "first")
        (row,) = models_when(server, "finished")
        assert row["name"] == "first"
        body = as_tensor(np.zeros((1, 1, 28, 28), np.uint8))
        answer = server.ask("POST", "/v1/models/last:predict", body, {"Content-Type": SAFETENSORS})
        assert answer.status == 200


def test_a_training_started_there_becomes_the_default(tmp_path: Path) -> None:
    with serving("--runs", tmp_path / "runs") as server:
        network = zoo.load(zoo.default(1)).to_dict()
        order = {"network": network, "data": "digits-5k", "settings": {"epochs": 1}}
        name = server.post("/v1/trainings", order).json()["run"]
        (row,) = models_when(server, "finished", seconds=120)
        assert row["name"] == name
        assert server.get("/v1/models/last").json()["name"] == name


def test_nothing_named_serves_the_newest_where_there_is_one(served_runs: Path) -> None:
    registry = Registry([], served_runs, Limits())
    assert registry.default in registry.entries
    registry.close()


def test_the_last_run_is_asked_for_and_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no runs with weights"):
        Registry(["last"], tmp_path, Limits())


class Noting(Registry):
    """Notes which runs it lists while it opens one."""

    def _open(self, run: Run) -> ServedModel:
        self.listed_meanwhile = self.listing()
        return super()._open(run)


def test_a_run_is_listed_when_it_can_be_asked(served_runs: Path, tmp_path: Path) -> None:
    async def seen() -> None:
        watching = asyncio.create_task(registry.watch(seconds=0.01))
        async with asyncio.timeout(60):
            while not registry.listing():
                await asyncio.sleep(0.001)
        watching.cancel()

    registry = Noting([], tmp_path, Limits())
    shutil.copytree(served_runs / "first", tmp_path / "first")
    asyncio.run(seen())
    assert registry.listed_meanwhile == []
    assert registry.model("first") is registry.model("last")
    registry.close()
