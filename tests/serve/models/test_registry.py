"""Runs that change under a server: new weights and newer runs, without a request lost."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from convlens import data
from convlens.api.opening import open_subject
from convlens.evaluation import softmax
from convlens.foundation.errors import ConvlensError, InputError
from convlens.runs import Run
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem
from convlens.serve.models.registry import RegisteredRun, Registry
from convlens.weights import save_tensors
from serving import SAFETENSORS, Server, as_tensor, serving


def another(source: Path, target: Path, created: str = "2031-01-01T00:00:00+00:00") -> None:
    """Copy a run with every weight of its last layer negated; it appears in one step."""
    building = target.with_name("." + target.name)
    shutil.copytree(source, building)
    weights = Run.open(building).weights()
    weights["linear2.weight"] = -weights["linear2.weight"]
    (building / "MANIFEST.json").unlink()
    save_tensors(building / "weights.safetensors", weights)
    status = json.loads((building / "status.json").read_text())
    (building / "status.json").write_text(json.dumps({**status, "created": created}))
    if target.exists():
        target.rename(target.with_name(".old"))
    building.rename(target)


class Users(threading.Thread):
    """Asks without a pause; keeps every status and every first probability."""

    def __init__(self, server: Server, path: str, image: np.ndarray) -> None:
        super().__init__()
        self.server, self.path, self.body = server, path, as_tensor(image[None])
        self.statuses: list[int] = []
        self.probabilities: list[float] = []
        self.going = True

    def run(self) -> None:
        connection = self.server.connect()
        while self.going:
            connection.request("POST", self.path, self.body, {"Content-Type": SAFETENSORS})
            answer = connection.getresponse()
            content = json.loads(answer.read())
            self.statuses.append(answer.status)
            if answer.status == 200:
                self.probabilities.append(content["predictions"][0]["probability"])
        connection.close()


def expected(folder: Path, image: np.ndarray) -> float:
    subject = open_subject(folder)
    logits = subject.model.logits(subject.preprocessing.normalise(image[None]))
    return float(softmax(logits).max())


@pytest.mark.parametrize("following", [True, False], ids=["a newer run", "the same name"])
def test_a_new_model_takes_over_under_load_without_a_lost_request(
    following: bool, served_runs: Path, tmp_path: Path
) -> None:
    shutil.copytree(served_runs / "first", tmp_path / "first")
    image = data.load("digits-5k").test.images[0]
    before = expected(tmp_path / "first", image)
    reference = "last" if following else "first"
    with serving(reference, "--runs", tmp_path) as server:
        users = [Users(server, f"/v1/models/{reference}:predict", image) for _ in range(4)]
        for user in users:
            user.start()
        time.sleep(0.5)
        name = "second" if following else "first"
        another(served_runs / "first", tmp_path / name)
        after = expected(tmp_path / name, image)
        assert abs(after - before) > 1e-3
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if all(u.probabilities and abs(u.probabilities[-1] - after) < 1e-5 for u in users):
                break
            time.sleep(0.1)
        for user in users:
            user.going = False
        for user in users:
            user.join()
        models = server.get("/v1/models").json()["models"]
        # the page of someone who still looks at the first run goes on working
        assert server.get("/v1/models/first/weights").status == 200
    seen = np.array([p for user in users for p in user.probabilities])
    assert {status for user in users for status in user.statuses} == {200}
    assert len(seen) > 10
    is_old, is_new = np.abs(seen - before) < 1e-5, np.abs(seen - after) < 1e-5
    assert (is_old | is_new).all()
    assert is_old.any()
    assert all(abs(user.probabilities[-1] - after) < 1e-5 for user in users)
    assert [row["name"] for row in models if row["default"]] == [name]
    assert len(models) == (2 if following else 1)


def test_damaged_weights_do_not_replace_good_ones(served_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(served_runs / "first", tmp_path / "first")
    with serving("first", "--runs", tmp_path) as server:
        body = as_tensor(np.zeros((1, 1, 28, 28), np.uint8))
        kind = {"Content-Type": SAFETENSORS}
        before = server.ask("POST", "/v1/models/first:predict", body, kind).json()
        weights = tmp_path / "first" / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-50])
        time.sleep(2.5)
        assert server.ask("POST", "/v1/models/first:predict", body, kind).json() == before
        shutil.rmtree(tmp_path / "first")
        time.sleep(1.5)
        assert server.ask("POST", "/v1/models/first:predict", body, kind).json() == before
        assert server.get("/v1/models/first").status == 200


def test_a_folder_that_is_still_empty_is_a_run_that_begins(
    served_runs: Path, tmp_path: Path
) -> None:
    shutil.copytree(served_runs / "first", tmp_path / "first")
    with serving("first", "--runs", tmp_path) as server:
        known = server.get("/v1/models/first").json()
        for path in (tmp_path / "first").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        metrics = server.get("/v1/models/first/metrics?after=3")
        assert metrics.status == 200
        assert metrics.json() == {"events": [], "next": 3, "status": known["status"]}
        kernels = server.get("/v1/models/first/kernels/conv1")
        assert (kernels.status, kernels.error["code"]) == (404, "no_kernels")
        assert server.get("/v1/models/first").json() == known


def test_a_run_of_which_nothing_is_known_is_not_there(served_runs: Path, tmp_path: Path) -> None:
    registry = Registry([], tmp_path, Limits())
    registry.entries["met"] = RegisteredRun(served_runs / "first")
    assert registry.listing() == []
    for name in ("met", "last"):
        with pytest.raises(Problem, match="no run yet") as refused:
            registry.entry(name)
        assert refused.value.status == 404
    registry.refresh_facts(registry.entries["met"])
    assert registry.entry("met") is registry.entries["met"]


def test_two_runs_of_one_name_are_refused(served_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(served_runs / "first", tmp_path / "first")
    with pytest.raises(InputError, match="two of the runs"):
        Registry([str(served_runs / "first"), str(tmp_path / "first")], None, Limits())


def test_several_runs_are_served_side_by_side(served_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(served_runs / "first", tmp_path / "a")
    another(served_runs / "first", tmp_path / "b")
    registry = Registry(["b", "a"], tmp_path, Limits())
    assert [row["name"] for row in registry.listing()] == ["b", "a"]
    assert registry.model("last") is registry.model("b")
    assert registry.model("a") is not registry.model("b")
    for name in ("c", "../a", ""):
        with pytest.raises(ConvlensError):
            registry.entry(name)
    registry.close()
