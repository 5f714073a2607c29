"""`convlens runs` and `convlens watch`: deleting, renaming, metrics, following a training."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convlens as package
from convlens import runs as store
from convlens.foundation.errors import ConvlensError, InputError
from recorded_runs import RECIPE, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(folder / "run", RECIPE.changed({"record_kernels": 0}))
    return folder / "run"


@pytest.fixture
def place(tmp_path: Path, trained: Path) -> Path:
    for name in ("first", "second"):
        shutil.copytree(trained, tmp_path / "runs" / name)
    return tmp_path


def names(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "runs").iterdir())


def test_runs_are_deleted_only_with_a_yes(convlens: Any, place: Path) -> None:
    assert "add --yes" in convlens("runs", "delete", "first", code=2)
    assert names(place) == ["first", "second"]
    assert convlens("runs", "delete", "first", "--yes", "--json")["deleted"] == ["runs/first"]
    assert names(place) == ["second"]
    assert convlens("runs", "delete", "last", "--yes") == "deleted runs/second\n"
    assert "no runs" in convlens("runs")


@pytest.mark.parametrize("name", ["../outside", "..%252f", "a;b", "a\0b", "x" * 300, "/etc", ""])
def test_fault_35_nothing_outside_the_root_is_touched(
    convlens: Any, place: Path, name: str
) -> None:
    (place / "outside").mkdir()
    (place / "outside" / "kept.txt").write_text("kept")
    convlens("runs", "delete", "--yes", "--", name, code=2)
    convlens("runs", "rename", "--", "first", name, code=2)
    assert (place / "outside" / "kept.txt").read_text() == "kept"
    assert names(place) == ["first", "second"]


def test_a_run_that_is_being_written_is_neither_deleted_nor_renamed(
    convlens: Any, place: Path
) -> None:
    with store.open_existing(place / "runs" / "first"):
        assert "another process" in convlens("runs", "delete", "first", "--yes", code=2)
        assert "another process" in convlens("runs", "rename", "first", "third", code=2)
    assert names(place) == ["first", "second"]


def test_a_run_that_holds_another_is_not_deleted(convlens: Any, place: Path) -> None:
    shutil.move(place / "runs" / "second", place / "runs" / "first" / "inside")
    assert "holds another run" in convlens("runs", "delete", "first", "--yes", code=2)
    assert (place / "runs" / "first" / "inside" / "status.json").is_file()


def test_a_link_to_a_run_is_removed_and_the_run_kept(convlens: Any, place: Path) -> None:
    (place / "runs" / "linked").symlink_to(place / "runs" / "first")
    convlens("runs", "delete", "linked", "--yes")
    assert names(place) == ["first", "second"]


def test_a_renamed_run_is_named_as_it_was_asked_for(convlens: Any) -> None:
    assert "runs/second is now runs/other\n" in convlens("runs", "rename", "second", "other")
    convlens("runs", "rename", "other", "second")


def test_a_run_behind_its_images_is_told(convlens: Any) -> None:
    told = convlens("predict", "seven.png", "first", code=2)
    assert '"first" is a run and not an image' in told
    assert "write convlens predict first seven.png" in told


def test_a_renamed_run_is_whole_and_takes_no_name_that_is_there(convlens: Any, place: Path) -> None:
    assert "exists" in convlens("runs", "rename", "first", "second", code=2)
    assert convlens("runs", "rename", "first", "third", "--json")["run"].endswith("runs/third")
    assert names(place) == ["second", "third"]
    run = package.open_run("third", place / "runs")
    assert run.verify() == []
    assert run.status["name"] == "third"


def test_metrics_are_a_table_csv_and_json(convlens: Any, place: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(convlens("runs", "metrics", "first", "--csv"))))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    listed = convlens("runs", "metrics", "first", "--json")["epochs"]
    assert float(rows[2]["train_loss"]) == listed[2]["train_loss"]
    assert "wrote m.csv: 5 epochs" in convlens("runs", "metrics", "first", "--out", "m.csv")
    assert (place / "m.csv").read_text().startswith("epoch,")
    lines = convlens("runs", "metrics", "first").splitlines()
    assert len(lines) == 6
    assert sum(line.endswith("best") for line in lines) >= 1


def test_the_history_of_a_run_is_columns_csv_and_a_figure(place: Path) -> None:
    history = package.open_run("first", place / "runs").history
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert history["train_loss"].dtype == np.float64
    assert history["best"].dtype == np.bool_
    assert history.plot()._repr_svg_().startswith("<svg")
    assert len(history.to_csv().splitlines()) == 6
    with pytest.raises(InputError, match='did you mean "train_loss"'):
        history["train_los"]
    with pytest.raises(ConvlensError, match="no epoch is complete"):
        store.History([]).plot()


def test_an_epoch_trained_twice_counts_once() -> None:
    events = [{"event": "epoch", "epoch": n, "train_loss": loss} for n, loss in [(1, 3), (2, 2)]]
    again = [{"event": "epoch", "epoch": 2, "train_loss": 1.5}]
    assert store.History([*events, *again])["train_loss"].tolist() == [3, 1.5]


def training(folder: Path, pause: float = 0.3) -> threading.Thread:
    """Begin to write a run of three epochs in a thread, and return when the run is there."""

    def work() -> None:
        with store.create("net", folder=folder) as writer:
            for epoch in (1, 2, 3):
                numbers = dict.fromkeys(("train_loss", "validation_loss"), 1 / epoch)
                shares = dict.fromkeys(("train_accuracy", "validation_accuracy"), epoch / 10)
                facts = {"epoch": epoch, "best": True, "images_per_second": 9.0}
                writer.append({"event": "epoch", **facts, **numbers, **shares})
                time.sleep(pause)
            writer.append({"event": "end", "state": "finished", "message": ""})
            writer.status(state="finished")

    thread = threading.Thread(target=work)
    thread.start()
    while not (folder / "status.json").exists():
        time.sleep(0.01)
    return thread


@pytest.mark.skipif(sys.platform == "win32", reason="has no such terminals")
def test_watch_draws_curves_that_grow_in_a_terminal(place: Path) -> None:
    thread = training(place / "runs" / "live", pause=2.0)
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "convlens", "watch", "live", "--every", "0.1"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        command, cwd=place, stdout=subprocess.PIPE, stderr=theirs, env=environment, text=True
    )
    os.close(theirs)
    thread.join()
    drawn = b""
    with contextlib.suppress(OSError):  # Linux's way to say that nobody writes there any more
        while part := os.read(ours, 1 << 16):
            drawn += part
    os.close(ours)
    text = drawn.decode()
    assert "validation accuracy  0.1000 ▁▅█ 0.3000" in text
    assert "validation loss      1.0000 █▃▁ 0.3333" in text
    assert len(set(re.findall(r"validation accuracy +0.1000 (\S+)", text))) >= 2
    assert done.stdout == "live: finished after 3 epochs\n"


def test_watch_follows_a_run_to_its_end(convlens: Any, place: Path) -> None:
    thread = training(place / "runs" / "live")
    out = convlens("watch", "live", "--every", "0.1")
    thread.join()
    assert convlens.err.count("epoch") >= 3
    assert out.splitlines()[-1] == "live: finished after 3 epochs"
    assert convlens("watch", "live", "--json")["state"] == "finished"


def test_watch_of_a_run_that_stopped_ends_with_1(convlens: Any, place: Path) -> None:
    with store.open_existing(place / "runs" / "first") as writer:
        writer.status(state="running")
    assert package.open_run("first", place / "runs").status["state"] == "stopped"
    assert convlens("watch", "first", "--json", code=1)


def test_an_imported_run_is_listed_without_data(convlens: Any, place: Path) -> None:
    with store.open_existing(place / "runs" / "first") as writer:
        writer.status(state="imported", data="")
    (line,) = [row for row in convlens("runs").splitlines() if row.startswith("first")]
    assert " on " not in line


def test_a_comparison_in_json_has_the_names(convlens: Any, place: Path) -> None:
    assert convlens("compare", "first", "second", "--json")["names"] == ["first", "second"]
