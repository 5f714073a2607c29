"""An ONNX file that says what a reader must know, kept only if it computes what the engine does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from convlens.foundation import atomic
from convlens.foundation.errors import ExportError, InputError
from convlens.foundation.progress import track
from convlens.inside.look import Classifier
from convlens.interchange.code.facts import facts_of
from convlens.interchange.onnx.graph import INPUT, IR_VERSION, LOGITS, OPSET, write_graph

TOLERANCE = 1e-4
"""Largest difference between the logits of ONNX Runtime and the engine, in the logits' unit."""
BATCHES = (1, 2, 7)
_MOST_BYTES = 2**31 - 1  # protobuf's own limit for one message


@dataclass(frozen=True)
class Parity:
    """How far two computations of the same images are apart."""

    difference: float
    """Largest absolute difference between two logits."""
    images: int
    disagreements: int
    """Images with another likeliest class, though it leads by more than twice the tolerance."""


def write_onnx(
    path: Path, subject: Classifier, *, all_layers: bool = False, tolerance: float = TOLERANCE
) -> Parity:
    """Write a model as one ONNX file, checked against the engine before it takes its name.

    Parameters
    ----------
    path : Path
        The file.
    subject : Classifier
        The model and how images are brought to it; its mode, training or evaluation, stays.
    all_layers : bool
        Make every layer's output an output of the graph.
    tolerance : float
        Largest difference of two logits that is accepted.

    Raises
    ------
    ExportError
        ONNX Runtime does not give the engine's logits; no file is written.
    InputError
        The weights exceed what one ONNX file can hold.
    """
    data = onnx_bytes(subject, all_layers=all_layers)
    comparison = compare(data, subject, tolerance)
    if not comparison.difference <= tolerance or comparison.disagreements:  # NaN is no pass
        raise ExportError(
            f"ONNX Runtime's logits differ by {comparison.difference:.2g} from the engine's, and "
            f"{comparison.disagreements} of {comparison.images} images get another class",
            f"a difference of at most {tolerance:g} and the same classes; no file was written",
            "report it; or raise `tolerance` where the logits are very large",
        )
    atomic.write_bytes(path, data)
    return comparison


def onnx_bytes(subject: Classifier, *, all_layers: bool = False) -> bytes:
    """Return a model as the bytes of an ONNX file, structurally checked.

    What is needed to use it stands in `metadata_props`: `convlens` (version), `classes` (JSON
    list), `preprocessing` (JSON: input, mean, std of pixels scaled to 0..1, framing, background,
    fit), `layers` (JSON: layer name to tensor name) and `rounding`.
    """
    network, weights = subject.network, subject.model.weights()
    size = sum(array.nbytes for array in weights.values())
    if size > _MOST_BYTES - 2**24:
        raise InputError(
            f"the weights of {subject.name} are {size:,} bytes",
            f"less than {_MOST_BYTES:,}: what one ONNX file can hold",
            "export a smaller network, or the weights with `to='torch'`",
        )
    graph, tensors = write_graph(network, weights, all_layers=all_layers)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="convlens",
        producer_version=version("convlens"),
    )
    facts: Mapping[str, Any] = {
        "convlens": version("convlens"),
        "name": subject.name,
        **facts_of(subject),
        "layers": json.dumps(tensors),
        "rounding": network.rounding,
    }
    helper.set_model_props(model, dict(facts))
    onnx.checker.check_model(model, full_check=True)
    return cast("bytes", model.SerializeToString())


def compare(data: bytes, subject: Classifier, tolerance: float = TOLERANCE) -> Parity:
    """Compute batches of 1, 2 and 7 images in ONNX Runtime and in the engine.

    The images are standard normal, as normalised images are on the whole.
    """
    random = np.random.default_rng(0)
    largest, disagreements, count = 0.0, 0, 0
    run = session(data)
    for batch in track(BATCHES, "batches compared with ONNX Runtime"):
        images = random.standard_normal((batch, *subject.network.input), dtype=np.float32)
        ours = subject.model.logits(images).reshape(batch, -1)
        theirs = run(images).reshape(batch, -1)
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        with np.errstate(invalid="ignore"):  # infinity minus infinity, where that was allowed
            difference = np.where(same, 0, np.abs(ours - theirs))
        largest = float(np.maximum(largest, difference.max()))
        disagreements += _disagreements(ours, theirs, tolerance)
        count += batch
    return Parity(largest, count, disagreements)


def _disagreements(ours: NDArray[np.float32], theirs: NDArray[np.float32], tolerance: float) -> int:
    rows = np.arange(len(ours))
    mine, other = ours[rows, ours.argmax(1)], ours[rows, theirs.argmax(1)]
    return int((mine > other + 2 * tolerance).sum())


def session(data: bytes) -> Any:
    """Return a function that computes logits of `(N, C, H, W)` images in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    opened = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda images: opened.run([LOGITS], {INPUT: images})[0]
