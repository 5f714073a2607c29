"""The contract of a run folder: the names of its files, and where runs live."""

from __future__ import annotations

import os
import re
from pathlib import Path

from convlens.foundation.errors import RunError

NETWORK = "network.toml"
RECIPE = "recipe.toml"
DATA = "data.json"
METRICS = "metrics.jsonl"
STATUS = "status.json"
ENVIRONMENT = "environment.json"
EVALUATION = "evaluation.json"
MANIFEST = "MANIFEST.json"
LOCK = ".lock"
WEIGHTS = {"best": "weights.safetensors", "last": "last.safetensors"}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_name(name: str) -> str:
    """Return `name` if it can name a run or a file of one, on any system and in a URL.

    Raises
    ------
    RunError
        The name is empty, longer than 100 characters, or has a character that could leave the
        folder, split a command, or mean something to a shell or a server.

    Examples
    --------
    >>> check_name("20250131-120000-tutorial-torch")
    '20250131-120000-tutorial-torch'
    >>> check_name("../../etc")
    Traceback (most recent call last):
    convlens.RunError: "../../etc" cannot name a run
      expected: 1 to 100 letters, digits, ".", "_" or "-", the first a letter or digit
    """
    if not _NAME.fullmatch(name):
        raise RunError(
            f'"{name[:100].encode("unicode_escape").decode()}" cannot name a run',
            '1 to 100 letters, digits, ".", "_" or "-", the first a letter or digit',
        )
    return name


def runs_root(root: Path | None = None) -> Path:
    """Return the folder that holds the runs: `root`, else $CONVLENS_RUNS, else ./runs."""
    return root or Path(os.environ.get("CONVLENS_RUNS") or "runs")
