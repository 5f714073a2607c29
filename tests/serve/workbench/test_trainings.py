"""Trainings started over HTTP: real ones, watched while they run, stopped, refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from convlens.runs import Run
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem
from convlens.serve.workbench.trainings import read_order
from serving import read_tensors, serving

NETWORK = {
    "name": "small",
    "input": [1, 28, 28],
    "layers": [
        {"conv": 2, "kernel": 5, "stride": 3, "padding": 2},
        {"relu": True},
        {"flatten": True},
        {"linear": 10},
    ],
    "rounding": "floor",
}


def order(**settings: Any) -> dict[str, Any]:
    return {"network": NETWORK, "data": "digits-5k", "recipe": "default", "settings": settings}


def wait_for(what: Any, seconds: float = 240) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("it did not happen in time")


def test_a_training_is_listed_watched_stopped_and_can_be_resumed(
    served_runs: Path, tmp_path: Path
) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    (root / "first").symlink_to(served_runs / "first")
    with serving("last", "--runs", root) as server:
        begun = server.post("/v1/trainings", order(epochs=1000, seed=3))
        assert begun.status == 202, begun.body
        name = begun.json()["run"]
        path = f"/v1/models/{name}"

        # it is there at once, before its folder is
        told = server.get(path).json()
        assert told["status"]["state"] == "running"
        assert told["network"]["name"] == "small"
        rows = {row["name"]: row for row in server.get("/v1/models").json()["models"]}
        assert rows[name]["state"] == "running"
        assert rows["first"]["default"]
        image = [[0] * 28 for _ in range(28)]
        early = server.post(f"{path}:predict", {"images": [image]})
        assert (early.status, early.error["code"]) == (409, "no_weights")

        second = server.post("/v1/trainings", order(epochs=1))
        assert (second.status, second.error["code"]) == (409, "busy")

        # its curve grows
        first = wait_for(lambda: server.get(f"{path}/metrics").json()["events"])
        assert first[0]["epoch"] == 1
        after = server.get(f"{path}/metrics").json()["next"]
        more = wait_for(lambda: server.get(f"{path}/metrics?after={after}").json()["events"])
        assert more[0]["epoch"] > first[-1]["epoch"]
        kernels, _ = read_tensors(server.get(f"{path}/kernels/conv1").body)
        assert "epoch-0" in kernels

        assert server.ask("DELETE", "/v1/trainings/first").status == 404
        assert server.ask("DELETE", f"/v1/trainings/{name}").status == 202
        wait_for(lambda: server.get(path).json()["status"]["state"] == "interrupted")
        assert server.ask("DELETE", f"/v1/trainings/{name}").status == 404
        # its weights were saved, and can be asked
        reply = wait_for(
            lambda: (r := server.post(f"{path}:predict", {"images": [image]})).status == 200 and r
        )
        assert reply.json()["predictions"][0]["top"]
        run = Run.open(root / name)
        assert run.status["epoch"] >= 2
        assert (root / name / "checkpoint").is_dir()
        recipe = server.get(path).json()["recipe"]
        assert (recipe["epochs"], recipe["seed"], recipe["record_kernels"]) == (1000, 3, 25)


def test_a_finished_training_becomes_the_last_run_and_the_end_of_the_server_stops_another(
    served_runs: Path, tmp_path: Path
) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    (root / "first").symlink_to(served_runs / "first")
    with serving("last", "--runs", root) as server:
        name = server.post("/v1/trainings", order(epochs=1, batch_size=500)).json()["run"]
        wait_for(
            lambda: [
                row
                for row in server.get("/v1/models").json()["models"]
                if row["name"] == name and row["default"] and row["state"] == "finished"
            ]
        )
        assert server.get("/v1/models/last").json()["name"] == name
        other = server.post("/v1/trainings", order(epochs=1000)).json()["run"]
        assert other != name
        wait_for(lambda: server.get(f"/v1/models/{other}/metrics").json()["events"])
        assert server.stop() == 0
    assert json.loads((root / other / "status.json").read_text())["state"] == "interrupted"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"data": "/etc/passwd"}, "data"),
        ({"data": "../digits-5k"}, "data"),
        ({"data": "digits-5"}, "data"),
        ({"data": 5}, "data"),
        ({"data": "--help"}, "data"),
        ({"recipe": "/tmp/recipe.toml"}, "recipe"),
        ({"recipe": "digit"}, "recipe"),
        ({"settings": []}, None),
        ({"settings": [1]}, "settings"),
        ({"settings": {"epochs": 0}}, "settings"),
        ({"settings": {"epochs": 10**6}}, "settings.epochs"),
        ({"settings": {"epochs": 1.5}}, "settings"),
        ({"settings": {"epochs": "3; rm -rf"}}, "settings.epochs"),
        ({"settings": {"epochs": True}}, "settings.epochs"),
        ({"settings": {"learning_rate": -1}}, "settings"),
        ({"settings": {"batch_size": 4000}}, "settings.batch_size"),
        ({"settings": {"optimizer": "sgd"}}, "settings.optimizer"),
        ({"settings": {"epoch": 3}}, "settings.epoch"),
        ({"network": "fast-mnist"}, "network"),
        ({"out": "/tmp/x"}, "out"),
    ],
)
def test_what_is_asked_for_is_checked(change: dict[str, Any], field: str | None) -> None:
    asked = {**order(epochs=1), **change}
    if field is None:
        assert read_order(asked, Limits()).settings == {"record_kernels": 1}
        return
    with pytest.raises(Problem) as refused:
        read_order(asked, Limits())
    assert refused.value.status == 422
    assert refused.value.more["field"] == field
