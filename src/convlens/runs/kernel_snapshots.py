"""Kernel snapshots: the convolutions' weights at chosen epochs, one file per epoch.

`kernels/epoch-0000.safetensors` holds the weights before the first step, `epoch-0007` those
after seven epochs: the weights that validation saw, in the neutral layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from convlens.foundation import atomic
from convlens.foundation.errors import RunError
from convlens.runs import manifest
from convlens.weights import load_tensors, save_tensors
from convlens.weights.tensor_file import Array

FOLDER = "kernels"
_FILE = re.compile(r"epoch-(\d{4,})\.safetensors")


def name(epoch: int) -> str:
    """Return the name of an epoch's snapshot inside the run folder.

    >>> name(7)
    'kernels/epoch-0007.safetensors'
    """
    return f"{FOLDER}/epoch-{epoch:04d}.safetensors"


def save(run: Path, epoch: int, kernels: Mapping[str, Array]) -> None:
    """Write one snapshot, replacing what a run that was cut off left of the same epoch.

    Raises
    ------
    StorageError, RunError
        As `atomic.write_bytes`.
    """
    path = run / name(epoch)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise atomic.explain(error, path) from error
    save_tensors(path, kernels, {"epoch": str(epoch)})


def load(run: Path) -> list[tuple[int, dict[str, Array]]]:
    """Read all snapshots of a run, in the order of their epochs; none is an empty list.

    Raises
    ------
    RunError
        The folder cannot be read.
    WeightsError
        A file is damaged.
    """
    try:
        paths = {
            int(match[1]): path
            for path in (run / FOLDER).iterdir()
            if (match := _FILE.fullmatch(path.name))
        }
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(
            f"{run / FOLDER} cannot be read: {error.strerror}", "a readable folder"
        ) from None
    for epoch in paths:
        manifest.check(run, name(epoch))
    return [(epoch, load_tensors(paths[epoch])[0]) for epoch in sorted(paths)]
