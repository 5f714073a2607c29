"""Weights for one network: exactly its names, shapes and kind of numbers, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from convlens.foundation.errors import WeightsError, quote
from convlens.weights.pickled import read_state_dict, to_float32
from convlens.weights.tensor_file import Array, TensorFile

_LISTED = 5


def read_weights(path: Path, expected: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Read a network's weights from `.safetensors`, `.pt` or `.pth`: all of them or none.

    Parameters
    ----------
    path : Path
        The file. A `.pt` holds a state dict, or one under "state_dict" or "model".
    expected : mapping of str to tuple of int
        The name and shape of every weight of the network.

    Returns
    -------
    dict of str to array
        float32 arrays in the order of `expected`; 16- and 64-bit floats are converted, and
        PyTorch's `num_batches_tracked` counters are ignored.

    Raises
    ------
    WeightsError
        An unknown kind of file, a damaged one, a pickle that asks for anything but tensors, or
        weights of another network (the first five differences are listed).
    """
    if path.suffix == ".safetensors":
        with TensorFile.open(path) as file:
            _require(path, {n: (slot.shape, slot.kind) for n, slot in file.slots.items()}, expected)
            tensors = file.read()  # only now: a wrong file is refused before its data is read
        return {name: tensors[name].astype(np.float32, copy=False) for name in expected}
    if path.suffix in (".pt", ".pth"):
        state = read_state_dict(path)
        _require(path, {name: (shape, kind) for name, (shape, kind, _) in state.items()}, expected)
        return {name: to_float32(state[name][2]) for name in expected}
    raise WeightsError(
        f'{path} has the ending "{path.suffix}"',
        "weights in .safetensors, .pt or .pth",
        "save the network's state dict in one of these",
    )


def read_named(
    path: Path,
    expected: Mapping[str, tuple[int, ...]],
    wanted: Mapping[str, str],
    counted: Callable[[Iterable[str]], Mapping[str, str]],
) -> dict[str, Array]:
    """Read a network's weights from a `.pt` or `.pth` in which they have other names.

    Parameters
    ----------
    path : Path
        The file, as for `read_weights`.
    expected : mapping of str to tuple of int
        The name and shape of every weight of the network.
    wanted : mapping of str to str
        What the file calls each of them.
    counted : callable
        Takes all names in the file and returns those of arrays that count, each by the name that
        `wanted` may have for it.

    Returns
    -------
    dict of str to array
        float32 arrays by their names in `expected`. An array of the file may have further axes of
        length 1, as the weights of a 1x1 convolution and of a linear layer differ.

    Raises
    ------
    WeightsError
        As `read_weights`, with the names in the file.
    """
    state = read_state_dict(path)
    names = counted(state)
    kinds = {theirs: state[name][:2] for theirs, name in names.items()}
    shapes = {}
    for name, theirs in wanted.items():
        shape = kinds[theirs][0] if theirs in kinds else ()
        alike = [n for n in shape if n > 1] == [n for n in expected[name] if n > 1]
        shapes[theirs] = shape if alike else expected[name]
    _require(path, kinds, shapes)
    arrays = {}
    for name, shape in expected.items():
        arrays[name] = to_float32(state[names[wanted[name]]][2]).reshape(shape)
    return arrays


def check_finite(weights: Mapping[str, Array], where: str) -> None:
    """Refuse weights with NaN or infinite values.

    Parameters
    ----------
    weights : mapping of str to array
        Any shapes.
    where : str
        The file or run, for the message.

    Raises
    ------
    WeightsError
        Naming the first such weight and how many of its values are not finite.

    Examples
    --------
    >>> check_finite({"0.weight": np.array([1.0, np.nan, np.inf])}, "net.pt")
    Traceback (most recent call last):
    convlens.WeightsError: net.pt: "0.weight" holds 2 values that are NaN or infinite
      expected: finite weights
      to do: train again with a lower learning rate, or pass `allow_non_finite=True`
    """
    for name, array in weights.items():
        bad = int(array.size - np.isfinite(array).sum())
        if bad:
            raise WeightsError(
                f"{where}: {quote(name)} holds {bad} values that are NaN or infinite",
                "finite weights",
                "train again with a lower learning rate, or pass `allow_non_finite=True`",
            )


def check_arrays(weights: Mapping[str, Array], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse arrays in memory that are not exactly a network's weights.

    Parameters
    ----------
    weights : mapping of str to array
        Real numbers of any width.
    expected : mapping of str to tuple of int
        The name and shape of every weight of the network.

    Raises
    ------
    WeightsError
        The first five differences are listed.

    Examples
    --------
    >>> check_arrays({"conv1.bias": np.zeros(3)}, {"conv1.bias": (4,)})
    Traceback (most recent call last):
    convlens.WeightsError: the weights do not fit the network: "conv1.bias" is [3], not [4]
      expected: exactly the 1 arrays that the network names and shapes
      to do: use the weights that were trained with this network
    """
    kinds = {
        name: (tuple(array.shape), "float" if array.dtype.kind in "fiu" else str(array.dtype))
        for name, array in weights.items()
    }
    _refuse("the weights do not fit the network", _differences(kinds, expected), expected)


def _require(
    path: Path,
    kinds: Mapping[str, tuple[tuple[int, ...], str]],
    expected: Mapping[str, tuple[int, ...]],
) -> None:
    """Compare a file's (shape, kind) by name with `expected`; PyTorch's counters may be there."""
    counted = {n: slot for n, slot in kinds.items() if not n.endswith("num_batches_tracked")}
    _refuse(f"{path} does not fit the network", _differences(counted, expected), expected)


def _differences(
    kinds: Mapping[str, tuple[tuple[int, ...], str]], expected: Mapping[str, tuple[int, ...]]
) -> list[str]:
    problems = []
    for name, shape in expected.items():
        if name not in kinds:
            problems.append(f"{quote(name)} {list(shape)} is missing")
            continue
        found_shape, kind = kinds[name]
        if found_shape != shape:
            problems.append(f"{quote(name)} is {list(found_shape)}, not {list(shape)}")
        elif kind != "float":
            problems.append(f"{quote(name)} is {kind}, not float")
    return problems + [
        f"{quote(name)} {list(shape)} is unexpected"
        for name, (shape, _) in kinds.items()
        if name not in expected
    ]


def _refuse(what: str, problems: list[str], expected: Mapping[str, tuple[int, ...]]) -> None:
    if problems:
        more = len(problems) - _LISTED
        listed = problems[:_LISTED] + ([f"and {more} more"] if more > 0 else [])
        raise WeightsError(
            f"{what}: {'; '.join(listed)}",
            f"exactly the {len(expected)} arrays that the network names and shapes",
            "use the weights that were trained with this network",
        )
