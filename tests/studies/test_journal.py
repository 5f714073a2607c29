"""What a study has found stays found, whatever happened to its last line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from convlens.foundation.errors import RunError
from convlens.studies.journal import FILE, Journal


def test_a_trial_is_found_by_all_that_it_is_and_by_nothing_less(tmp_path: Path) -> None:
    Journal(tmp_path).add({"batch": 10, "seed": 0}, {"seconds": 1.5})
    again = Journal(tmp_path)
    assert again.find({"seed": 0, "batch": 10}) == {"seconds": 1.5}
    assert again.find({"batch": 10}) is None
    assert again.find({"batch": 10, "seed": 1}) is None


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_torn_last_line_loses_that_trial_and_no_other(tmp_path: Path, kept: int) -> None:
    journal = Journal(tmp_path)
    journal.add({"trial": 1}, {"seconds": 1.0})
    size = (tmp_path / FILE).stat().st_size
    journal.add({"trial": 2}, {"seconds": 2.0})
    whole = (tmp_path / FILE).stat().st_size
    os.truncate(tmp_path / FILE, size + kept if kept > 0 else whole - 2)
    after = Journal(tmp_path)
    assert after.find({"trial": 1}) == {"seconds": 1.0}
    assert after.find({"trial": 2}) is None
    after.add({"trial": 3}, {"seconds": 3.0})
    assert Journal(tmp_path).find({"trial": 3}) == {"seconds": 3.0}


def test_lines_that_are_no_results_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'[]\n{"trial": 1}\n"x"\n{"trial": 2, "result": 3}\n\xff\xfe\n')
    journal = Journal(tmp_path)
    assert journal.find({"trial": 1}) is None
    journal.add({"batch": 1}, {"loss": float("nan")})
    assert Journal(tmp_path).find({"batch": 1}) == {"loss": None}
    for line in (tmp_path / FILE).read_bytes().splitlines()[-1:]:
        json.loads(line)


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError):
        Journal(tmp_path / "file" / "study")
