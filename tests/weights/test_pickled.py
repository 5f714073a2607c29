"""What a hostile `.pt` can cost: time and memory of a process of its own that reads it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from convlens.foundation.errors import WeightsError
from convlens.weights.pickled import MAX_PICKLE, read_state_dict

CODE = """
import json, resource, sys, time
from pathlib import Path
import torch
from convlens.foundation.errors import WeightsError
from convlens.weights.pickled import read_state_dict
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
try:
    read_state_dict(Path(sys.argv[1]))
    refused = ""
except WeightsError as error:
    refused = error.what
seconds = time.perf_counter() - started
grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
print(json.dumps({"seconds": seconds, "bytes": grown, "refused": refused}))
"""


def pickled(folder: Path, opcode: bytes, size: int, *, zipped: bool) -> Path:
    """Write a `.pt` whose pickle repeats one opcode until it has so many bytes."""
    content = b"\x80\x02" + opcode * ((size - 3) // len(opcode))
    content += b"0" * (size - 1 - len(content)) + b"."
    path = folder / "hostile.pt"
    if not zipped:
        path.write_bytes(content)
        return path
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return path


@pytest.mark.parametrize(
    ("opcode", "zipped"),
    [(b"(", True), (b"(", False), (b"]", True)],
    ids=["marks in a zip", "marks", "lists in a zip"],
)
def test_fault_7_a_pickle_at_the_bound_costs_seconds_and_some_hundred_megabytes(
    opcode: bytes, zipped: bool, tmp_path: Path
) -> None:
    path = pickled(tmp_path, opcode, MAX_PICKLE, zipped=zipped)
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    cost = json.loads(done.stdout)
    assert cost["refused"]
    # alone on two cores 2 to 5 s and 225 MB
    assert cost["seconds"] < 30, cost
    assert cost["bytes"] < 500_000_000, cost


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "plain"])
def test_fault_7_a_pickle_over_the_bound_is_refused_unread(zipped: bool, tmp_path: Path) -> None:
    path = pickled(tmp_path, b"(", MAX_PICKLE + 1, zipped=zipped)
    with pytest.raises(WeightsError, match=r"more than 3,000,000 bytes"):
        read_state_dict(path)
