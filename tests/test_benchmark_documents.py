"""`docs/benchmarks.md` is what the kept results give, and the contest's parts do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_the_document_is_what_the_results_give() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "tables.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("on_path")
def test_a_target_is_reached_where_the_mean_of_the_seeds_reaches_it() -> None:
    import bench_time_to_accuracy as bench
    from contest import Outcome, ours

    def outcome(*points: tuple[float, float]) -> Outcome:
        lines: list[dict[str, Any]] = [
            {"epoch": n, "seconds": s, "test_accuracy": a, "evaluation_seconds": 0.5}
            for n, (s, a) in enumerate(points, start=1)
        ]
        return Outcome(lines, None, 0)

    quick = bench.summary(ours("net:quick"), [outcome((2, 0.991)), outcome((4, 0.985))])
    assert quick["seconds_to"] == {"0.980": 3, "0.990": None, "0.994": None}
    assert quick["seeds_that_reached"]["0.990"] == 1
    slow = bench.summary(ours("net:slow"), [outcome((10, 0.97), (20, 0.98), (30, 0.995))])
    assert slow["seconds_to"] == {"0.980": 20, "0.990": 30, "0.994": 30}
    assert {
        "target": 0.98,
        "of": "convlens net:slow",
        "by": "convlens net:quick",
        "ratio": 6.67,
    } in (bench.ratios([quick, slow]))


@pytest.mark.usefixtures("on_path")
def test_a_table_is_drawn_from_a_result_and_a_contestant_that_failed_is_in_it() -> None:
    import bench_time_to_accuracy as bench
    import training_tables
    from contest import Outcome, ours

    line = {"epoch": 1, "seconds": 2.0, "test_accuracy": 0.991, "evaluation_seconds": 0.5}
    contestants = [
        bench.summary(ours("net:quick"), [Outcome([line], None, 0)]),
        bench.summary(ours("net:broken"), [Outcome([], "exit code 1", 0)]),
    ]
    found = {
        "targets": list(bench.TARGETS),
        "contestants": contestants,
        "ratios": bench.ratios(contestants),
        "not_installed": ["fastai"],
    }
    text = training_tables.time_to_accuracy(found)
    assert "| convlens net:quick | 2.0 s | 2.0 s | – | 99.10% | 2.0 s | 1 |" in text
    assert "| convlens net:broken | – | – | – | – | – | 0 |" in text
    assert "Not installed there: fastai." in text
    assert training_tables.curves(found).startswith("<svg")


PEER = """
import json, os, sys
from convlens.foundation.waiting import said_by_others, watch
watch()
print("a line that is no answer")
said = {"threads": os.environ["OMP_NUM_THREADS"], "said": said_by_others(), "rest": sys.argv[1:]}
print(json.dumps(said))
"""


@pytest.mark.usefixtures("on_path")
def test_a_peer_runs_once_for_each_way_of_waiting_and_convlens_leaves_it_alone(
    tmp_path: Path,
) -> None:
    from contest import in_each_way

    script = tmp_path / "peer.py"
    script.write_text(PEER)
    spinning, asleep = in_each_way(str(script), "7")
    assert spinning["said"] == {"GOMP_SPINCOUNT": "300000"}  # what GNU OpenMP does by itself
    assert asleep["said"] == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert spinning["rest"] == asleep["rest"] == ["--peer", "7"]
    assert spinning["threads"] == asleep["threads"]
    assert {spinning["waiting"], asleep["waiting"]} == {"spinning", "asleep at once"}


BESIDE_PEERS = {
    "bench_batch_supply.py",
    "bench_digits.py",
    "bench_http.py",
    "bench_memory.py",
    "bench_step_overhead.py",
    "bench_time_to_accuracy.py",
    "bench_tutorial_loop.py",
}
"""The benchmarks that compare times or memory with code that is not of convlens."""


def test_each_contest_runs_its_peers_through_both_ways_of_waiting() -> None:
    for name in BESIDE_PEERS:
        text = (BENCHMARKS / name).read_text("utf-8")
        assert "from contest import" in text, name
        assert any(word in text for word in ("in_each_way(", "WAYS_OF_WAITING", " run(")), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tutorial", "pytorch-example", "lightning", "fastai"])
@pytest.mark.usefixtures("on_path")
def test_a_peer_reports_each_epoch(name: str, tmp_path: Path) -> None:
    import numpy as np

    from contest import KNOWN, run

    if not KNOWN[name].installed:
        pytest.skip(f"{name} is not installed")
    from convlens import load_data

    digits = load_data("digits-5k")
    place = tmp_path / "few.npz"
    arrays = {"train_images": digits.train.images[:512, 0], "test_images": digits.test.images[:, 0]}
    labels = {"train_labels": digits.train.labels[:512], "test_labels": digits.test.labels}
    np.savez(place, **arrays, **labels)
    found = run(KNOWN[name], place, seed=0, budget=60, epochs=2)
    assert found.error is None, found.error
    assert [line["epoch"] for line in found.epochs] == [1, 2]
    assert found.epochs[1]["seconds"] > found.epochs[0]["seconds"] > 0
    assert found.peak_bytes > 10**8
