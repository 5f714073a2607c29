"""The checkpoint: one file with everything that resume needs, and the one before it.

Tensors and state share a file, so that they can never come from two different moments.
At every instant at least one of `state` and `previous` is a complete file.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convlens.foundation import atomic
from convlens.foundation.errors import RunError, WeightsError
from convlens.runs import manifest
from convlens.weights import load_tensors, save_tensors
from convlens.weights.tensor_file import Array

FOLDER = "checkpoint"
CURRENT = f"{FOLDER}/state.safetensors"
PREVIOUS = f"{FOLDER}/previous.safetensors"


def save(
    run: Path, tensors: Mapping[str, Array], state: Mapping[str, Any], *, rotate: bool = True
) -> None:
    """Write a checkpoint, keeping the one before it.

    Parameters
    ----------
    run : Path
        The run folder.
    tensors : mapping of str to array
        Weights, optimiser moments, random states: any shapes.
    state : mapping
        JSON values; non-finite floats come back as they were, since only `load` reads them.
    rotate : bool
        False to drop the current file instead of keeping it, because it is damaged.

    Raises
    ------
    StorageError, RunError
        As `atomic.write_bytes`; the earlier checkpoint is intact.
    WeightsError
        As `save_tensors`.
    """
    current, previous = run / CURRENT, run / PREVIOUS
    try:
        current.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise atomic.explain(error, current) from error
    if rotate and current.exists():
        _keep(current, previous)
    save_tensors(current, tensors, {"state": json.dumps(state)})


def load(run: Path, *, previous: bool = False) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read the checkpoint, or the one before it, and check its digest.

    Returns
    -------
    tensors : dict of str to array
        As they were saved.
    state : dict
        As it was saved.

    Raises
    ------
    RunError
        There is none, or it is corrupt; the message offers the other one if that exists.
    """
    path = run / (PREVIOUS if previous else CURRENT)
    fix = "train again from the start"
    if not previous and (run / PREVIOUS).is_file():
        fix = "resume from the one before it, with `from_previous=True`"
    if not path.is_file():
        raise RunError(f"{run} has no checkpoint {path.name}", "a run that saved one", fix)
    try:
        manifest.check(run, path.relative_to(run).as_posix())
        tensors, metadata = load_tensors(path)
        state = json.loads(metadata["state"])
        if not isinstance(state, dict):
            raise TypeError("its state is not a JSON object")
    except (RunError, WeightsError) as error:
        raise RunError(error.what, "a complete checkpoint", fix) from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is corrupt: {error}", "a complete checkpoint", fix) from error
    return tensors, state


def _keep(current: Path, previous: Path) -> None:
    """Give `current` the second name `previous`, in one step and without copying its bytes."""
    second = previous.with_name(".previous.tmp")
    with contextlib.suppress(FileNotFoundError):
        second.unlink()
    try:
        os.link(current, second)
        os.replace(second, previous)  # noqa: PTH105
    except OSError:  # a file system without hard links
        atomic.write_bytes(previous, current.read_bytes())
