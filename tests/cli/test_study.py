"""`convlens study`: what it prints, writes, refuses, and how it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from convlens.studies import STUDIES
from recorded_runs import NETWORK

FAST = ("--epochs", "1", "--seeds", "1", "--set", "precision=float32", "--set", "threads=1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    (folder / "net.toml").write_text(NETWORK.to_toml())
    return folder


def test_the_studies_are_listed(convlens: Any) -> None:
    assert [row["name"] for row in convlens("study", "--json")["studies"]] == list(STUDIES)
    assert "batch-size" in convlens("study")


def test_a_study_writes_its_page_tables_and_numbers_and_goes_on(convlens: Any, place: Path) -> None:
    given = ("study", "width", "--network", "net.toml", "--values", "0.5,1", *FAST)
    first = convlens(*given, "--json")
    folder = place / "study-width-two-convolutions-digits-5k"
    assert first["report"] == f"{folder.name}/index.html"
    page = (folder / "index.html").read_text()
    assert "<script" not in page
    assert "http" not in page.split("</style>")[1].replace("http://www.w3.org", "")
    assert "the test set was not read" in page
    kept = json.loads((folder / "results.json").read_text())
    assert [row["width"] for row in kept["variants"]] == [0.5, 1.0]
    assert "test_accuracy" not in json.dumps(kept)
    assert "| width |" in (folder / "tables.md").read_text()
    lines = (folder / "trials.jsonl").read_text().splitlines()
    assert len(lines) == 2
    again = convlens(*given, "--json")
    assert again["variants"] == first["variants"]
    assert "kept from before" in convlens.err
    more = (*given[:4], "--values", "0.5,1,2", *FAST)
    printed = convlens(*more)
    assert len((folder / "trials.jsonl").read_text().splitlines()) == 3
    assert "report: study-width" in printed
    assert "--full" in printed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("batchsize",), 'did you mean "batch-size"'),
        (("width", "--values", "x"), "--values has 'x'"),
        (("width", "--values", ","), "--values is empty"),
        (("width", "--set", "epoch=1"), 'did you mean "epochs"'),
        (("ablation", "--values", "nothing"), 'no ingredient "nothing"'),
        (("threads", "--values", "9999", "--device", "cpu"), "9999 threads"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_trained(
    convlens: Any, arguments: tuple[str, ...], told: str
) -> None:
    assert told in convlens("study", *arguments, "--out", "refused", code=2)


def test_an_interrupted_study_exits_as_such_and_goes_on(place: Path) -> None:
    command = [sys.executable, "-m", "convlens", "study", "depth", "--network", "net.toml"]
    command += ["--values", "1,2,3", "--out", "stopped", *FAST[2:], "--epochs", "8"]
    with subprocess.Popen(
        command, cwd=place, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        try:
            lines = iter(process.stderr.readline, "")
            first = next(line for line in lines if "validation accuracy" in line)
            assert first.startswith("trial 1 of 3, depth 1")
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 130, told
    assert "give the same command again" in told
    kept = (place / "stopped" / "trials.jsonl").read_text().splitlines()
    assert 1 <= len(kept) < 3
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    # what other work disturbed is measured again
    settled = [line for line in kept if '"crowded": true' not in line]
    assert done.stderr.count("kept from before") == len(settled)
    assert (place / "stopped" / "index.html").exists()
