"""What runs say of themselves over HTTP, and the page's files."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens import data
from convlens.network import Network, zoo
from convlens.runs import Run
from convlens.serve.models import describe, tensors
from serving import SAFETENSORS, Server, read_tensors, serving


def test_the_list_and_a_model_are_what_the_run_says(server: Server, served_runs: Path) -> None:
    run = Run.open(served_runs / "first")
    (row,) = server.get("/v1/models").json()["models"]
    assert row == {
        "name": "first",
        "network": "fast-mnist",
        "input": [1, 28, 28],
        "classes": 10,
        "state": "finished",
        "test_accuracy": run.status["test_accuracy"],
        "default": True,
    }
    told = server.get("/v1/models/first").json()
    assert told == server.get("/v1/models/last").json()
    assert Network.read(told["network"]) == Network.from_toml(run.network_text)
    assert told["classes"] == run.data["classes"]
    assert told["preprocessing"] == run.data["preprocessing"]
    assert told["recipe"]["epochs"] == 1
    assert told["status"]["state"] == "finished"
    assert told["parameters"] == 215_194
    assert told["has_samples"] is True
    assert told["has_weights"] is True
    assert told["attributions"] == ["grad-cam", "integrated-gradients", "occlusion", "saliency"]
    assert str(served_runs) not in json.dumps(told)


@pytest.mark.parametrize("name", zoo.names())
def test_steps_hold_the_geometry_of_every_window(name: str) -> None:
    network = zoo.load(name)
    rows = {row["name"]: row for row in describe.layer_steps(network.plan())}
    assert list(rows) == [row.name for row in network.plan().steps]
    for row in rows.values():
        assert all(source is None or source in rows for source in row["source"])
        if "window" not in row:
            continue
        for axis in (0, 1):
            kernel, stride, before, after, dilation = row["window"][axis]
            size = row["input"][1 + axis]
            room = size + before + after - (dilation * (kernel - 1) + 1)
            assert room // stride + 1 == row["output"][1 + axis]
    assert len(rows["conv1"]["parameters_of"]["weight"]) == 4
    assert sum(row["parameters"] for row in rows.values()) == network.plan().parameters


def test_weights_travel_as_they_are(server: Server, served_runs: Path) -> None:
    reply = server.get("/v1/models/first/weights")
    assert reply.headers["content-type"] == SAFETENSORS
    found, said = read_tensors(reply.body)
    assert said["weights_version"] == server.get("/v1/models/first").json()["weights_version"]
    wanted = Run.open(served_runs / "first").weights()
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


def test_tensors_of_any_shape_are_read_by_the_library() -> None:
    arrays = {
        "scalar": np.float32(3.5).reshape(()),
        "none": np.zeros((0, 3), np.float64),
        "big-endian": np.arange(6, dtype=">f4").reshape(2, 3),
        "strided": np.arange(12, dtype=np.uint8).reshape(3, 4)[:, ::2],
        "whole": np.array([-1, 2]),
    }
    found, metadata = read_tensors(tensors.to_bytes(arrays, {"a": "ü"}))
    assert metadata == {"a": "ü"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_kernels_by_epoch(server: Server, served_runs: Path) -> None:
    found, _ = read_tensors(server.get("/v1/models/first/kernels/conv2").body)
    snapshots = dict(Run.open(served_runs / "first").kernel_snapshots())
    assert sorted(found) == ["epoch-0", "epoch-1"]
    for name, array in found.items():
        np.testing.assert_array_equal(array, snapshots[int(name[6:])]["conv2.weight"])
    reply = server.get("/v1/models/first/kernels/relu1")
    assert (reply.status, reply.error["code"]) == (404, "no_kernels")


def test_metrics_from_a_line_on(server: Server) -> None:
    whole = server.get("/v1/models/first/metrics").json()
    assert [event["epoch"] for event in whole["events"]] == [1]
    rest = server.get(f"/v1/models/first/metrics?after={whole['next']}").json()
    assert rest["events"] == []
    assert rest["next"] == whole["next"]
    # a training that was killed and resumed has fewer lines for a while: from its first one again
    assert server.get(f"/v1/models/first/metrics?after={whole['next'] + 3}").json() == whole
    assert server.get("/v1/models/first/metrics?after=-1").error["field"] == "after"
    assert server.get("/v1/models/first/metrics?after=x").status == 422


def test_fault_52_metrics_with_a_flipped_bit_are_not_answered(
    served_runs: Path, tmp_path: Path
) -> None:
    shutil.copytree(served_runs / "first", tmp_path / "first")
    path = tmp_path / "first" / "metrics.jsonl"
    whole = path.read_bytes()
    with serving("first", "--runs", tmp_path) as server:
        path.write_bytes(whole.replace(b'"epoch": 1', b'"epoch": 3'))
        reply = server.get("/v1/models/first/metrics")
        assert (reply.status, reply.error["code"]) == (503, "unreadable")
        assert str(tmp_path) not in reply.body.decode()
        path.write_bytes(whole)
        events = server.get("/v1/models/first/metrics").json()["events"]
        assert [event["epoch"] for event in events] == [1]


def test_a_line_that_is_damaged_or_torn_is_no_event_and_has_its_number(
    served_runs: Path, tmp_path: Path
) -> None:
    shutil.copytree(served_runs / "first", tmp_path / "first")
    path = tmp_path / "first" / "metrics.jsonl"
    (tmp_path / "first" / "MANIFEST.json").unlink()
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    measured = dict.fromkeys(names, 0.5)

    def epoch(number: object, **more: float) -> str:
        return json.dumps({"event": "epoch", "epoch": number, **more})

    lines = [epoch(1, **measured), "nonsense", epoch("x", **measured), epoch(2, **measured)]
    path.write_text("\n".join([*lines, epoch(3), '{"event": "epo']))
    run = Run.open(tmp_path / "first")
    events, line = describe.epochs_after(run, 0)
    assert ([event["epoch"] for event in events], line) == ([1, 2], 5)
    assert describe.epochs_after(run, 1) == (events[1:], 5)
    assert describe.epochs_after(run, 5) == ([], 5)
    assert describe.epochs_after(run, 9) == (events, 5)


def picture(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_samples_are_images_of_the_test_set_with_their_labels(server: Server) -> None:
    test = data.load("digits-5k").test
    path = "/v1/models/first/samples?count=20&seed=3"
    samples = server.get(path).json()["samples"]
    assert samples == server.get(path).json()["samples"]
    assert samples != server.get("/v1/models/first/samples?count=20&seed=4").json()["samples"]
    assert sorted(row["label"] for row in samples) == sorted("0123456789" * 2)
    for row in samples:
        np.testing.assert_array_equal(picture(row["image"]), test.images[row["index"], 0])
        assert row["label"] == str(test.labels[row["index"]])
        assert 0 < row["probability"] <= 1


def test_mistakes_are_the_evaluations(server: Server, served_runs: Path) -> None:
    wanted = Run.open(served_runs / "first").evaluation["mistakes"]  # type: ignore[index]
    found = server.get("/v1/models/first/samples?kind=mistakes&count=5").json()["samples"]
    assert [row["index"] for row in found] == [row["index"] for row in wanted[:5]]
    assert all(row["label"] != row["predicted"] for row in found)


def test_without_its_data_a_run_still_shows_its_mistakes(served_runs: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(served_runs / "first", tmp_path / "moved")
    record = json.loads((tmp_path / "moved" / "data.json").read_text())
    record["source"] = str(tmp_path / "gone")
    (tmp_path / "moved" / "data.json").write_text(json.dumps(record))
    (tmp_path / "moved" / "MANIFEST.json").unlink()
    with serving("moved", "--runs", tmp_path) as server:
        reply = server.get("/v1/models/moved/samples")
        assert (reply.status, reply.error["code"]) == (404, "no_data")
        found = server.get("/v1/models/moved/samples?kind=mistakes").json()["samples"]
        assert found
        assert picture(found[0]["image"]).shape == (28, 28)


def test_health_and_numbers(server: Server) -> None:
    assert server.get("/healthz").json()["status"] == "ok"
    assert server.get("/readyz").json()["models"] == 1
    image = [[0] * 28 for _ in range(28)]
    before = server.get("/metrics").body.decode()
    server.post("/v1/models/first:predict", {"images": [image]})
    after = server.get("/metrics").body.decode()
    name = 'convlens_requests_total{route=":predict",status="200"}'

    def count(text: str) -> float:
        return next((float(x.split()[-1]) for x in text.splitlines() if x.startswith(name)), 0.0)

    assert count(after) == count(before) + 1
    assert "convlens_batch_images_bucket" in after
    assert "convlens_waiting_images 0.0" in after


def test_every_answer_has_its_headers(server: Server) -> None:
    seen = set()
    for path in ("/", "/v1/models", "/nothing", "/healthz", "/v1/models/none"):
        reply = server.get(path)
        headers = {key.lower(): value for key, value in reply.headers.items()}
        assert "default-src 'self'" in headers["content-security-policy"] or (
            "default-src 'none'" in headers["content-security-policy"]
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
        seen.add(headers["x-request-id"])
    assert len(seen) == 5
    page = server.get("/")
    assert page.status == 200
    assert b"convlens" in page.body


def test_methods_and_addresses_that_do_not_exist(server: Server) -> None:
    assert server.ask("PUT", "/v1/models").status == 405
    assert server.get("/v1/models/first:predict").status in (400, 404, 405)
    assert server.get("/v1/nothing").error["code"] == "not_found"
    assert server.get("/docs").status == 404
    assert server.ask("POST", "/v1/models/first:explode", b"").status == 405
    assert server.get("/v1/models/firs").error["message"].endswith('did you mean "first"?')
