"""Faults 52, 54 and 57 in run folders: flipped bits, a kill and a resume, a disk too small."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cli.test_cli import convlens, fail, succeed
from convlens import open_run, runs
from convlens.api.report import write_report
from convlens.evaluation import Evaluation
from convlens.foundation.errors import ConvlensError, RunError, StorageError
from convlens.network import Network
from convlens.runs import Run
from faults.test_faults_53_to_58_options_and_channels import full_disk
from recorded_runs import NETWORK, RECIPE, Stopped, digits, train

__all__ = ["full_disk"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every file that a run can have."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    torch.set_num_threads(1)
    train(folder, RECIPE.changed({"epochs": 2, "record_kernels": 1}))
    write_report(open_run(folder))
    return folder


def answer(folder: Path) -> dict[str, Any]:
    """All that commands read of a run: what `evaluate`, `compare`, `report` and `kernels` use."""
    run = Run.open(folder)
    return {
        "status": run.status,
        "network": Network.from_toml(run.network_text).to_dict(),
        "recipe": run.recipe,
        "data": run.data,
        "environment": run.environment,
        "evaluation": run.evaluation and Evaluation.from_dict(run.evaluation).to_dict(),
        "events": run.events(),
        "weights": {name: array.tobytes() for name, array in run.weights().items()},
        "last": {name: array.tobytes() for name, array in run.weights("last").items()},
        "kernels": [(n, sorted(arrays)) for n, arrays in run.kernel_snapshots()],
    }


READ = [
    "status.json",
    "network.toml",
    "recipe.toml",
    "data.json",
    "environment.json",
    "evaluation.json",
    "metrics.jsonl",
    "MANIFEST.json",
    "weights.safetensors",
    "last.safetensors",
    "kernels/epoch-0001.safetensors",
]


@pytest.mark.parametrize("name", READ)
def test_fault_52_a_flipped_bit_is_refused_by_name_or_changes_nothing(
    name: str, finished: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    expected = answer(folder)
    path = folder / name
    whole = path.read_bytes()
    places = range(0, len(whole), max(1, len(whole) // 60))
    refused = 0
    for number, place in enumerate(places):
        broken = bytearray(whole)
        broken[place] ^= 1 << number % 8
        path.write_bytes(broken)
        try:
            assert answer(folder) == expected
        except RunError as error:
            refused += 1
            assert name in error.what or "MANIFEST.json" in str(error)  # noqa: PT017 - or no error
    assert refused == len(places)  # the manifest knows itself, too


def test_fault_52_a_flipped_bit_in_a_checkpoint_is_refused_at_resume(
    finished: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    path = folder / "checkpoint" / "state.safetensors"
    whole = path.read_bytes()
    with runs.open_existing(folder) as writer:
        for place in range(0, len(whole), len(whole) // 40):
            broken = bytearray(whole)
            broken[place] ^= 1 << place % 8
            path.write_bytes(broken)
            with pytest.raises(RunError, match=r"state\.safetensors is corrupt"):
                writer.load_checkpoint()


@pytest.mark.parametrize("name", ["data.json", "network.toml", "recipe.toml"])
def test_fault_52_what_decides_a_run_is_checked_while_it_trains(name: str, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train(tmp_path / "run", RECIPE, stop_after=1)
    path = tmp_path / "run" / name
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    run = open_run(tmp_path / "run")
    assert [event["epoch"] for event in run.events() if event["event"] == "epoch"] == [1]
    with pytest.raises(RunError, match=f"{name} is corrupt"):
        answer(tmp_path / "run")


def test_fault_52_commands_exit_2_and_name_the_file(finished: Path, tmp_path: Path) -> None:
    for name, command in (
        ("data.json", "evaluate run"),
        ("recipe.toml", "compare run run"),
        ("network.toml", "kernels --run run"),
        ("environment.json", "report run"),
        ("metrics.jsonl", "report run"),
    ):
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(finished, folder)
        (folder / name).write_bytes((folder / name).read_bytes().replace(b"1", b"2", 1))
        assert name in fail(*command.split(), cwd=tmp_path)


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "data.json": lambda data: data | {"split": {"fraction": "much"}},
    "status.json": lambda status: status | {"epoch": "three"},
    "environment.json": lambda environment: environment | {"command": 3},
    "evaluation.json": lambda evaluation: evaluation | {"images": None},
}


@pytest.mark.parametrize("name", DAMAGE)
def test_fault_52_without_a_manifest_each_value_has_its_type(
    name: str, finished: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    (folder / "MANIFEST.json").unlink()
    assert answer(folder) == answer(finished)  # runs of before it stay readable
    path = folder / name
    path.write_text(json.dumps(DAMAGE[name](json.loads(path.read_text()))))
    with pytest.raises(RunError, match=f"{name} is damaged"):
        answer(folder)


def test_fault_52_an_old_manifest_without_its_own_digest_is_read(
    finished: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    del manifest["sha256"]
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))
    assert open_run(folder).verify() == []
    assert answer(folder) == answer(finished)


def test_fault_52_a_reader_beside_a_writer_never_sees_damage(tmp_path: Path) -> None:
    code = (
        "import sys; from convlens import runs\n"
        "with runs.open_existing(sys.argv[1]) as writer:\n"
        "    for n in range(150): writer.status(epoch=n); writer.seal()\n"
    )
    with runs.create("net", folder=tmp_path / "run") as made:
        made.seal()
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")])
    readings = 0
    while process.poll() is None:
        assert Run.open(tmp_path / "run").status["name"] == "run"
        readings += 1
    assert process.returncode == 0
    assert readings > 20


def epochs_of(folder: Path) -> list[int]:
    return [event["epoch"] for event in open_run(folder).events() if event["event"] == "epoch"]


@pytest.mark.parametrize("engine", ["torch", "keras"])
def test_fault_54_after_a_kill_and_a_resume_each_epoch_is_there_once(
    engine: str, tmp_path: Path
) -> None:
    if engine == "keras":
        pytest.importorskip("keras")
    run = tmp_path / "run"
    command = [sys.executable, "-m", "convlens", "train", "--epochs", "1000", "--out", str(run)]
    process = subprocess.Popen(
        [*command, "--engine", engine, "--set", "augmentation.flip=true"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    saved = run / "checkpoint" / "state.safetensors"
    seen = 0
    while time.monotonic() < deadline:  # until there are epochs after the first checkpoint
        time.sleep(0.05)
        lines = (run / "metrics.jsonl").read_text().count("\n") if saved.exists() else 0
        seen = seen or lines
        if seen and lines >= seen + 2:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = epochs_of(run)
    with runs.open_existing(run) as writer:
        checkpoint = writer.load_checkpoint()[1]["epoch"]
    assert before[-1] > checkpoint
    process = subprocess.Popen(
        [*command[:4], "--resume", str(run)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    while time.monotonic() < deadline + 60 and process.poll() is None:
        kinds = [event["event"] for event in open_run(run).events()]
        if "resume" in kinds and kinds[-1] == "epoch":
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.wait()
    after = epochs_of(run)
    assert after == list(range(1, len(after) + 1))
    assert len(after) > checkpoint
    assert open_run(run).verify() == []


def test_fault_54_events_from_after_the_checkpoint_go_when_a_training_resumes(
    tmp_path: Path,
) -> None:
    with pytest.raises(Stopped):
        train(tmp_path / "run", RECIPE, stop_after=2)
    with runs.open_existing(tmp_path / "run") as writer:
        for number in (3, 4):
            writer.append({"event": "epoch", "epoch": number})
        writer.append({"event": "test", "loss": 1.0})
        writer.drop_events_after(2)
    assert epochs_of(tmp_path / "run") == [1, 2]
    assert "test" not in (tmp_path / "run" / "metrics.jsonl").read_text()


def test_fault_57_a_disk_too_small_for_a_run_is_found_before_training(full_disk: Path) -> None:
    told = fail("train", "--epochs", "50", "--out", "run", cwd=full_disk, code=1)
    assert "the run would not fit" in told
    assert "bytes more for weights, two checkpoints and recorded kernels" in told
    assert epochs_of(full_disk / "run") == []


def test_fault_57_what_is_counted_before_training_is_what_the_run_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convlens.training import room, saving, session

    monkeypatch.setattr(saving, "SAVE_SECONDS", 0.0)  # so that there are two checkpoints
    counted: list[int] = []

    def count(folder: Path, training: Any, recorder: Any) -> None:
        counted.append(room.bytes_of_run(training, recorder))
        room.require_room(folder, training, recorder)

    monkeypatch.setattr(session, "require_room", count)
    train(tmp_path / "run", RECIPE.changed({"epochs": 3, "record_kernels": 1}))
    files = list((tmp_path / "run").rglob("*.safetensors"))
    assert len(files) == 2 + 2 + 4
    taken = sum(path.stat().st_size for path in files)
    weights = (tmp_path / "run" / "weights.safetensors").stat().st_size
    headers = 10_000 * len(files)
    assert counted[0] - weights < taken < counted[0] + headers


def test_fault_57_a_disk_too_small_is_found_when_a_training_resumes(full_disk: Path) -> None:
    with pytest.raises(Stopped):
        train(full_disk / "run", RECIPE.changed({"record_kernels": 0}), stop_after=1)
    from convlens.training.engine import begin
    from convlens.training.settling import settle

    with runs.open_existing(full_disk / "run") as writer:
        training = begin(settle(NETWORK, digits(), RECIPE, "cpu"))
        writer.save_checkpoint(*training.state())
    left = shutil.disk_usage(full_disk).free
    (full_disk / "ballast").write_bytes(bytes(max(0, left - 12 * 4096)))
    with pytest.raises(StorageError, match="the run would not fit"):
        train(full_disk / "run", RECIPE.changed({"record_kernels": 0}), resumed=True)
    (full_disk / "ballast").unlink()
    finished = train(full_disk / "run", RECIPE.changed({"record_kernels": 0}), resumed=True)
    assert finished.status["state"] == "finished"


def test_fault_57_where_the_checkpoint_does_not_fit_the_weights_are_there(
    full_disk: Path,
) -> None:
    from convlens.training import session
    from convlens.training.settling import settle

    job = settle(NETWORK, digits(), RECIPE.changed({"epochs": 2, "record_kernels": 0}), "cpu")
    bytes_of_weights = sum(
        4 * torch.Size(shape).numel() for shape in NETWORK.plan().weight_shapes().values()
    )

    def fill(event: dict[str, Any]) -> None:
        if event["event"] == "epoch" and event["epoch"] == 2:
            left = shutil.disk_usage(full_disk).free
            room = 3 * bytes_of_weights + 3 * 4096 + 8192
            (full_disk / "ballast").write_bytes(bytes(max(0, left - room)))

    full = pytest.raises(StorageError, match="the disk is full")
    with runs.create("net", folder=full_disk / "run") as writer, full:
        session.train(writer, job, on_event=fill)
    (full_disk / "ballast").unlink()
    run = open_run(full_disk / "run")
    assert set(run.weights()) == set(run.weights("last"))
    assert not (full_disk / "run" / "checkpoint" / "state.safetensors").exists()
    assert run.status["state"] in ("failed", "stopped")
    assert not list((full_disk / "run").rglob("*.tmp"))


def test_an_answer_of_the_command_line_is_the_same_before_and_after_sealing(
    finished: Path,
) -> None:
    before = succeed("compare", str(finished), str(finished))
    os.utime(finished / "data.json")
    assert succeed("compare", str(finished), str(finished)) == before
    assert convlens("runs", "--runs", str(finished.parent)).returncode == 0
    with pytest.raises(ConvlensError):
        open_run(finished / "absent")
