"""One script that loads, trains, measures and draws as a run did, without convlens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Literal

import jinja2

from convlens.data import Preprocessing
from convlens.foundation.errors import InputError
from convlens.interchange.code.data_plan import DataPlan, plain, plan
from convlens.interchange.code.keras_code import keras_code
from convlens.interchange.code.source import shape_comment
from convlens.interchange.code.torch_code import TorchCode, torch_code
from convlens.network import Network
from convlens.training import muon
from convlens.training.frozen import last_frozen
from convlens.training.recipe import Augmentation, Recipe

Library = Literal["torch", "keras"]

_RECIPE = frozenset(
    [
        *("epochs", "patience", "batch_size", "optimizer", "learning_rate", "betas", "momentum"),
        *("weight_decay", "schedule", "warmup", "label_smoothing", "ema", "augmentation"),
        *("precision", "memory_format", "normalise", "validation", "validation_method"),
        *("split_seed", "seed", "record_kernels"),
        *("threads", "evaluation_batch"),  # how fast, not what: left to PyTorch and Keras
    ]
)
_TORCH_ONLY = frozenset(["epoch_share", "freeze"])
_AUGMENTATION = frozenset(
    [
        *("shift", "rotate", "scale", "shear", "flip", "crop", "padding", "cutout", "erase"),
        *("mixup", "cutmix"),
    ]
)
"""The settings that the scripts carry out; a recipe that uses another one is refused."""

_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "muon": "Muon", "sgd": "SGD"}
_MUON = {"coefficients": muon.COEFFICIENTS, "rounds": muon.ROUNDS, "scale": muon.SCALE}


def write_model(
    library: Library,
    network: Network,
    *,
    title: str,
    preprocessing: Preprocessing | None = None,
    classes: tuple[str, ...] = (),
    weights: str | None = None,
) -> str:
    """Write a model alone: its code, its classes and its normalisation.

    Parameters
    ----------
    library : {"torch", "keras"}
        For which.
    network : Network
        The model.
    title : str
        What it is called.
    preprocessing : Preprocessing, optional
        Gives the normalisation, where it is known.
    classes : tuple of str
        The names of its outputs.
    weights : str, optional
        A safetensors file beside the script that it loads (PyTorch only).

    Raises
    ------
    InputError
        Where Keras cannot compute a layer.
    """
    code = torch_code(network) if library == "torch" else keras_code(network)
    return _render(
        f"{library}_model.py.jinja",
        **_about(library, network, title, classes),
        code=code,
        mean=preprocessing and list(preprocessing.mean),
        std=preprocessing and list(preprocessing.std),
        preparing=preprocessing and _dictionary(preprocessing.to_dict()),
        weights=weights,
    )


def write_script(
    library: Library,
    network: Network,
    recipe: Recipe,
    data: Mapping[str, Any],
    *,
    title: str,
    file: str,
    weights: str | None = None,
) -> str:
    """Write the whole script: model, data, training, test and curves.

    Parameters
    ----------
    library : {"torch", "keras"}
        For which.
    network : Network
        The model.
    recipe : Recipe
        How it is trained.
    data : mapping
        A run's `data.json`: source, split, preprocessing and classes.
    title, file : str
        What the model is called, and the script.
    weights : str, optional
        A safetensors file beside the script with the weights to begin with (PyTorch only). Layers
        that the recipe freezes keep them.

    Raises
    ------
    InputError
        Where the script could not do as the recipe says, or not load the data.
    """
    _refuse_unknown(network, recipe, _RECIPE | _TORCH_ONLY if library == "torch" else _RECIPE)
    preprocessing = Preprocessing.from_dict(data.get("preprocessing"))
    classes = tuple(str(name) for name in data["classes"])
    loading = plan(data)
    augmentation = recipe.augmentation if recipe.augmentation.active else None
    # of the image itself, before it is mixed with another one
    alters = recipe.augmentation.model_copy(update={"mixup": 0.0, "cutmix": 0.0}).active
    # Adam and SGD of PyTorch add the decay to the gradient, as an L2 penalty on the loss does
    decoupled = recipe.optimizer in ("adamw", "muon")
    penalty = 0.0 if decoupled else recipe.weight_decay / 2
    if library == "torch":
        code: Any = torch_code(network)
    else:
        code = keras_code(network, regularizer="l2" if penalty else None)
    return _render(
        f"{library}_script.py.jinja",
        **_about(library, network, title, classes),
        code=code,
        weights=weights,
        frozen=_frozen_modules(network, recipe, code) if library == "torch" else 0,
        recipe=recipe,
        augmentation=augmentation,
        alters=alters,
        data=loading,
        mean=list(preprocessing.mean),
        std=list(preprocessing.std),
        shape=network.input,
        file=file,
        imports=_imports(library, loading, weights),
        packages=" ".join((*_packages(library, loading), *(["safetensors"] if weights else []))),
        regularizer=penalty if library == "keras" else 0.0,
        optimizer_title=_OPTIMIZERS[recipe.optimizer],
        decoupled=decoupled,
        muon=_MUON if recipe.optimizer == "muon" else None,
        uses_ops=recipe.schedule == "one_cycle"
        or recipe.optimizer == "muon"
        or bool(code.classes or alters),
    )


def _frozen_modules(network: Network, recipe: Recipe, code: TorchCode) -> int:
    """Return how many modules of the `nn.Sequential`, from the first on, keep their weights."""
    if recipe.freeze == "none":
        return 0
    # the last frozen layer stands at the top, since the network can be cut after it
    return int(code.names[last_frozen(network, recipe.freeze)].partition(".")[0]) + 1


def _about(
    library: Library, network: Network, title: str, classes: tuple[str, ...]
) -> dict[str, Any]:
    shape = network.input if library == "torch" else (*network.input[1:], network.input[0])
    output = network.plan().output
    return {
        "title": plain(title),
        "version": version("convlens"),
        "classes": _list(classes or tuple(map(str, range(output[0])))),
        "classes_count": output[0],
        "parameters": f"{network.plan().parameters:,}",
        "input": shape_comment(shape).replace(" x ", ", "),
    }


def _dictionary(values: Mapping[str, Any]) -> str:
    """Write plain values as a dictionary of Python, one key per line."""
    return "{\n" + "".join(f"    {key!r}: {value!r},\n" for key, value in values.items()) + "}"


def _list(names: tuple[str, ...]) -> str:
    """Write names as a list of Python, in lines that fit."""
    quoted = [json.dumps(n, ensure_ascii=False) if n.isprintable() else repr(n) for n in names]
    short = f"[{', '.join(quoted)}]"
    if len(short) <= 88:
        return short
    return "[\n" + "".join(f"    {name},\n" for name in quoted) + "]"


def _refuse_unknown(network: Network, recipe: Recipe, known: frozenset[str]) -> None:
    """Refuse what the script would silently leave out."""
    fresh = Recipe()
    extra = [
        key
        for key in Recipe.model_fields
        if key not in known and getattr(recipe, key) != getattr(fresh, key)
    ]
    plain = Augmentation()
    extra += [
        f"augmentation.{key}"
        for key in Augmentation.model_fields
        if key not in _AUGMENTATION and getattr(recipe.augmentation, key) != getattr(plain, key)
    ]
    if recipe.augmentation.flip == "alternating":
        extra.append('augmentation.flip "alternating"')
    if recipe.augmentation.crop >= min(network.input[1:]):
        extra.append(f"augmentation.crop {recipe.augmentation.crop}")
    if extra:
        raise InputError(
            f"the recipe uses {', '.join(extra)}, for which there is no plain code",
            "a recipe of "
            + ", ".join(sorted(known - {"augmentation"}))
            + "; augmentation of "
            + ", ".join(sorted(_AUGMENTATION)),
            "take the model alone with `model_only=True`",
        )


def _imports(library: Library, data: DataPlan, weights: str | None) -> list[str]:
    lines = {"import math", *data.imports}
    if weights:
        lines.add("from pathlib import Path")
    if library == "torch":
        lines.add("import copy")
    return sorted(lines, key=lambda line: (line.startswith("from"), line))


def _packages(library: Library, data: DataPlan) -> tuple[str, ...]:
    own = ("torch",) if library == "torch" else ("keras", "tensorflow")
    return (*own, "numpy", *data.packages, "matplotlib")


def _render(template: str, **values: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("convlens.interchange.code"),
        autoescape=False,  # noqa: S701 - Python source, no HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(**values)
