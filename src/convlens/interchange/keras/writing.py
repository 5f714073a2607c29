"""A `.keras` file with the weights in it, made by the Keras engine and Keras itself.

Its `metadata.json` gets one more entry, "convlens", with preprocessing and class names as in
an ONNX file; Keras passes over it.
"""

from __future__ import annotations

import json
import secrets
import zipfile
from pathlib import Path
from typing import Any

from convlens.engines import build
from convlens.foundation import atomic
from convlens.foundation.errors import InputError
from convlens.inside.look import Classifier
from convlens.interchange.code.facts import facts_of


def write_keras(path: Path, subject: Classifier) -> Path:
    """Write a model as a Keras file; needs the Keras engine.

    Parameters
    ----------
    path : Path
        The file, ending in `.keras`.
    subject : Classifier
        The model.

    Raises
    ------
    InputError
        The network has a layer that Keras cannot compute.
    """
    model = build(subject.network, engine="keras")
    _refuse_own_layers(model.keras_model)  # type: ignore[attr-defined]
    model.load_weights(subject.model.weights())
    # Keras writes to a path alone: to a temporary one, whose bytes then take the final name
    temporary = path.with_name(f".{secrets.token_hex(8)}.keras")
    try:
        model.keras_model.save(temporary)  # type: ignore[attr-defined]
        _add_facts(temporary, subject)
        atomic.write_bytes(path, temporary.read_bytes())
    except OSError as error:
        raise atomic.explain(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _refuse_own_layers(model: Any) -> None:
    """Refuse what only convlens could load again."""
    own = [layer.name for layer in model.layers if not type(layer).__module__.startswith("keras.")]
    if own:
        raise InputError(
            f"Keras has no layer that computes {', '.join(own[:5])}",
            "no stride together with dilation, no padded pooling but a max pooling that pads as "
            '"same" does, no depthwise convolution of two strides, no border but zeros, no choice '
            "or other order of channels",
            "change these layers, or choose `to='onnx'` or `to='torch'`",
        )


def _add_facts(path: Path, subject: Classifier) -> None:
    """Write what a model needs beside its layers into the file's metadata."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    metadata = {**json.loads(members["metadata.json"]), "convlens": facts_of(subject)}
    members["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
