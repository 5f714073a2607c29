"""Classifiers trained on collected photos: over real HTTP, in a process that may be killed."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import photos as pictures
from convlens.runs import Run
from serving import Reply, Server, as_form, serving

FOLDER = ".photos"


def jpeg(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


def send(server: Server, path: str, contents: list[bytes]) -> Reply:
    parts = [("image", f"{n}.jpg", content) for n, content in enumerate(contents)]
    body, kind = as_form(*parts)
    return server.ask("POST", path, body, {"Content-Type": kind})


def collected(server: Server, count: int = 12, names: tuple[str, ...] = pictures.CLASSES) -> str:
    """Collect photos of several classes; return the collection's name."""
    name = server.post("/v1/photos", {"classes": list(names)}).json()["id"]
    for label, of in enumerate(names, start=1):
        tiles = pictures.tiles(of if of in pictures.CLASSES else "china", 96)
        sent = send(
            server,
            f"/v1/photos/{name}/classes/{label}/images",
            [jpeg(tile) for tile in tiles[-count:]],
        )
        assert sent.status == 200, sent.body
        assert sent.json()["added"] == count
    return str(name)


def wait_for(what: Callable[[], Any], seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = what()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def halves(root: Path) -> list[Path]:
    """Return runs under way, and data of runs that are not there."""
    return [
        path
        for pattern in ("*/training/*", "*/trained/*")
        for path in (root / FOLDER).glob(pattern)
        if not (root / path.name).is_dir() or path.parent.name == "training"
    ]


def test_from_photos_to_a_classifier_with_its_report_and_its_export(tmp_path: Path) -> None:
    with serving("--runs", tmp_path) as server:
        name = collected(server)
        path = f"/v1/photos/{name}"
        begun = server.post(f"{path}/training", {})
        assert begun.status == 202, begun.body
        run = begun.json()["run"]
        assert run.endswith("-photos")
        seen = [server.get(path).json()["training"]]
        assert seen[0]["run"] == run
        # the server answers meanwhile, and lists the run, which is not among the runs yet
        assert server.get(f"/v1/models/{run}").json()["status"]["state"] == "running"
        assert not (tmp_path / run).exists()
        second = server.post(f"{path}/training", {})
        assert (second.status, second.error["code"]) == (409, "busy")
        refused = server.ask("DELETE", path)
        assert (refused.status, refused.error["code"]) == (409, "busy")
        # a photo that is removed now was trained on nevertheless
        photo = server.get(path).json()["classes"][0]["photos"][0]
        assert server.ask("DELETE", f"{path}/images/{photo}").status == 200

        def done() -> Any:
            told = server.get(path).json()
            assert told["failure"] is None
            seen.append(told["training"])
            return told["training"] is None and told["trained"] and told

        told = wait_for(done)
        assert told["failure"] is None
        assert told["trained"] == {"run": run, "current": False}
        assert {one["stage"] for one in seen if one} >= {"starting", "training"}
        opened = wait_for(
            lambda: (m := server.get(f"/v1/models/{run}").json())["has_weights"] and m
        )
        tested = opened["tested"]
        assert tested["images"] == 4  # a fifth of twelve, rounded, in each of two classes
        low, high = tested["interval"]
        assert 0 <= low <= tested["accuracy"] <= high <= 1
        assert opened["classes"] == ["china", "flower"]

        answer = send(server, f"/v1/models/{run}:predict", [jpeg(pictures.tiles("flower", 96)[-1])])
        assert answer.json()["predictions"][0]["class"] == "flower"
        samples = server.get(f"/v1/models/{run}/samples?count=4").json()["samples"]
        assert len(samples) == 4
        report = server.get(f"/v1/models/{run}/report")
        assert report.headers["content-type"].startswith("text/html")
        assert b"china" in report.body
        assert "script-src 'self'" in report.headers["content-security-policy"]
        model = server.get(f"/v1/models/{run}/onnx")
        assert f'filename="{run}.onnx"' in model.headers["content-disposition"]
        onnx.checker.check_model(onnx.load_model_from_string(model.body))
        assert halves(tmp_path) == []

        # the photos go, the classifier stays, and says that its images are gone
        assert server.ask("DELETE", path).json() == {"id": name}
        assert list((tmp_path / FOLDER).glob("[0-9a-f]*")) == []
        again = send(server, f"/v1/models/{run}:predict", [jpeg(pictures.tiles("china", 96)[-1])])
        assert again.json()["predictions"][0]["class"] == "china"
    assert Run.open(tmp_path / run).status["state"] == "finished"


def test_three_photos_of_each_class_are_enough(tmp_path: Path) -> None:
    with serving("--runs", tmp_path) as server:
        name = collected(server, count=3)
        server.post(f"/v1/photos/{name}/training", {})
        path = f"/v1/photos/{name}"
        told = wait_for(
            lambda: (
                (t := server.get(path).json())["training"] is None
                and (t["trained"] or t["failure"])
                and t
            )
        )
        assert told["failure"] is None
        run = told["trained"]["run"]
        assert server.get(f"/v1/models/{run}").json()["tested"]["images"] == 2


def test_a_training_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    with serving("--runs", tmp_path) as server:
        name = collected(server)
        run = server.post(f"/v1/photos/{name}/training", {}).json()["run"]
        assert server.ask("DELETE", f"/v1/trainings/{run}").status == 202
        wait_for(lambda: server.get(f"/v1/photos/{name}").json()["training"] is None)
        wait_for(lambda: server.get(f"/v1/models/{run}").status == 404)
        told = server.get(f"/v1/photos/{name}").json()
        assert (told["failure"], told["trained"]) == (None, None)
        assert halves(tmp_path) == []
        assert [path.name for path in tmp_path.iterdir()] == [FOLDER]
        # and another one can begin
        assert server.post(f"/v1/photos/{name}/training", {}).status == 202
    assert halves(tmp_path) == []  # the end of the server stopped it


def test_a_training_whose_process_dies_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with serving("--runs", tmp_path) as server:
        name = collected(server)
        server.post(f"/v1/photos/{name}/training", {})
        for child in children(server.process.pid):
            os.kill(child, signal.SIGKILL)
        told = wait_for(
            lambda: (t := server.get(f"/v1/photos/{name}").json())["failure"] is not None and t
        )
        assert "exit code -9" in told["failure"]["message"]
        assert halves(tmp_path) == []


def test_a_killed_server_takes_its_training_with_it(tmp_path: Path) -> None:
    with serving("--runs", tmp_path) as server:
        name = collected(server)
        server.post(f"/v1/photos/{name}/training", {})
        (child,) = children(server.process.pid)
        server.process.kill()
        server.process.wait()
        wait_for(lambda: not Path(f"/proc/{child}/cmdline").exists() or gone(child))
        assert halves(tmp_path) != []
    with serving("--runs", tmp_path) as server:
        assert halves(tmp_path) == []
        assert server.get(f"/v1/photos/{name}").json()["training"] is None


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    every = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            if (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(pid):
                every.append(int(folder.name))
    return every


def gone(pid: int) -> bool:
    """Say whether a process has ended, though nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([], "there is no class"),
        ([3], "there is one class"),
        ([3, 0], "has 0 photos"),
        ([3, 2], "has 2 photos"),
    ],
)
def test_too_few_photos_are_told_before_anything_begins(
    server: Server, counts: list[int], said: str
) -> None:
    names = [f"class {n}" for n in range(len(counts))]
    name = server.post("/v1/photos", {"classes": names}).json()["id"]
    path = f"/v1/photos/{name}"
    try:
        for label, count in enumerate(counts, start=1):
            tiles = pictures.tiles(pictures.CLASSES[label - 1])[-count:] if count else []
            if tiles:
                send(server, f"{path}/classes/{label}/images", [jpeg(tile) for tile in tiles])
        refused = server.post(f"{path}/training", {})
        assert (refused.status, refused.error["code"]) == (422, "too_few_photos")
        assert said in refused.error["message"]
        assert server.get(path).json()["training"] is None
    finally:
        server.ask("DELETE", path)
