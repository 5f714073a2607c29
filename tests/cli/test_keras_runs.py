"""Runs trained by Keras, from the command line: the same folder, readable by either engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convlens import data, engines, open_run
from convlens.network import Network

pytest.importorskip("keras", reason="needs the extra keras")

SETTINGS = [
    "--set",
    "validation_method=stratified",
    "--recipe",
    "tutorial-keras",
    "--learning-rate",
    "0.003",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one short Keras run, `runs/first`."""
    folder = tmp_path_factory.mktemp("keras")
    command = [sys.executable, "-m", "convlens", "train", "tutorial-keras", *SETTINGS]
    command += ["--engine", "keras", "--epochs", "1", "--name", "first", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "told.json").write_text(done.stdout)
    (folder / "stderr.txt").write_text(done.stderr)
    return folder


def test_the_run_says_who_trained_it_and_tensorflow_says_nothing(place: Path) -> None:
    told = json.loads((place / "told.json").read_text())
    run = open_run(place / "runs" / "first")
    assert told["test_accuracy"] == run.status["test_accuracy"] > 0.8
    assert run.status["engine"] == run.environment["engine"] == "keras"
    backend = run.environment["keras_backend"]
    assert {"keras", backend} < set(run.environment)
    assert [e["event"] for e in run.events()] == ["start", "epoch", "test", "end"]
    assert run.verify() == []
    lines = (place / "stderr.txt").read_text().splitlines()
    assert len(lines) == 3  # the run, its sizes, its epoch
    assert run.environment[backend] in (place / "runs" / "first" / "report.html").read_text()


def test_either_engine_evaluates_it_to_the_same(place: Path, convlens: Any) -> None:
    keras, torch = (
        convlens("evaluate", "first", "--engine", engine, "--json") for engine in ("keras", "torch")
    )
    assert keras["accuracy"] == torch["accuracy"]
    assert keras["loss"] == pytest.approx(torch["loss"], rel=1e-5)
    assert keras["confusion"] == torch["confusion"]
    run = open_run(place / "runs" / "first")
    assert run.status["test_accuracy"] == keras["accuracy"]
    network = Network.from_toml(run.network_text)
    dataset = data.load_like(run.data)
    images = dataset.preprocessing.normalise(dataset.test.images)
    scores = []
    for engine in ("keras", "torch"):
        model = engines.build(network, engine=engine)
        model.load_weights(run.weights("best"))
        scores.append(model.logits(images))
    ranked = np.sort(scores[0], axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 1e-4
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(scores[0].argmax(1)[clear], scores[1].argmax(1)[clear])


def test_predict_look_compare_and_runs_read_it(place: Path, convlens: Any) -> None:
    digit = data.load("digits-5k").test.images[0, 0]
    Image.fromarray(digit).save(place / "digit.png")
    answers = [
        convlens("predict", "first", "digit.png", "--engine", engine, "--json")["predictions"][0]
        for engine in ("keras", "torch", "reference")
    ]
    assert len({answer["class"] for answer in answers}) == 1
    assert answers[0]["probability"] == pytest.approx(answers[1]["probability"], rel=1e-4)
    convlens("look", "first", "digit.png", "--out", "look", "--json")
    assert "first" in convlens("runs")
    convlens("compare", "first", "first", "--json")
    convlens("report", "first")
    assert 'did you mean "keras"' in convlens("evaluate", "first", "--engine", "kerass", code=2)


def test_what_keras_cannot_do_is_refused_before_a_folder_is_made(
    place: Path, convlens: Any
) -> None:
    for arguments in (["--set", "precision=bfloat16"], ["--device", "cuda"]):
        told = convlens("train", "--engine", "keras", *arguments, "--runs", "none", code=2)
        assert "does not train with" in told
    assert not (place / "none").exists()
    told = convlens("train", "--resume", "first", "--engine", "keras", code=2)
    assert "keeps its own network, data and recipe, and its engine" in told


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_resume_ends_where_an_unbroken_run_does(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = [sys.executable, "-m", "convlens", "train", "--runs", "runs"]
    command = [*program, "tutorial-keras", *SETTINGS, "--engine", "keras", "--epochs", "3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole = subprocess.run([*command, "--name", "whole"], cwd=tmp_path, env=environment, check=True)
    assert whole.returncode == 0
    broken = subprocess.Popen([*command, "--name", "broken"], cwd=tmp_path, env=environment)
    metrics = tmp_path / "runs" / "broken" / "metrics.jsonl"
    while not metrics.exists() or '"epoch", "epoch": 1' not in metrics.read_text():
        assert broken.poll() is None
        time.sleep(0.05)
    broken.send_signal(number)
    assert broken.wait(60) == 128 + number
    assert open_run(tmp_path / "runs" / "broken").status["state"] == "interrupted"
    subprocess.run([*program, "--resume", "broken"], cwd=tmp_path, env=environment, check=True)
    first, second = (open_run(tmp_path / "runs" / name) for name in ("whole", "broken"))
    for name, array in first.weights("best").items():
        np.testing.assert_array_equal(array, second.weights("best")[name])
    assert first.status["test_loss"] == second.status["test_loss"]
