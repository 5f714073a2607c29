"""Faults 1, 3-10, 34 and 35: files that are cut, forged, hostile or in the way."""

from __future__ import annotations

import json
import os
import pickle
import random
import resource
import signal
import struct
import subprocess
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convlens import runs
from convlens.foundation.errors import RunError, StorageError, WeightsError
from convlens.weights import check_finite, load_tensors, read_weights, save_tensors

WEIGHTS = {
    "conv1.weight": np.arange(12, dtype=np.float32).reshape(3, 1, 2, 2),
    "conv1.bias": np.ones(3, np.float32),
}
SHAPES = {name: array.shape for name, array in WEIGHTS.items()}

SAVER = """
import sys, numpy as np
from convlens import runs
from pathlib import Path
with runs.open_existing(Path(sys.argv[1])) as writer:
    for step in range(100000):
        writer.save_checkpoint({"w": np.full(200_000, step, np.float32)}, {"step": step})
        if step == 0: print("ready", flush=True)
"""


def kill_while_saving(folder: Path, moments: int) -> None:
    with runs.create("n", folder=folder):
        pass
    chance = random.Random(0)
    for _ in range(moments):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(folder)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with runs.open_existing(folder) as writer:
            tensors, state = writer.load_checkpoint()
        assert (tensors["w"] == state["step"]).all()


def test_fault_1_a_kill_while_saving_leaves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    kill_while_saving(tmp_path / "run", 6)


@pytest.mark.slow
def test_fault_1_at_fifty_random_moments(tmp_path: Path) -> None:
    kill_while_saving(tmp_path / "run", 50)


def test_fault_3_a_full_disk_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    with runs.create("n", folder=tmp_path / "run") as writer:
        writer.save_checkpoint({"w": np.zeros(10, np.float32)}, {"step": 1})
        previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
        try:
            with pytest.raises(StorageError, match=r"free bytes"):
                writer.save_checkpoint({"w": np.zeros(1_000_000, np.float32)}, {"step": 2})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, previous)
        _, state = writer.load_checkpoint()
    assert state == {"step": 1}


def test_fault_4_a_place_that_cannot_be_written_is_found_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = subprocess.run(
        [sys.executable, "-m", "convlens", "train", "--out", str(tmp_path / "file" / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "epoch" not in done.stderr


@pytest.mark.parametrize("keep", [0, 7, 0.5, -1])
def test_fault_5_a_cut_checkpoint_is_corrupt_and_offers_the_previous(
    tmp_path: Path, keep: float
) -> None:
    with runs.create("n", folder=tmp_path / "run") as writer:
        for step in (1, 2):
            writer.save_checkpoint({"w": np.full(100, step, np.float32)}, {"step": step})
        path = tmp_path / "run" / "checkpoint" / "state.safetensors"
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2 if keep == 0.5 else int(keep)])
        with pytest.raises(RunError, match=r"(?s)corrupt.*from_previous=True"):
            writer.load_checkpoint()
        assert writer.load_checkpoint(previous=True)[1] == {"step": 1}


def test_fault_6_any_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, WEIGHTS)
    whole = path.read_bytes()
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 1 << (place % 8)
        path.write_bytes(broken)
        with pytest.raises(WeightsError):
            read_weights(path, SHAPES)


