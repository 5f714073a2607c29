"""`docs/inside.md`: its commands and its Python run as they stand, one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "docs" / "inside.md").read_text()
COMMANDS = re.findall(r"^\$ (.+)$", TEXT, re.MULTILINE)


def test_the_document_covers_every_command_that_looks_inside() -> None:
    for command in ("pixels", "kernels", "look", "top-images", "check-attributions"):
        assert any(line.startswith(f"convlens {command} ") for line in COMMANDS)
    assert any("--cell" in line for line in COMMANDS)


@pytest.mark.slow
@pytest.mark.timeout(900)  # a training and eleven processes
def test_every_command_of_the_document_runs(tmp_path: Path) -> None:
    (script,) = re.findall(r"```python\n(.+?)```", TEXT, re.DOTALL)
    for line in [*COMMANDS, f"python -c '{script}'"]:
        name, _, rest = line.partition(" ")
        program = f"{sys.executable} -m convlens" if name == "convlens" else sys.executable
        done = subprocess.run(
            f"{program} {rest}",
            shell=True,
            cwd=tmp_path,
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (line, done.stderr)
    for page in ("look-digit", "look-untrained", "top-images-conv1"):
        assert (tmp_path / page / "index.html").is_file()
