"""A published site: every file that its page asks for, and the server's own numbers in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from pydantic import TypeAdapter

from convlens.api.opening import open_subject
from convlens.foundation.errors import ConvlensError, DownloadError, InputError, RunError
from convlens.runs import Run
from convlens.serve import schemas
from convlens.serve.pages import runtime, site
from convlens.serve.pages.runtime import FILES, find_runtime
from servers import mirror
from serving import Server, read_tensors


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something that is built like a page."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets").mkdir()
    (folder / "assets" / "page.js").write_text("1")
    (folder / "ort").mkdir()
    (folder / "ort" / "old.wasm").write_text("of another version")
    return folder


@pytest.fixture
def ort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small files in the place of ONNX Runtime's, which has no place in a checkout."""
    folder = tmp_path / "dist"
    folder.mkdir()
    small = []
    for file in FILES:
        content = file.name.encode()
        (folder / file.name).write_bytes(content)
        import hashlib

        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        small.append(type(file)(file.name, digest, len(content)))
    monkeypatch.setattr(runtime, "FILES", tuple(small))
    return folder


def test_a_site_holds_what_the_server_would_answer(
    server: Server, served_runs: Path, page: Path, ort: Path, tmp_path: Path
) -> None:
    done = site.publish("first", tmp_path / "site", root=served_runs, runtime=ort, page=page)
    folder = done.folder
    assert done.difference < 1e-4
    assert sorted(done.files) == [
        "assets/page.js",
        "index.html",
        "kernels/conv1.safetensors",
        "kernels/conv2.safetensors",
        "metrics.json",
        "model.onnx",
        "ort/ort-wasm-simd-threaded.wasm",
        "ort/ort.wasm.bundle.min.mjs",
        "samples.json",
        "site.json",
        "weights.safetensors",
    ]
    assert site.MARK in (folder / "index.html").read_text()
    told = json.loads((folder / "site.json").read_text())
    assert told["mode"] == "static"
    assert told["attributions"] == ["occlusion"]
    assert told["kernels"] == ["conv1", "conv2"]
    served = server.get("/v1/models/first").json()
    same = served.keys() - {"attributions", "weights_version"}
    assert {key: told[key] for key in same} == {key: served[key] for key in same}
    weights, _ = read_tensors((folder / "weights.safetensors").read_bytes())
    wanted, _ = read_tensors(server.get("/v1/models/first/weights").body)
    assert weights.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(weights[name], array)
    kernels = (folder / "kernels" / "conv2.safetensors").read_bytes()
    assert kernels == server.get("/v1/models/first/kernels/conv2").body
    assert (
        json.loads((folder / "metrics.json").read_text())
        == server.get("/v1/models/first/metrics").json()
    )
    samples = json.loads((folder / "samples.json").read_text())
    assert samples["samples"] == server.get("/v1/models/first/samples").json()["samples"]
    assert len(samples["mistakes"]) > 0
    for name, shape in (
        ("site", schemas.Site),
        ("samples", schemas.SiteSamples),
        ("metrics", schemas.Metrics),
    ):
        content = (folder / f"{name}.json").read_bytes()
        TypeAdapter(shape).validate_json(content, strict=True, extra="forbid")


def test_the_page_lies_where_the_server_looks_for_it() -> None:
    assert (site.STATIC / "index.html").is_file()


def test_its_model_gives_every_layers_output(
    served_runs: Path, page: Path, ort: Path, tmp_path: Path
) -> None:
    folder = site.publish(
        "first", tmp_path / "site", root=served_runs, runtime=ort, page=page
    ).folder
    subject = open_subject(served_runs / "first", engine="reference")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    tensors = json.loads(session.get_modelmeta().custom_metadata_map["layers"])
    random = np.random.default_rng(0)
    image = random.standard_normal((1, 1, 28, 28), dtype=np.float32)
    wanted = subject.model.activations(image)
    assert tensors.keys() == wanted.keys()
    names = list(tensors)
    for name, values in zip(
        names, session.run([tensors[n] for n in names], {"images": image}), strict=True
    ):
        np.testing.assert_allclose(values, wanted[name], atol=1e-4)
    stored, _ = read_tensors((folder / "weights.safetensors").read_bytes())
    assert stored.keys() == Run.open(served_runs / "first").weights().keys()


def test_a_site_is_whole_or_not_there(
    served_runs: Path, page: Path, ort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"root": served_runs, "runtime": ort, "page": page}
    with monkeypatch.context() as broken:
        broken.setattr(site, "_samples", lambda run: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            site.publish("first", tmp_path / "site", **where)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dist"]
    site.publish("first", tmp_path / "site", **where)
    before = (tmp_path / "site" / "site.json").stat().st_ino
    with pytest.raises(RunError, match="not empty"):
        site.publish("first", tmp_path / "site", **where)
    with monkeypatch.context() as broken:
        broken.setattr(site, "_samples", lambda run: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            site.publish("first", tmp_path / "site", overwrite=True, **where)
    assert (tmp_path / "site" / "site.json").stat().st_ino == before
    site.publish("first", tmp_path / "site", overwrite=True, **where)
    assert (tmp_path / "site" / "site.json").stat().st_ino != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dist", "site"]


def test_a_folder_of_someone_else_is_never_replaced(
    served_runs: Path, page: Path, ort: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("dear")
    with pytest.raises(RunError, match="not empty"):
        site.publish(
            *("first", tmp_path / "photos"),
            root=served_runs,
            runtime=ort,
            page=page,
            overwrite=True,
        )
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "dear"


def test_a_page_that_is_not_built_is_said(served_runs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not built"):
        site.publish("first", tmp_path / "site", root=served_runs, page=tmp_path)


def test_the_runtime_comes_from_the_build_or_a_folder_or_a_mirror(
    ort: Path, tmp_path: Path
) -> None:
    assert [path.parent for path in find_runtime(ort)] == [ort, ort]
    assert [path.parent for path in find_runtime(tmp_path, ort)] == [ort, ort]
    files = {path.name: path.read_bytes() for path in ort.iterdir()}
    with mirror(files) as there:
        cache = tmp_path / "cache"
        mirrors = (there.at("forbidden"), there.at("wrong"), there.at("good"))
        found = find_runtime(tmp_path, cache=cache, mirrors=mirrors)
        assert [path.read_bytes() for path in found] == [files[path.name] for path in found]
        asked = len(there.requests)
        find_runtime(tmp_path, cache=cache, mirrors=mirrors)
        assert len(there.requests) == asked
        with pytest.raises(DownloadError) as missing:
            find_runtime(tmp_path, cache=tmp_path / "other", mirrors=(there.at("wrong"),))
    assert "`runtime=" in str(missing.value)
    assert "sha256:" in str(missing.value)


def test_a_runtime_of_another_version_is_refused(ort: Path, tmp_path: Path) -> None:
    (ort / FILES[1].name).write_bytes(b"another")
    with pytest.raises(ConvlensError, match=r"has no ort-wasm-simd-threaded\.wasm"):
        find_runtime(tmp_path, ort)
