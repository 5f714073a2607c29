"""PyTorch's `.pt`: a pickle, and so a program, of which only the part that makes tensors may run.

This is the one place where convlens meets a pickle. `torch.load(weights_only=True)` interprets it
with an allow-list of tensor builders; there is no second try without that list.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import zipfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlens.foundation.errors import WeightsError, quote
from convlens.foundation.files import open_file
from convlens.weights.tensor_file import Array, require_file

if TYPE_CHECKING:
    import torch


MAX_PICKLE = 3_000_000
"""Most bytes of the pickle that names a file's tensors: 20,000 tensors take less. Each byte of a
hostile one can cost a hundred bytes of objects."""

_OLD_PICKLES = 5
"""How many pickles PyTorch wrote before 1.6: a magic number, a version, facts of the system, the
tensors' names, and the keys of their storages."""


def read_state_dict(path: Path) -> dict[str, tuple[tuple[int, ...], str, torch.Tensor]]:
    """Read the state dict of a `.pt` file without running what else it may hold.

    Parameters
    ----------
    path : Path
        What `torch.save` wrote: a state dict, or a dict with one under "state_dict" or "model".

    Returns
    -------
    dict of str to (shape, kind, tensor)
        `kind` is "float" for a plain tensor of 16- to 64-bit floats, else what it is instead.

    Raises
    ------
    WeightsError
        The file is missing, damaged, compressed, or asks for a function that is not allowed.
    """
    content = _load(path)
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        raise WeightsError(
            f"{path} holds a {type(content).__name__}",
            "a state dict: weight names and tensors",
            "save it with torch.save(model.state_dict(), path)",
        )
    return {name: _describe(path, name, value) for name, value in content.items()}


def to_float32(tensor: torch.Tensor) -> Array:
    """Copy a float tensor of any layout to a float32 array of the same shape."""
    import torch

    return torch.empty(tensor.shape, dtype=torch.float32).copy_(tensor.detach()).numpy()


def _load(path: Path) -> Any:
    import torch

    require_file(path)
    try:
        _refuse_compressed(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=False)
    except pickle.UnpicklingError as error:
        unknown = re.search(r"GLOBAL (\S+)", str(error))
        asked = f"for {quote(unknown[1])}" if unknown else "for more than tensors"
        raise WeightsError(
            f"{path} was not read: its pickle asks {asked}",
            "a file that holds tensors only, so that reading it runs no code",
            "save it with torch.save(model.state_dict(), path), or as safetensors",
        ) from error
    except Exception as error:  # damaged bytes lead torch to almost any exception
        reason = str(error).split("\n", 1)[0]
        raise WeightsError(
            f"{path} is corrupt: {reason}", "a file from torch.save", "use another copy of the file"
        ) from error


def _refuse_compressed(path: Path) -> None:
    """Refuse an archive that could unfold to any size; `torch.save` never compresses."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise zipfile.BadZipFile("it is compressed")
            if any(e.filename.endswith(".pkl") and e.file_size > MAX_PICKLE for e in entries):
                raise zipfile.BadZipFile(f"its pickle has more than {MAX_PICKLE:,} bytes")
    else:
        _check_plain_pickle(path)


def _check_plain_pickle(path: Path) -> None:
    """Refuse what is no archive and begins with a pickle that is too long to be of tensors.

    Before PyTorch 1.6, `torch.save` wrote several pickles one after the other and then the bytes
    of the tensors. The pickles name the tensors and are short; what comes after their last STOP
    is not parsed.
    """
    with open_file(path) as file:
        head = file.read(MAX_PICKLE)
        if not file.read(1):
            return
    stream, pickles = io.BytesIO(head), 0
    try:
        while pickles < _OLD_PICKLES:
            deque(pickletools.genops(stream), maxlen=0)  # reads opcodes, keeps and runs none
            pickles += 1
    except ValueError as error:
        raise ValueError(f"more than {MAX_PICKLE:,} bytes of it are no tensors") from error


def _describe(path: Path, name: str, value: object) -> tuple[tuple[int, ...], str, torch.Tensor]:
    import torch

    if not isinstance(value, torch.Tensor):
        raise WeightsError(
            f"{path}: {quote(name)} is a {type(value).__name__}",
            "tensors only",
            "save the state dict alone, without the rest of the checkpoint",
        )
    floats = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    plain = value.layout == torch.strided and value.device.type == "cpu"
    kind = "float" if plain and value.dtype in floats else f"{value.dtype} {value.layout}"
    return tuple(value.shape), kind, value