def test_fault_6_a_run_refuses_weights_that_its_manifest_does_not_list(tmp_path: Path) -> None:
    with runs.create("n", folder=tmp_path / "run") as writer:
        writer.write_tensors("weights.safetensors", WEIGHTS)
        writer.seal()
    run = runs.Run.open(tmp_path / "run")
    assert run.verify() == []
    save_tensors(tmp_path / "run" / "weights.safetensors", {**WEIGHTS, "conv1.bias": np.zeros(3)})
    assert run.verify() == ["weights.safetensors"]
    with pytest.raises(RunError, match="corrupt"):
        run.weights()


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_fault_7_a_malicious_pickle_is_never_executed(tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    torch.save({"conv1.weight": Evil(trap)}, tmp_path / "evil.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Evil(trap)))
    for name in ("evil.pt", "raw.pt"):
        with pytest.raises(WeightsError):
            read_weights(tmp_path / name, SHAPES)
    assert not trap.exists()


def test_fault_8_an_unknown_global_is_named(tmp_path: Path) -> None:
    torch.save({"conv1.weight": Path("x")}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="pathlib"):
        read_weights(tmp_path / "w.pt", SHAPES)


def test_a_plain_state_dict_is_read(tmp_path: Path) -> None:
    state = OrderedDict((n, torch.from_numpy(a)) for n, a in WEIGHTS.items())
    torch.save(state, tmp_path / "w.pt")
    for name, array in read_weights(tmp_path / "w.pt", SHAPES).items():
        np.testing.assert_array_equal(array, WEIGHTS[name])


def safetensors(header: bytes, content: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + content


def tensor(shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 200_000_000) + b"{}",
        safetensors(b"\xff\xfe"),
        safetensors(b"not json"),
        safetensors(b"[" * 50_000),
        safetensors(
            json.dumps({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}).encode(), b"x" * 12
        ),
        safetensors(json.dumps({"a": {"dtype": "F32", "shape": [2]}}).encode(), b"x" * 8),
        safetensors(json.dumps({"a": tensor([2**40, 2**40], 0, 8)}).encode(), b"x" * 8),
        safetensors(json.dumps({"a": tensor([2], 0, 8)}).encode(), b"x" * 20),
        safetensors(json.dumps({str(n): tensor([0], 0, 0) for n in range(100_000)}).encode()),
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_fault_9_a_hostile_safetensors_file_is_refused_at_once(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    started = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError):
        load_tensors(path)
    assert time.perf_counter() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_fault_10_the_first_mismatches_are_named_and_nothing_is_loaded(tmp_path: Path) -> None:
    save_tensors(tmp_path / "w.safetensors", {**WEIGHTS, "extra.weight": np.ones(1, np.float32)})
    with pytest.raises(WeightsError) as error:
        read_weights(
            tmp_path / "w.safetensors", {**SHAPES, "conv1.bias": (4,), "fc.weight": (2, 2)}
        )
    for name in ("extra.weight", "conv1.bias", "fc.weight"):
        assert name in str(error.value)


def test_fault_11_weights_that_are_not_finite_are_named() -> None:
    with pytest.raises(WeightsError, match=r"conv1\.bias"):
        check_finite({"conv1.bias": np.array([1, np.nan], np.float32)}, "w")


WRITER = """
import sys
from convlens import runs
with runs.create("net", root=sys.argv[1]) as writer:
    for step in range(20):
        writer.append({"event": "step", "step": step})
    print(writer.folder.name)
"""


def test_fault_34_eight_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    names = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8
    assert len(set(names)) == 8
    for name in names:
        assert len(runs.Run.open(tmp_path / name).events()) == 20


def test_fault_34_one_damaged_run_hides_no_other(tmp_path: Path) -> None:
    for number in range(20):
        with runs.create("net", root=tmp_path, name=f"run{number}"):
            pass
    (tmp_path / "run3" / "status.json").write_text('{"state": "fin')
    (tmp_path / "run4" / "status.json").write_text("")
    (tmp_path / "run5" / "status.json").unlink()
    rows = runs.listing(tmp_path)
    assert len(rows) == 20
    assert sorted(row.name for row in rows if row.problem) == ["run3", "run4", "run5"]


def test_fault_34_a_torn_last_line_is_not_an_event(tmp_path: Path) -> None:
    with runs.create("net", folder=tmp_path / "run") as writer:
        writer.append({"event": "epoch", "loss": float("nan")})
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"event": "ep')
    run = runs.Run.open(tmp_path / "run")
    assert [event["loss"] for event in run.events()] == [None]
    with runs.open_existing(tmp_path / "run") as writer:
        writer.append({"event": "resume"})
    assert [event["event"] for event in run.events()] == ["epoch", "resume"]
    assert run.damaged_lines == 1


def test_fault_32_two_processes_cannot_write_one_run(tmp_path: Path) -> None:
    with runs.create("net", folder=tmp_path / "run"):
        code = (
            "import sys; from convlens import RunError, runs\n"
            "try: runs.open_existing(sys.argv[1])\n"
            "except RunError as error: assert 'another process' in error.what\n"
            "else: raise SystemExit('it was opened')"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=True)


@pytest.mark.parametrize(
    "name", ["../../x", "..%252f", "a;b", "a\0b", "x" * 300, "/etc/x", "", ".hidden", "a b"]
)
def test_fault_35_a_hostile_run_name_touches_nothing(tmp_path: Path, name: str) -> None:
    root = tmp_path / "deep" / "runs"
    with pytest.raises(RunError):
        runs.create("net", root=root, name=name or " ")
    with pytest.raises(RunError):
        runs.find(name, root)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
