"""A `.keras` file, or `.weights.h5` with the network named: opened within limits, never executed.

A `.keras` file is a zip of three members, `metadata.json`, `config.json` and `model.weights.h5`;
any other member is refused, so nothing is ever unpacked to a disk.
"""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import closing
from pathlib import Path

from convlens.data import Preprocessing
from convlens.foundation.errors import InputError, WeightsError, quote
from convlens.interchange.assembly import build
from convlens.interchange.imported import Imported, network_name, read_facts
from convlens.interchange.keras.config import KerasConfig, read_config
from convlens.interchange.keras.layers import WITH_VARIABLES, in_weights
from convlens.interchange.keras.weights import KerasWeights, match_groups
from convlens.network import Network
from convlens.network.layers import Flatten
from convlens.weights import check_arrays
from convlens.weights.keras_layout import from_keras, keras_shapes
from convlens.weights.tensor_file import require_file

_LIMITS = {
    "metadata.json": 100_000,
    "config.json": 16_000_000,
    "model.weights.h5": 8 * 10**9,
}
"""The members of a `.keras` file, and the most bytes of each."""


def read_keras(path: Path, input_shape: tuple[int, int, int] | None = None) -> Imported:
    """Read a `.keras` file as a network and its weights.

    Parameters
    ----------
    path : Path
        The file.
    input_shape : (C, H, W), optional
        The size of one image, where the file leaves it open.

    Raises
    ------
    InputError
        The model has layers or settings that convlens has not, or names code of its own.
    WeightsError
        The file is damaged, or its weights do not fit its own configuration.
    """
    members = _members(path)
    config = _json(members, "config.json", path)
    model = read_config(config, str(path), input_shape)
    name = network_name(path.stem)
    built = build(model.nodes, model.source, model.output, model.shape, name, str(path))
    wanted, kinds = {}, {}
    shapes = keras_shapes(built.network)
    rows = {origin: row for row, origin in built.origins.items()}
    for layer, kind in model.kinds.items():  # in the file's own order, by which it numbers kinds
        if layer not in rows:
            raise _damaged(path, f"{quote(layer)} does not lie between input and output")
        wanted[layer], kinds[layer] = shapes[rows[layer]], kind
    with closing(KerasWeights(io.BytesIO(members["model.weights.h5"]), str(path))) as file:
        groups = match_groups(file.groups, wanted, kinds, str(path))
        variables = {rows[layer]: file.read(group) for layer, group in groups.items()}
    channels_first = [rows[layer] for layer in model.channels_first if layer in rows]
    weights = from_keras(built.network, variables, channels_first)
    check_arrays(weights, built.network.plan().weight_shapes())
    metadata = _json(members, "metadata.json", path)
    written = metadata.get("convlens") if isinstance(metadata, dict) else None
    preprocessing, classes = read_facts(
        written if isinstance(written, dict) else {}, str(path), built.network
    )
    notes: list[str] = []
    if preprocessing is None:
        preprocessing, notes = _preprocessing(model, path)
    return Imported(
        built.network, weights, preprocessing, classes, (*built.notes, *notes), built.origins
    )


def read_keras_weights(path: Path, network: Network) -> Imported:
    """Read a `.weights.h5` for a network that the user names.

    Raises
    ------
    WeightsError
        The file is damaged, or does not fit: matched by the layers' names where it has them all,
        else by kind and order.
    """
    require_file(path)
    shapes = keras_shapes(network)
    steps = [step for step in network.plan().steps if step.name in shapes]
    kinds = {step.name: in_weights(WITH_VARIABLES[type(step.layer)]) for step in steps}
    with closing(KerasWeights(path, str(path))) as file:
        groups = match_groups(file.groups, shapes, kinds, str(path))
        variables = {layer: file.read(group) for layer, group in groups.items()}
        # as in the models of convlens: before each Flatten
        flattened = [step.name for step in network.plan().steps if isinstance(step.layer, Flatten)]
        channels_first = flattened if file.permutes else []
    mapping = {layer: group.layer or group.key for layer, group in groups.items()}
    return Imported(network, from_keras(network, variables, channels_first), mapping=mapping)


def _members(path: Path) -> dict[str, bytes]:
    """Read the members of a `.keras` file into memory, each within its limit."""
    require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            strange = sorted(set(entries) - set(_LIMITS))
            if strange or len(archive.infolist()) > len(_LIMITS):
                raise WeightsError(
                    f"{path} has the member {quote(strange[0] if strange else 'twice')}",
                    "metadata.json, config.json and model.weights.h5",
                    "save the model anew, without assets or vocabularies",
                )
            members = {}
            for name, most in _LIMITS.items():
                if name not in entries:
                    raise _damaged(path, f"it has no {name}")
                entry = entries[name]
                # Keras stores its members as they are; a compressed one could unfold to any size
                if entry.file_size > most or entry.compress_type != zipfile.ZIP_STORED:
                    raise _damaged(path, f"{name} is compressed, or larger than {most:,} bytes")
                members[name] = archive.read(entry)
    except WeightsError:
        raise
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, str(error)[:200]) from None
    return members


def _json(members: dict[str, bytes], name: str, path: Path) -> object:
    try:
        return json.loads(members[name])
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"{name}: {error}") from None


def _damaged(path: Path, why: str) -> WeightsError:
    return WeightsError(
        f"{path} cannot be read: {why}", "a whole .keras file of Keras 3", "save it again"
    )


def _preprocessing(model: KerasConfig, path: Path) -> tuple[Preprocessing | None, list[str]]:
    """Turn a leading Rescaling, `pixel * scale + offset`, into mean and std of pixels in 0..1."""
    if not model.rescaled:
        return None, []
    if model.scale <= 0:
        raise InputError(
            f"{path}: its Rescaling multiplies pixels with {model.scale:g}",
            "a number above 0",
            "save the model without it, and give `mean` and `std`",
        )
    std = 1 / (255 * model.scale)
    mean = -model.offset * std
    channels = model.shape[0]
    if channels not in (1, 3):
        return None, []
    preprocessing = Preprocessing(model.shape, (mean,) * channels, (std,) * channels)
    return preprocessing, [f"mean {mean:g} and std {std:g} are from the model's own Rescaling"]
