"""`docs/keras.md` as a reader follows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("keras", reason="needs the extra keras")

TEXT = (Path(__file__).parents[1] / "docs" / "keras.md").read_text()


def test_the_example_builds_a_sequential_and_prints_its_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    told = capsys.readouterr().out
    assert 'Model: "network"' in told
    assert f"{names['network'].plan().parameters:,}" in told
    assert type(names["model"].keras_model).__name__ == "Sequential"
