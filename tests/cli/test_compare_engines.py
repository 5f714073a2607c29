"""`convlens compare-engines`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder the program runs in."""
    return tmp_path


def test_it_compares_the_engines_that_are_installed(convlens: Any) -> None:
    told = convlens("compare-engines", "lenet-5", "--json")
    assert told["images"] == 16
    for row in told["agreements"]:
        assert row["network"] == "lenet-5"
        assert 0 < row["logits"] < 1e-5
        assert 0 < row["activation"] < 1e-5
    assert told["agreements"][0]["engine"] == "torch"
    printed = convlens("compare-engines", "lenet-5")
    assert printed.startswith("| network | engine | logits | worst activation | its layer |")
    assert printed.count("lenet-5") == len(told["agreements"])


def test_a_network_that_does_not_exist_is_refused(convlens: Any) -> None:
    assert 'did you mean "lenet-5"' in convlens("compare-engines", "lenet-6", code=2)
