"""Runs that change while the page shows them: a training that goes on, and weights that are new."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import acting
import numpy as np
import pytest

from convlens.api.opening import open_subject
from convlens.inside.windows import window
from convlens.runs import Run
from convlens.serve.models.served import weights_version as on_disk
from convlens.weights import save_tensors
from serving import Server


def reference_total(folder: Path, image: np.ndarray, layer: str, cell: tuple[int, ...]) -> float:
    subject = open_subject(folder, engine="reference")
    normalised = subject.preprocessing.normalise(image[None])[0]
    return float(window(subject.model, normalised, layer, cell).total)


def wait_until(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def weights_version(server: Server) -> str:
    return str(server.get("/v1/models/last").json()["weights_version"])


def test_a_sum_is_of_the_weights_that_computed_the_maps(
    open_page, serve, runs: Path, tmp_path: Path
):
    root = tmp_path / "runs"
    run = root / "digits"
    shutil.copytree(runs / "digits", run)
    path, image = acting.save_digit(tmp_path, 7)
    server = serve("digits", "--runs", root)
    page = open_page(f"http://127.0.0.1:{server.port}/")
    acting.give(page, path)
    cell = acting.open_cell(page, "conv2", 30, 20)
    was = reference_total(run, image, "conv2", cell)
    assert acting.total(page) == pytest.approx(was, abs=1e-5)

    version = weights_version(server)
    weights = Run.open(run).weights()
    weights["conv2.weight"] = -2 * weights["conv2.weight"]
    (run / "MANIFEST.json").unlink()
    save_tensors(run / "weights.safetensors", weights)
    wait_until(lambda: weights_version(server) != version)
    acting.give(page, path)
    now = reference_total(run, image, "conv2", cell)
    assert abs(now - was) > 1e-3
    assert acting.total(page) == pytest.approx(now, abs=1e-5)


def test_maps_follow_a_training_without_a_stroke(open_page, serve, tmp_path: Path):
    root = tmp_path / "runs"
    server = serve("--runs", root)
    page = open_page(f"http://127.0.0.1:{server.port}/", ready=False)
    page.get_by_role("heading", name="There is no run yet").wait_for()
    command = [sys.executable, "-m", "convlens", "train", "tutorial-torch", "--runs", root]
    training = subprocess.Popen([*command, "--epochs", "1000", "--name", "growing"])
    try:
        page.get_by_role("button", name="Training", exact=True).wait_for()
        page.get_by_role("button", name="Explore").click()
        page.get_by_test_id("winner").wait_for()  # with the first weights, by itself
        assert "training" in page.locator(".run").inner_text()
        acting.settle(page)
        shown = page.locator(".answer").get_attribute("data-logits")
        page.wait_for_function(
            "was => document.querySelector('.answer').dataset.logits !== was",
            arg=shown,
        )
        training.send_signal(signal.SIGINT)
        assert training.wait(60) == 130
    finally:
        training.kill()
        training.wait()
    page.wait_for_function("() => !document.querySelector('.run').innerText.includes('training')")
    wait_until(lambda: weights_version(server) == on_disk(Run.open(root / "growing")))
    path, image = acting.save_digit(tmp_path, 7)
    acting.give(page, path)
    cell = acting.open_cell(page, "conv1", 12, 40)
    expected = reference_total(root / "growing", image, "conv1", cell)
    assert acting.total(page) == pytest.approx(expected, abs=1e-5)


def test_a_run_trained_elsewhere_can_be_chosen(open_page, serve, runs: Path, tmp_path: Path):
    root = tmp_path / "runs"
    shutil.copytree(runs / "digits", root / "first")
    server = serve("--runs", root)
    page = open_page(f"http://127.0.0.1:{server.port}/")
    assert page.locator(".run").get_by_text("first").count() == 1
    shutil.copytree(runs / "wide", root / ".building")
    (root / ".building").rename(root / "second")
    wait_until(lambda: len(server.get("/v1/models").json()["models"]) == 2)
    page.locator(".run").hover()
    page.get_by_label("Run", exact=True).select_option("second")
    page.locator(".layer.image .shape", has_text="1×20×40").wait_for()
