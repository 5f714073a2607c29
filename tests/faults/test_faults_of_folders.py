"""Faults 19, 21, 22, 27 and 28: folders of images, and the processes that decode them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens import data
from convlens.data.folders import pool
from convlens.data.preprocessing import Preprocessing
from convlens.foundation.errors import DataError, StorageError
from pictures import digit_folder, digit_images, photo_pieces

SHOW = [sys.executable, "-m", "convlens", "data", "show"]


def slow_folder(folder: Path, count: int = 3000) -> Path:
    """Many names of two large photographs: long to decode, quick to make."""
    for name, piece in photo_pieces(1):
        (folder / name).mkdir(parents=True)
        piece.resize((1200, 900)).save(folder / name / "0.png", compress_level=1)
        for number in range(1, count // 2):
            os.link(folder / name / "0.png", folder / name / f"{number}.png")
    return folder


def gone(pid: int) -> bool:
    """Say whether a process has ended (a zombie that init has not taken yet counts)."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def wait_for_workers(process: subprocess.Popen[str], cache: Path) -> list[int]:
    """Wait until both workers decode; return them."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        # the threads of the pool start them, so they are children of a thread
        found = [
            child
            for task in Path(f"/proc/{process.pid}/task").iterdir()
            for child in map(int, (task / "children").read_text().split())
        ]
        if len(found) == 2 and any(cache.glob("folders/.*.tmp/pixels.npy")):
            time.sleep(1.0)
            return found
        time.sleep(0.05)
    raise AssertionError(process.communicate()[1])


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slow_folder(tmp_path_factory.mktemp("slow") / "photos")


def show(folder: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SHOW, str(folder)],
        env={**os.environ, "CONVLENS_CACHE": str(cache), "CONVLENS_WORKERS": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_fault_27_a_killed_worker_is_named_and_no_process_stays(slow: Path, tmp_path: Path) -> None:
    process = show(slow, tmp_path)
    one, other = wait_for_workers(process, tmp_path)
    os.kill(one, signal.SIGKILL)
    killed = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - killed < 30
    assert process.returncode == 1, (out, err)
    assert f"(pid {one}) was killed by SIGKILL" in err
    assert "memory" in err
    assert "Traceback" not in err
    assert gone(one)
    assert gone(other)
    assert list((tmp_path / "folders").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("whole_group", [True, False], ids=["Ctrl-C", "the parent alone"])
def test_fault_27_an_interrupt_leaves_no_process_and_no_half_cache(
    slow: Path, tmp_path: Path, whole_group: bool
) -> None:
    process = show(slow, tmp_path)
    workers = wait_for_workers(process, tmp_path)
    if whole_group:  # as a terminal does
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert all(map(gone, workers))
    assert list((tmp_path / "folders").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_fault_27_workers_end_when_their_parent_is_killed(slow: Path, tmp_path: Path) -> None:
    process = show(slow, tmp_path)
    workers = wait_for_workers(process, tmp_path)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not all(map(gone, workers)):
        time.sleep(0.1)
    assert all(map(gone, workers))


def decode_into(pixels: Path, files: list[str]) -> None:
    preparing = Preprocessing((1, 28, 28), (0.0,), (1.0,))
    pool.decode_in_processes(files, preparing, pixels, 0, 2, 3, lambda row, decoded: None)


def test_fault_28_an_unforeseen_error_names_the_file_and_keeps_its_words(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 2, classes=2)
    (tmp_path / "pixels").write_bytes(b"")
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from convlens.data.folders import pool\n"
        "from convlens.data.preprocessing import Preprocessing\n"
        "from convlens.foundation.errors import WorkerError\n"
        # one image of this size takes 805 MB; the processes may have 700
        "pixels, *files = sys.argv[1:]\n"
        "preparing = Preprocessing((3, 16_384, 16_384), (0.0,) * 3, (1.0,) * 3)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (700_000_000, 700_000_000))\n"
        "try: pool.decode_in_processes(files, preparing, Path(pixels), 0, 1, 1, print)\n"
        "except WorkerError as error: print(error.what)\n"
    )
    files = [str(path) for path in sorted(folder.rglob("*.png"))]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "pixels"), *files],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"decoding {files[0]} failed: " in done.stdout
    assert "MemoryError: Unable to allocate 768" in done.stdout


def test_fault_28_a_disk_that_fails_is_told_as_such(tmp_path: Path) -> None:
    files = [str(path) for path in digit_folder(tmp_path / "digits", 2, classes=2).rglob("*.png")]
    with pytest.raises(StorageError, match="the disk is full"):
        decode_into(Path("/dev/full"), files)


def test_fault_19_every_bad_file_is_named_with_its_reason_or_skipped(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 8, classes=2)
    digit = Image.fromarray(digit_images()[0][0])
    bad = folder / "0"
    (bad / "empty.png").write_bytes(b"")
    (bad / "text.png").write_text("these are words")
    digit.save(bad / "whole.jpg")
    (bad / "cut.jpg").write_bytes((bad / "whole.jpg").read_bytes()[:400])
    frames = [digit.rotate(angle) for angle in (0, 90)]
    frames[0].save(bad / "moving.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(np.ones((8, 8), np.float32)).save(bad / "floats.tiff")
    (bad / "dangling.png").symlink_to(folder / "nowhere.png")
    (bad / "itself.png").symlink_to(bad / "itself.png")
    os.mkfifo(bad / "pipe.png")
    reasons = {
        "empty.png": "is empty",
        "text.png": "is not an image",
        "cut.jpg": "truncated",
        "moving.gif": "is animated",
        "floats.tiff": "floating-point",
        "dangling.png": "No such file",
        "itself.png": "Too many levels of symbolic links",
        "pipe.png": "is not a file",
    }
    with pytest.raises(DataError, match="8 of 25 images cannot be read") as raised:
        data.load(folder)
    dataset = data.load(folder, bad_images="skip")
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 17
    for name, reason in reasons.items():
        pattern = rf"{re.escape(name)} .*{reason}"
        assert re.search(pattern, str(raised.value))
        assert any(re.search(rf"skipped: .*{pattern}", note) for note in dataset.notes)


def test_fault_21_a_batch_larger_than_the_folder_is_refused_before_training(
    tmp_path: Path,
) -> None:
    folder = digit_folder(tmp_path / "digits", 10, classes=2)
    done = subprocess.run(
        [sys.executable, "-m", "convlens", "train", "--data", str(folder), "--batch-size", "500"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "at least one full batch" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_fault_22_names_of_any_bytes_go_through_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLENS_WORKERS", "2")
    monkeypatch.setattr("convlens.data.folders.cache.WORTH_IMAGES", 1)
    folder = digit_folder(tmp_path / "digits", 10, classes=2)
    content = digit_images()[0][11:17]
    names = [b"a b.png", b"new\nline.png", "\U0001f600.png".encode(), b"caf\xe9.png", b"-rf.png"]
    for name, image in zip(names, content, strict=False):
        Image.fromarray(image).save(tmp_path / "one.png")
        (tmp_path / "one.png").rename(Path(os.fsdecode(os.fsencode(folder / "0") + b"/" + name)))
    dataset = data.load(folder)
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 25
    os.truncate(os.fsencode(folder / "0") + b"/new\nline.png", 3)
    os.truncate(os.fsencode(folder / "0") + b"/caf\xe9.png", 3)
    with pytest.raises(DataError) as raised:
        data.load(folder)
    assert "new\\nline.png" in str(raised.value)
    assert "caf\\udce9.png" in str(raised.value)
    str(raised.value).encode("utf-8")
