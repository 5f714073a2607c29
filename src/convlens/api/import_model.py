"""`import`: a model from elsewhere as a run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from convlens.data import Preprocessing
from convlens.foundation.errors import InputError
from convlens.foundation.extras import require
from convlens.foundation.files import read_file
from convlens.foundation.spelling import renamed
from convlens.interchange.imported import Imported, read_classes
from convlens.interchange.run_folder import write_run
from convlens.network import Network, zoo
from convlens.runs import Run
from convlens.weights import check_finite


@renamed(root="runs")
def import_model(
    file: str | Path,
    *,
    out: str | Path | None = None,
    runs: str | Path | None = None,
    name: str | None = None,
    network: str | Path | Network | None = None,
    input_shape: tuple[int, int, int] | None = None,
    classes: str | Path | Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> tuple[Run, Imported]:
    """Bring a model in as a run: from ONNX, Keras or PyTorch, without running what a file holds.

    Parameters
    ----------
    file : path
        `.onnx`, `.keras`, `.weights.h5`, `.safetensors`, `.pt` or `.pth`.
    out, runs, name : optional
        Where the run goes: its folder, or the runs' folder and its name there.
    network : str, Path or Network, optional
        The network that bare weights are of: a name of the zoo, a file or a network. Needed for
        those alone.
    input_shape : (C, H, W), optional
        The size of one image, where the file leaves it open.
    classes : path or sequence of str, optional
        The class names, or a file with them, one per line or a JSON list; numbers by default.
    mean, std : sequence of float, optional
        Statistics of pixels scaled to 0..1, one value or one per channel; by default those of the
        file, else 0 and 1.

    Returns
    -------
    run : Run
        In the state "imported".
    imported : Imported
        What was read, with its notes.

    Raises
    ------
    ConvlensError
        One of its children, with what to do about it.
    """
    path = Path(file)
    imported = _read(path, network, input_shape)
    check_finite(imported.weights, str(path))
    preprocessing, notes = _preprocessing(imported, mean, std)
    labels = _classes(imported, classes, path)
    imported = replace(imported, notes=(*imported.notes, *notes))
    run = write_run(
        imported,
        preprocessing,
        labels,
        source=path,
        command=shlex.join(["convlens", "import", path.name]),
        folder=None if out is None else Path(out),
        root=runs,
        name=name,
    )
    return run, imported


def _read(
    path: Path, reference: str | Path | Network | None, shape: tuple[int, int, int] | None
) -> Imported:
    bare = path.suffix in (".safetensors", ".pt", ".pth") or path.name.endswith(".weights.h5")
    if bare and reference is None:
        raise InputError(
            f"{path} holds weights and no network: strides, poolings and activations are not in it",
            "the network that the weights are of",
            'name it: `network="tutorial-torch"`, or `network="my-network.toml"`',
        )
    if not bare and reference is not None:
        raise InputError(
            f"{path} has its own network", "`network` for bare weights", "leave `network` out"
        )
    if bare and reference is not None:
        network = reference if isinstance(reference, Network) else zoo.resolve(reference)
        if shape is not None:
            network = network.adapted(shape, network.plan().output[0])
        if path.name.endswith(".weights.h5"):
            require("import from Keras", "import", "h5py")
            from convlens.interchange.keras.reading import read_keras_weights

            return read_keras_weights(path, network)
        from convlens.interchange.torch.state_dict import read_state

        return read_state(path, network)
    if path.suffix == ".onnx":
        require("import from ONNX", "import", "onnx")
        from convlens.interchange.onnx.reading import read_onnx

        return read_onnx(path, shape)
    if path.suffix == ".keras":
        require("import from Keras", "import", "h5py")
        from convlens.interchange.keras.reading import read_keras

        return read_keras(path, shape)
    old = path.suffix in (".h5", ".hdf5")
    raise InputError(
        f'{path} has the ending "{path.suffix}"'
        + (": a whole model in Keras's old format, which may hold code" if old else ""),
        ".onnx, .keras, .weights.h5, .safetensors, .pt or .pth",
        'save it anew: model.save("model.keras")' if old else "export the model in one of these",
    )


def _preprocessing(
    imported: Imported, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[Preprocessing, list[str]]:
    shape = imported.network.input
    if shape[0] not in (1, 3):
        raise InputError(
            f"the network takes images of {shape[0]} channels",
            "1 channel (grey) or 3 (RGB)",
        )
    notes: list[str] = []
    if imported.preprocessing is not None and mean is None and std is None:
        return imported.preprocessing, notes
    if mean is None and std is None:
        notes.append(
            "the file does not say how its images were normalised: pixels are scaled to 0..1; "
            "give `mean` and `std` where that is wrong"
        )
    values = {
        "mean": _each_channel("mean", mean or (0.0,), shape[0]),
        "std": _each_channel("std", std or (1.0,), shape[0]),
    }
    written: dict[str, object] = {
        "input": shape,
        **values,
        "framing": "none",
        "background": "mixed",
        "fit": "crop",
    }
    written["known"] = mean is not None or std is not None
    return Preprocessing.from_dict(written), notes


def _each_channel(option: str, values: Sequence[float], channels: int) -> tuple[float, ...]:
    if len(values) == 1:
        return tuple(values) * channels
    if len(values) != channels:
        raise InputError(
            f"`{option}` has {len(values)} values and the images {channels} channels",
            "one value, or one per channel",
            f"write `{option}={[0.5] * channels}`",
        )
    return tuple(values)


def _classes(
    imported: Imported, file: str | Path | Sequence[str] | None, path: Path
) -> tuple[str, ...]:
    output = imported.network.plan().output
    if len(output) != 1 or output[0] < 2:
        raise InputError(
            f"{path} gives {'x'.join(map(str, output))} for an image",
            "one number per class, for two classes or more",
        )
    if file is None:
        return imported.classes or tuple(map(str, range(output[0])))
    if not isinstance(file, str | Path):
        return read_classes(json.dumps(list(file)), "classes", output[0])
    try:
        text = read_file(file, 4_000_000).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(
            f"{str(file)!r} cannot be read: {reason}",
            "UTF-8 text, a class a line",
        ) from None
    return read_classes(text, str(file), output[0])
