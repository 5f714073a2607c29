"""Whether the disk has room for all that a training will write."""

from __future__ import annotations

import shutil
from pathlib import Path

from convlens.foundation.errors import StorageError
from convlens.training.engine import Training
from convlens.training.kernel_recorder import KernelRecorder


def require_room(folder: Path, training: Training, recorder: KernelRecorder) -> None:
    """Refuse to train where the disk has no room for the run; what it has already counts.

    Raises
    ------
    StorageError
        Names the bytes that the run still takes and those that are free.
    """
    needed = bytes_of_run(training, recorder) - _bytes_there(folder)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"the disk of {folder} has {free:,} bytes free: the run would not fit",
            f"{needed:,} bytes more for weights, two checkpoints and recorded kernels",
            "free some space, or choose another folder for the run",
        )


def bytes_of_run(training: Training, recorder: KernelRecorder) -> int:
    """Return the most bytes of arrays that a run has at one time, of all its files together."""
    weights = sum(array.nbytes for array in training.weights().values())
    arrays, _ = training.state()
    state = sum(array.nbytes for array in arrays.values()) + training.later_bytes()
    if training.best is None:
        state += weights  # the best weights are in the checkpoint, too
    # the best weights, the last ones, and one of them while it is written anew
    return 3 * weights + 2 * state + recorder.total_bytes()


def _bytes_there(folder: Path) -> int:
    """Return the bytes of the run's files of arrays; one file may have two names."""
    sizes = {}
    for path in folder.rglob("*.safetensors"):
        status = path.stat()
        sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())
