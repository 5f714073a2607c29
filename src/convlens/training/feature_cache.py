"""What frozen layers made of images, kept on disk, so that the second training computes nothing.

A file is named by everything that its numbers follow from: the layers, their weights, and every
pixel that went in. It can never be stale, only unused; the oldest ones go where all together pass
the limit. `CONVLENS_CACHE` names another folder, or `off`. A cache that cannot be written costs
the time of computing again, nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from convlens.data.folders.cache import place as cache_place
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import ConvlensError
from convlens.weights import load_tensors, save_tensors

LIMIT = 2 * 10**9
"""Most bytes of all files together."""

FORM = "1"
"""Of a file; raised when its numbers change their meaning."""

_NAME = "features"


def file_of(frozen: TorchModel, batches: Iterator[tuple[Tensor, Tensor]]) -> Path | None:
    """Return where the features of these images lie or would lie; None where nothing is kept.

    Parameters
    ----------
    frozen : TorchModel
        The frozen layers with their weights.
    batches : iterator of (Tensor, Tensor)
        The images `(B, C, H, W)` as the layers take them, and labels, which do not matter.
    """
    root = cache_place()
    if root is None:
        return None
    digest = hashlib.sha256(FORM.encode())
    for step in frozen.plan.steps:
        digest.update(f"{step.name} {step.inputs} {step.layer!r}".encode())
    for array in frozen.weights().values():
        digest.update(array.tobytes())
    for images, _ in batches:
        digest.update(images.cpu().contiguous().numpy().tobytes())
    return root / _NAME / f"{digest.hexdigest()[:40]}.safetensors"


def read(path: Path | None) -> Tensor | None:
    """Return kept features, or None where there are none that can be read."""
    if path is None or not path.is_file():
        return None
    try:
        features = load_tensors(path)[0][_NAME]
        path.touch()  # used: the oldest unused ones go first
    except (ConvlensError, OSError, KeyError):
        return None
    return torch.from_numpy(features)


def keep(path: Path | None, features: Tensor) -> None:
    """Keep features, and let the oldest files go where all together pass the limit."""
    if path is None or features.nbytes > LIMIT:
        return
    with suppress(ConvlensError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(path, {_NAME: features.cpu().numpy()})
        files = sorted(path.parent.glob("*.safetensors"), key=lambda file: -file.stat().st_mtime)
        total = 0
        for file in files:
            total += file.stat().st_size
            if total > LIMIT:
                file.unlink(missing_ok=True)
