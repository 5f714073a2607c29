"""Every reader survives damaged files: a result or a DataError, no memory, nothing written astray.

The fast test changes a few hundred files a reader; the slow one 100,000, in a process of its own
so that a crash is seen and the growth of memory measured. A failure names the seed that shows it:
`python tests/fuzz/mutate.py READER COUNT SEED`.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convlens.foundation.errors import DataError
from fuzz.mutate import WRITERS, survive
from fuzz.seeds import READERS


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_its_valid_files(name: str, tmp_path: Path) -> None:
    read, seeds = READERS[name]
    for number, seed in enumerate(seeds):
        (tmp_path / str(number)).mkdir()
        read(seed, tmp_path / str(number))


@pytest.mark.parametrize("name", READERS)
def test_a_reader_survives_a_few_hundred_damaged_files(name: str, tmp_path: Path) -> None:
    assert survive(name, 300, 0, tmp_path) > 100  # most of them are refused


@pytest.mark.parametrize("name", [name for name in READERS if name not in WRITERS])
@settings(max_examples=25)
@given(noise=st.binary(max_size=300))
def test_a_reader_survives_noise(name: str, noise: bytes) -> None:
    read, _ = READERS[name]
    with suppress(DataError):
        read(noise, Path("unused"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", READERS)
def test_a_reader_survives_a_hundred_thousand_damaged_files(name: str, tmp_path: Path) -> None:
    script = Path(__file__).with_name("mutate.py")
    ended = subprocess.run(
        [sys.executable, str(script), name, "100000", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-2000:]
    assert list(tmp_path.iterdir()) == []
