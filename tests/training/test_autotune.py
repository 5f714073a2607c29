"""What a machine computes fastest in: measured once, kept, never against the recipe's word."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import convlens
from convlens.engines.device import supports_bfloat16
from convlens.foundation.machine import available_cores
from convlens.network import zoo
from convlens.training import autotune as tuning
from convlens.training import autotune_cache
from convlens.training.autotune import autotune
from convlens.training.compute_settings import EVALUATION_BATCH, ComputeSettings
from convlens.training.recipe import Recipe
from recorded_runs import NETWORK

CPU = torch.device("cpu")
SMALL = Recipe(batch_size=8, epochs=1)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def count_measurements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    counted: list[str] = []
    real = tuning._milliseconds

    def counting(*arguments: Any) -> float:
        counted.append(arguments[-1])
        return real(*arguments)

    monkeypatch.setattr(tuning, "_milliseconds", counting)
    return counted


def test_what_was_measured_once_is_not_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = count_measurements(monkeypatch)
    first = autotune(NETWORK, SMALL, CPU)
    assert counted
    counted.clear()
    assert autotune(NETWORK, SMALL, CPU) == first
    assert counted == []


def test_beside_other_work_no_more_threads_than_cores_are_left(
    monkeypatch: pytest.MonkeyPatch, empty_cache: Path
) -> None:
    tried = []

    def milliseconds(n: object, b: int, d: object, settings: ComputeSettings, kind: str) -> float:
        tried.append(settings.threads)
        return 10.0 / (settings.threads or 1)  # the more the better, as a short trial may find

    monkeypatch.setattr(tuning, "_milliseconds", milliseconds)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(tuning, "waited_seconds", itertools.count(0, 1000).__next__)
    monkeypatch.setattr(tuning._Others, "cores_left", lambda self: 5)
    settings = autotune(NETWORK, SMALL, CPU)
    assert (settings.threads, settings.crowded) == (5, True)
    assert set(tried) == {8, 5, 4, 1}
    tried.clear()
    assert autotune(NETWORK, SMALL, CPU) == settings
    assert tried == []


@pytest.mark.parametrize(("idle", "left"), [(0, 1), (4, 1), (8, 2), (69, 8)])
def test_cores_left_are_what_nobody_else_computed_on(
    idle: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning.time, "perf_counter", itertools.count(0, 10).__next__)
    monkeypatch.setattr(tuning.time, "process_time", itertools.count(0, 10).__next__)
    monkeypatch.setattr(tuning, "idle_seconds", itertools.count(0, idle).__next__)
    assert tuning._Others().cores_left() == left


@pytest.mark.parametrize("crowded", [True, False])
def test_what_was_measured_beside_other_work_is_kept_for_an_hour(
    crowded: bool, monkeypatch: pytest.MonkeyPatch, empty_cache: Path
) -> None:
    waited = itertools.count(0, 1000 if crowded else 0)
    monkeypatch.setattr(tuning, "waited_seconds", lambda: float(next(waited)))
    monkeypatch.setattr(tuning, "_milliseconds", lambda *_: 1.0)
    first = autotune(NETWORK, SMALL, CPU)
    assert first.crowded == crowded
    monkeypatch.setattr(tuning, "_milliseconds", lambda *_: 2.0)
    assert autotune(NETWORK, SMALL, CPU) == first
    [note] = empty_cache.rglob("*.json")
    long_ago = time.time() - autotune_cache.CROWDED_SECONDS - 1
    os.utime(note, (long_ago, long_ago))
    again = autotune(NETWORK, SMALL, CPU)
    assert again.measured_ms is not None
    assert set(again.measured_ms.values()) == ({2.0} if crowded else {1.0})


def test_a_batch_that_a_gpu_has_no_room_for_is_left_to_the_training(
    monkeypatch: pytest.MonkeyPatch, empty_cache: Path
) -> None:
    def full(*_: Any) -> float:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(tuning, "_milliseconds", full)
    settings = autotune(NETWORK, SMALL, CPU)
    assert (settings.precision, settings.memory_format) == ("float32", "contiguous")
    assert not list(empty_cache.rglob("*.json"))


def test_a_damaged_or_foreign_note_in_the_cache_is_measured_anew(
    monkeypatch: pytest.MonkeyPatch, empty_cache: Path
) -> None:
    autotune(NETWORK, SMALL, CPU)
    [note] = empty_cache.rglob("*.json")
    for text in ("{", "[]", json.dumps({"precision": "float8", "memory_format": "contiguous"})):
        note.write_text(text)
        counted = count_measurements(monkeypatch)
        assert autotune(NETWORK, SMALL, CPU).precision in ("float32", "bfloat16")
        assert counted


def test_what_the_recipe_says_is_taken_and_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = count_measurements(monkeypatch)
    said = {"precision": "float32", "memory_format": "contiguous", "evaluation_batch": 77}
    settings = autotune(NETWORK, SMALL.changed({**said, "threads": 1}), CPU)
    assert settings == ComputeSettings("float32", "contiguous", 1, 77)
    assert counted == []


def test_threads_never_pass_the_cores_that_the_process_may_use() -> None:
    settings = autotune(NETWORK, SMALL.changed({"threads": 4096}), CPU)
    assert settings.threads == available_cores()


def test_each_question_is_measured_and_the_fastest_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    def pretended(
        network: Any, batch: int, device: Any, settings: ComputeSettings, kind: str
    ) -> float:
        if kind == "evaluation":
            return {250: 4.0}.get(settings.evaluation_batch, 9.0)
        fast = settings.memory_format == "channels_last" and settings.precision == "float32"
        return 5.0 if settings.threads == 1 and fast else 6.0 if fast else 8.0

    monkeypatch.setattr(tuning, "_milliseconds", pretended)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    settings = autotune(NETWORK, SMALL, CPU)
    assert (settings.precision, settings.memory_format) == ("float32", "channels_last")
    assert (settings.threads, settings.evaluation_batch) == (1, 250)
    assert settings.measured_ms is not None
    assert settings.measured_ms["threads 2"] == 6.0
    assert settings.measured_ms["threads 1"] == 5.0


def test_a_gain_within_the_noise_does_not_change_the_plain_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        tuning,
        "_milliseconds",
        lambda n, b, d, settings, kind: 9.9 if settings.threads == 1 else 10.0,
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    settings = autotune(NETWORK, SMALL, CPU)
    assert settings.threads == 2
    assert (settings.precision, settings.memory_format) == ("float32", "contiguous")
    assert settings.evaluation_batch == EVALUATION_BATCH


def test_threads_are_always_measured_and_batches_of_evaluation_only_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(
        tuning,
        "_milliseconds",
        lambda n, b, d, settings, kind: 1.0 if settings.threads == 1 else 9.0,
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    settings = autotune(NETWORK, SMALL, CPU)
    tried = {f"{pair.precision} {pair.memory_format}" for pair in tuning._pairs(SMALL, CPU)}
    assert settings.measured_ms is not None
    assert set(settings.measured_ms) == {*tried, "threads 2", "threads 1"}
    assert (settings.threads, settings.evaluation_batch) == (1, EVALUATION_BATCH)


def test_a_large_network_is_tried_on_a_part_of_the_batch() -> None:
    network = zoo.load("bottleneck-resnet")
    operations = 6 * network.plan().multiply_adds * 128
    assert operations > tuning.TRIAL_OPERATIONS
    taken = tuning._milliseconds(
        network, 128, CPU, ComputeSettings("float32", "contiguous"), "step"
    )
    assert taken > 0


def test_the_threads_of_the_process_come_back() -> None:
    before = torch.get_num_threads()
    with ComputeSettings("float32", "contiguous", 1).in_threads():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_a_run_records_what_was_chosen_and_computes_in_it(tmp_path: Path) -> None:
    told: list[str] = []

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "run":
            told.append(str(event["choice"]))

    run = convlens.train(
        NETWORK,
        epochs=1,
        out=tmp_path / "run",
        device="cpu",  # what threads are of
        threads=1,
        evaluation_batch=250,
        on_event=listen,
    )
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.allow_tf32
    assert "threads = 1" in run.recipe_text
    assert "evaluation_batch = 250" in run.recipe_text
    assert run.environment["threads"] == 1
    assert run.environment["evaluation_batch"] == 250
    assert told[0].endswith(", 1 thread")
    assert len(told[0]) < 60
    assert "waiting" in run.environment


def test_bfloat16_is_only_a_candidate_where_the_hardware_multiplies_it() -> None:
    precisions = {pair.precision for pair in tuning._pairs(SMALL, CPU)}
    assert precisions == ({"float32", "bfloat16"} if supports_bfloat16(CPU) else {"float32"})
