"""Faults 53, 55, 57 and 58: hostile numbers and texts, no regular files, full disks and outputs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.test_cli import fail
from convlens.foundation import atomic
from convlens.foundation.errors import StorageError

DIGITS = "9" * 5000
NETWORK = "input = [1, 28, 28]\nlayers = [{ flatten = true }, { linear = 10 }]\n"


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("net.toml", f"input = [1, 28, 28]\nlayers = [{{ conv = {DIGITS} }}]", "line 2"),
        ("net.toml", 'name = "a\0b"', "line 1"),
        ("net.toml", 'about = "\\u0000"\n' + NETWORK, "about holds a NUL"),
        ("net.json", f'{{"input": [1, 28, {DIGITS}], "layers": []}}', "5,000 digits"),
        ("net.json", '{"name": "\\ud800", "input": [1, 28, 28], "layers": []}', "name holds half"),
        ("net.json", '{"input": [1, 2, 2], "input": [1, 1, 1], "layers": []}', '"input" appears'),
    ],
)
def test_fault_53_a_network_with_what_nothing_can_use_exits_2_with_the_place(
    name: str, content: str, place: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    told = fail("shapes", name, cwd=tmp_path)
    assert name in told
    assert place in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--set", f"epochs={DIGITS}"],
        ["train", "--set", "optimizer=\udcff"],
        ["train", "--epochs", DIGITS],
        ["train", "--memory", f"{DIGITS}GB"],
        ["train", "--name", "a\0b"],
        ["shapes", "--input", f"1,28,{DIGITS}", "--layer", "conv=1, kernel=1"],
        ["shapes", "--input", "1,28,28", "--layer", f"conv={DIGITS}"],
        ["shapes", "\udcff.toml"],
        ["pixels", "x.png", "--rows", f"{DIGITS}:"],
        ["look", "lenet-5", "x.png", "--layer", "conv1", "--cell", DIGITS],
        ["study", "width", "--values", DIGITS],
    ],
    ids=lambda arguments: ascii(" ".join(arguments))[:40],
)
def test_fault_53_an_option_with_what_nothing_can_use_exits_2(
    arguments: list[str], tmp_path: Path
) -> None:
    Image.new("L", (28, 28)).save(tmp_path / "x.png")
    assert len(fail(*arguments, cwd=tmp_path)) < 3000


def test_fault_53_a_recipe_with_a_number_of_5000_digits_exits_2(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(f"\nepochs = {DIGITS}\n")
    assert "r.toml" in fail("train", "--recipe", "r.toml", cwd=tmp_path)


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A folder with a pipe, a socket and a link to a device, under every ending."""
    for ending in (".toml", ".json", ".txt", ".png", ".pt", ".safetensors", ".onnx", ".npz"):
        os.mkfifo(tmp_path / f"pipe{ending}")
        (tmp_path / f"device{ending}").symlink_to("/dev/zero")
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(tmp_path / f"socket{ending}"))
    (tmp_path / "net.toml").write_text(NETWORK)
    return tmp_path


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
@pytest.mark.parametrize(
    "arguments",
    [
        "shapes {}.toml",
        "shapes {}.json",
        "train --recipe {}.toml",
        "train --weights {}.pt",
        "train --weights {}.safetensors",
        "train --data {}.npz",
        "train --data {}.png",
        "pixels {}.png",
        "look lenet-5 {}.png",
        "import {}.onnx",
        "import {}.pt --network net.toml --input 1,28,28",
        "import {}.safetensors --network net.toml",
    ],
)
def test_fault_55_no_regular_file_exits_2_at_once(arguments: str, kind: str, places: Path) -> None:
    started = time.monotonic()
    fail(*arguments.format(kind).split(), cwd=places)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_fault_55_a_file_of_classes_that_is_none_exits_2(kind: str, places: Path) -> None:
    import convlens
    from convlens.engines import build
    from convlens.foundation.errors import InputError
    from convlens.network import Network
    from convlens.weights import save_tensors

    network = Network.load(places / "net.toml")
    save_tensors(places / "w.safetensors", build(network).weights())
    with pytest.raises(InputError, match="cannot be read: it is a"):
        convlens.import_model(
            places / "w.safetensors",
            network=places / "net.toml",
            classes=places / f"{kind}.txt",
            out=places / "run",
        )
    assert not (places / "run").exists()
    assert convlens.runs.listing(places) == []


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 1 MB; skipped where mounting is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_fault_57_a_page_that_does_not_fit_leaves_no_file_and_no_folder(full_disk: Path) -> None:
    files = {f"{number}.svg": "x" * 300_000 for number in range(5)}
    with pytest.raises(StorageError, match="the disk is full"):
        atomic.write_folder(full_disk / "deep" / "page", files)
    assert list(full_disk.iterdir()) == []
    (full_disk / "page").mkdir()
    (full_disk / "page" / "0.svg").write_text("before")
    with pytest.raises(StorageError, match="1500000 free bytes"):
        atomic.write_folder(full_disk / "page", files)
    assert [path.name for path in (full_disk / "page").iterdir()] == ["0.svg"]
    assert (full_disk / "page" / "0.svg").read_text() == "before"


def test_fault_57_a_look_that_does_not_fit_leaves_no_file_and_no_folder(full_disk: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    Image.fromarray(image).save(full_disk / "x.png")
    (full_disk / "ballast").write_bytes(bytes(900_000))
    told = fail("look", "lenet-5", "x.png", "--method", "none", cwd=full_disk, code=1)
    assert "the disk is full" in told
    assert sorted(path.name for path in full_disk.iterdir()) == ["ballast", "x.png"]


@pytest.mark.parametrize("command", ["zoo", "zoo --json", "--help", "--version", "shapes lenet-5"])
def test_fault_58_a_full_standard_output_is_one_message(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "convlens", *command.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output cannot be written: No space left")
    assert len(done.stderr.splitlines()) == 3


def test_fault_58_a_training_whose_outputs_are_full_or_closed_leaves_a_whole_run(
    tmp_path: Path,
) -> None:
    from convlens import open_run

    program = f"{sys.executable} -m convlens train --epochs 1 --out"
    for name, channels, code in (("a", ">/dev/full 2>/dev/full", 1), ("b", ">&- 2>&-", 0)):
        done = subprocess.run(
            ["bash", "-c", f"{program} {name} {channels}"], cwd=tmp_path, check=False
        )
        assert done.returncode == code
        run = open_run(tmp_path / name)
        assert run.status["state"] == "finished"
        assert run.verify() == []


def test_fault_58_a_locale_of_ascii_prints_and_writes_every_name(tmp_path: Path) -> None:
    (tmp_path / "phötös").mkdir()
    Image.new("L", (32, 32)).save(tmp_path / "phötös" / "ä.png")
    program = [sys.executable, "-m", "convlens"]
    for arguments in (
        ["look", "lenet-5", "phötös/ä.png", "--out", "ö", "--method", "none"],
        ["pixels", "phötös/ä.png"],
        ["shapes", "phötös/ä.toml"],
    ):
        done = subprocess.run(
            [*program, *arguments],
            cwd=tmp_path,
            env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"},
            capture_output=True,
            check=False,
        )
        assert b"internal error" not in done.stderr, done.stderr
        assert done.returncode == (2 if arguments[0] == "shapes" else 0), done.stderr
    assert "phötös/ä.png" in (tmp_path / "ö" / "index.html").read_text("utf-8")
