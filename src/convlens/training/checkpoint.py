"""All that resuming needs, as named arrays and one small table of plain values.

No pickle: tensors go to safetensors, everything else to JSON, so that reading a checkpoint
executes nothing. An optimizer's tensors are named `optimizer.<parameter>.<key>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convlens.foundation.errors import RunError

Arrays = dict[str, NDArray[Any]]


def gather(
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    best: Mapping[str, NDArray[np.float32]] | None,
) -> Arrays:
    """Return every array of a training: modules' states, optimizer, best weights, random state."""
    arrays: Arrays = {"random.cpu": torch.get_rng_state().numpy().copy()}
    if torch.cuda.is_available():
        arrays["random.cuda"] = torch.cuda.get_rng_state().numpy().copy()
    for prefix, module in modules.items():
        for name, tensor in module.state_dict().items():
            arrays[f"{prefix}.{name}"] = _array(tensor)
    for number, values in optimizer.state_dict()["state"].items():
        for key, value in values.items():
            arrays[f"optimizer.{number}.{key}"] = _array(torch.as_tensor(value))
    for name, array in (best or {}).items():
        arrays[f"best.{name}"] = array
    return arrays


def restore(
    arrays: Arrays, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer
) -> dict[str, NDArray[np.float32]] | None:
    """Put a gathered training back in place; return the best weights so far, if there are any.

    Raises
    ------
    RunError
        Where the arrays belong to another network or recipe; nothing is changed then.
    """
    try:
        states = {
            prefix: {
                name: torch.from_numpy(np.array(arrays[f"{prefix}.{name}"]))
                for name in module.state_dict()
            }
            for prefix, module in modules.items()
        }
        for prefix, module in modules.items():
            for name, tensor in module.state_dict().items():
                if states[prefix][name].shape != tensor.shape:
                    raise KeyError(f"{prefix}.{name}")
        moments = _optimizer_state(arrays, optimizer)
    except KeyError as missing:
        raise RunError(
            f"the checkpoint does not fit this run: {missing.args[0]} is missing or differs",
            "a checkpoint of the same network and recipe",
            "start a new run",
        ) from None
    for prefix, module in modules.items():
        module.load_state_dict(states[prefix])
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    torch.set_rng_state(torch.from_numpy(arrays["random.cpu"].copy()))
    if "random.cuda" in arrays and torch.cuda.is_available():
        torch.cuda.set_rng_state(torch.from_numpy(arrays["random.cuda"].copy()))
    best = {
        name.removeprefix("best."): array
        for name, array in arrays.items()
        if name.startswith("best.")
    }
    return best or None


def _optimizer_state(
    arrays: Arrays, optimizer: torch.optim.Optimizer
) -> dict[int, dict[str, Tensor]]:
    moments: dict[int, dict[str, Tensor]] = {}
    for name, array in arrays.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            moments.setdefault(int(number), {})[key] = torch.from_numpy(array.copy())
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for place, values in moments.items():
        for key, tensor in values.items():
            if tensor.ndim and tensor.shape != parameters[place].shape:
                raise KeyError(f"optimizer.{place}.{key}")
    return moments


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().contiguous().numpy().copy()
    return array
