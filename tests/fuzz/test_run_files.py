"""Every text file of a run folder, damaged, is read or refused with exit code 2."""

from __future__ import annotations

import pytest

from fuzz.run_files import READERS, survive


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_of_a_run_is_read_or_refused(name: str) -> None:
    READERS[name][0](READERS[name][1])
    assert survive(name, 300, 0) > 20 or name == "metrics.jsonl"
