"""Bare weights matched with a network that the user names: by name, or else by shape and order.

A state dict says nothing of strides, poolings and activations, so the network itself cannot be
read from it. What can be read is which of its arrays belong to which layer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from convlens.data import Preprocessing
from convlens.foundation.errors import WeightsError, quote
from convlens.interchange.imported import Imported, read_facts
from convlens.network import Network
from convlens.network.arithmetic import Shape
from convlens.weights import read_weights
from convlens.weights.pickled import read_state_dict, to_float32
from convlens.weights.tensor_file import Array, TensorFile

_LISTED = 5
Shapes = dict[str, Shape]


def read_state(path: Path, network: Network) -> Imported:
    """Read the weights of a network from `.safetensors`, `.pt` or `.pth`, whatever their names.

    Parameters
    ----------
    path : Path
        A state dict of PyTorch; a pickle that asks for more than tensors is refused.
    network : Network
        What the weights are of.

    Returns
    -------
    Imported
        Its `mapping` says the file's name of each array that has another.

    Raises
    ------
    WeightsError
        The file is unsafe or damaged, has other shapes than the network (the first five
        differences are listed), or could be read in more than one way.
    """
    expected = network.plan().weight_shapes()
    shapes, ordered = _shapes(path, expected)
    facts = _facts(path, network)
    shapes = {name: s for name, s in shapes.items() if not name.endswith("num_batches_tracked")}
    if shapes.keys() == expected.keys():
        return Imported(network, read_weights(path, expected), *facts)
    mapping = match(shapes, expected, str(path), ordered=ordered)
    arrays = _read(path)
    weights = {name: arrays[mapping[name]] for name in expected}
    notes = (f"the names in {path.name} are not the network's: matched by shape and order",)
    return Imported(network, weights, *facts, notes=notes, mapping=mapping)


def _facts(path: Path, network: Network) -> tuple[Preprocessing | None, tuple[str, ...] | None]:
    """Read what `convlens export --to torch` writes beside the weights; other files have none."""
    if path.suffix != ".safetensors":
        return None, None
    with TensorFile.open(path) as file:
        ours = "convlens" in file.metadata
        return read_facts(file.metadata if ours else {}, str(path), network)


def _shapes(path: Path, expected: Mapping[str, Shape]) -> tuple[Shapes, bool]:
    """Return the shapes of a file's float arrays, and whether it keeps the order of the modules."""
    if path.suffix == ".safetensors":
        with TensorFile.open(path) as file:
            kinds = {name: slot.kind for name, slot in file.slots.items()}
            shapes = {name: slot.shape for name, slot in file.slots.items()}
    elif path.suffix in (".pt", ".pth"):
        state = read_state_dict(path)
        kinds = {name: kind for name, (_, kind, _) in state.items()}
        shapes = {name: shape for name, (shape, _, _) in state.items()}
    else:
        read_weights(path, expected)  # says what endings there are
        raise AssertionError
    strange = [
        name
        for name, kind in kinds.items()
        if kind != "float" and not name.endswith("num_batches_tracked")
    ]
    if strange:
        raise WeightsError(
            f"{path}: {quote(strange[0])} is {kinds[strange[0]]}, not float",
            "weights of 16- to 64-bit floats",
            "save the state dict alone, not quantised",
        )
    return shapes, path.suffix != ".safetensors"


def _read(path: Path) -> dict[str, Array]:
    if path.suffix == ".safetensors":
        with TensorFile.open(path) as file:
            return {n: array.astype(np.float32, copy=False) for n, array in file.read().items()}
    state = read_state_dict(path)
    return {n: to_float32(tensor) for n, (_, kind, tensor) in state.items() if kind == "float"}


def match(
    held: Mapping[str, Shape], expected: Mapping[str, Shape], where: str, *, ordered: bool
) -> dict[str, str]:
    """Find which of a file's arrays is which of a network's.

    Layers go together whose arrays have the same names and shapes. Several of one shape go by
    their order: the file's own where it is that of the modules, else that of the numbers in
    their names, if nothing but numbers tells them apart.

    Parameters
    ----------
    held, expected : mapping of str to shape
        The file's arrays and the network's.
    where : str
        The file, for errors.
    ordered : bool
        Whether `held` is in the order in which the modules were made.

    Returns
    -------
    dict of str to str
        The file's name of each of the network's arrays.

    Raises
    ------
    WeightsError
        As `read_state`.

    Examples
    --------
    >>> match({"0.weight": (4, 1, 3, 3)}, {"conv1.weight": (4, 1, 3, 3)}, "w.pt", ordered=True)
    {'conv1.weight': '0.weight'}
    """
    theirs, ours = _modules(held), _modules(expected)
    if not ordered:
        theirs = {name: theirs[name] for name in sorted(theirs, key=_natural)}
    candidates: dict[str, list[str]] = defaultdict(list)
    for name, arrays in theirs.items():
        candidates[_signature(arrays)].append(name)
    wanted: dict[str, list[str]] = defaultdict(list)
    for name, arrays in ours.items():
        wanted[_signature(arrays)].append(name)
    if {s: len(n) for s, n in candidates.items()} != {s: len(n) for s, n in wanted.items()}:
        raise _mismatch(theirs, ours, where)
    mapping: dict[str, str] = {}
    for signature, names in wanted.items():
        alike = candidates[signature]
        if not ordered and len({re.sub(r"\d+", "#", name) for name in alike}) > 1:
            raise WeightsError(
                f"{where} has {len(alike)} layers of one shape, and their order is not known: "
                + ", ".join(map(quote, alike[:_LISTED])),
                "names that only their numbers tell apart, or the network's own",
                "save a .pt, which keeps the order, or rename them to "
                + ", ".join(names[:_LISTED]),
            )
        for mine, other in zip(names, alike, strict=True):
            for array in ours[mine]:
                mapping[_join(mine, array)] = _join(other, array)
    return {name: mapping[name] for name in expected}


def _modules(shapes: Mapping[str, Shape]) -> dict[str, Shapes]:
    """Gather the arrays of each module: `conv1.weight` is `weight` of `conv1`."""
    modules: dict[str, Shapes] = {}
    for name, shape in shapes.items():
        module, _, array = name.rpartition(".")
        modules.setdefault(module, {})[array] = shape
    return modules


def _join(module: str, array: str) -> str:
    return f"{module}.{array}" if module else array


def _signature(arrays: Shapes) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in sorted(arrays.items()))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort numbers in names by their value: layer2 before layer10."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _mismatch(theirs: Mapping[str, Shapes], ours: Mapping[str, Shapes], where: str) -> WeightsError:
    problems = []
    places = max(len(theirs), len(ours))
    left = [*theirs.items(), *[None] * (places - len(theirs))]
    right = [*ours.items(), *[None] * (places - len(ours))]
    for mine, other in zip(right, left, strict=True):
        if mine is not None and other is not None and mine[1] == other[1]:
            continue
        expected = "nothing" if mine is None else f"{quote(mine[0])} ({_signature(mine[1])})"
        holds = "nothing" if other is None else f"{quote(other[0])} ({_signature(other[1])[:200]})"
        problems.append(f"the network has {expected}, the file {holds}")
    more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
    return WeightsError(
        f"{where} does not fit the network: {'; '.join(problems[:_LISTED])}{more}",
        f"arrays for its {len(ours)} layers with weights, of the same shapes",
        "name the network that the weights were trained with as `network`",
    )
