"""A `.keras` file with the weights in it, made by the Keras engine and Keras itself."""

from __future__ import annotations

import secrets
from pathlib import Path

from convlens import atomic
from convlens.engines import build
from convlens.inside.look import Subject


def write_keras(path: Path, subject: Subject) -> Path:
    """Write a model as a Keras file; needs the Keras engine.

    Parameters
    ----------
    path : Path
        The file, ending in `.keras`.
    subject : Subject
        The model.

    Raises
    ------
    InputError
        The network has a layer that Keras cannot compute.
    """
    model = build(subject.network, engine="keras")
    model.load_weights(subject.model.weights())
    # Keras writes to a path alone: to a temporary one, whose bytes then take the final name
    temporary = path.with_name(f".{secrets.token_hex(8)}.keras")
    try:
        model.keras_model.save(temporary)  # type: ignore[attr-defined]
        atomic.write_bytes(path, temporary.read_bytes())
    except OSError as error:
        raise atomic.explain(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path
