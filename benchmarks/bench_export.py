"""Claim: an exported model is the model: ONNX within 1e-4, the round trip and the script exact.

Protocol: every network of the zoo with the initial weights of seed 0 goes to ONNX. ONNX Runtime and
the engine compute 70 standard normal images of its size; the largest difference of two logits, the
images with another class and the file's bytes are kept, and whether the file, read back, holds
every bit of the weights. Peer: PyTorch's own exporter (torch.onnx.export, TorchScript), whose file
is compared with the engine alike.

`fast-batch-norm` is trained for 3 epochs on the embedded digits in float32; the PyTorch script that
`export` writes of that run then trains in a process without convlens. Kept: both validation losses
an epoch, and both test accuracies.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import convlens
from convlens.api.opening import open_subject
from convlens.interchange.onnx.reading import read_onnx
from convlens.interchange.onnx.writing import onnx_bytes
from convlens.network import zoo
from measure import keep

WITHOUT_CONVLENS = (
    "import runpy, sys; sys.modules['convlens'] = None; "
    "runpy.run_path('script.py', run_name='__main__')"
)


def difference(data: bytes, subject: Any, images: Any) -> dict[str, float]:
    """Return the largest difference of two logits and the images with another class."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    theirs = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: images})[0]
    ours = subject.model.logits(images)
    return {
        "largest_difference": float(np.abs(ours - theirs).max()),
        "other_class": int((ours.argmax(1) != theirs.argmax(1)).sum()),
        "bytes": len(data),
    }


def peer(subject: Any, images: Any) -> bytes:
    """Return the file of PyTorch's own exporter."""
    buffer = io.BytesIO()
    axes = {"images": {0: "batch"}, "logits": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            subject.model.module,
            (torch.from_numpy(images[:1]),),
            buffer,
            dynamo=False,
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes=axes,
        )
    return buffer.getvalue()


def onnx_of(name: str, folder: Path) -> dict[str, Any]:
    """Measure one network's ONNX file."""
    subject = open_subject(name)
    random = np.random.default_rng(0)
    images = random.standard_normal((70, *subject.network.input), dtype=np.float32)
    path = folder / f"{name}.onnx"
    path.write_bytes(onnx_bytes(subject))
    back, weights = read_onnx(path).weights, subject.model.weights()
    exact = all(np.array_equal(back[key], weights[key]) for key in weights)
    return {
        **difference(path.read_bytes(), subject, images),
        "weights_come_back_exactly": exact,
        "torch_exporter": difference(peer(subject, images), subject, images),
    }


def script_of_a_run(folder: Path) -> dict[str, Any]:
    """Train, export the script, and let it train."""
    run = convlens.train(
        "fast-batch-norm", epochs=3, precision="float32", memory_format="contiguous", runs=folder
    )
    convlens.export(run.folder, "torch-code", out=folder / "script.py")
    done = subprocess.run(
        [sys.executable, "-I", "-c", WITHOUT_CONVLENS],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    losses = re.findall(r"validation loss ([\d.]+)", done.stdout)
    [accuracy] = re.findall(r"test accuracy ([\d.]+)%", done.stdout)
    epochs = [event for event in run.events() if event["event"] == "epoch"]
    return {
        "run_validation_losses": [round(event["validation_loss"], 4) for event in epochs],
        "script_validation_losses": [float(loss) for loss in losses],
        "run_test_accuracy": run.status["test_accuracy"],
        "script_test_accuracy": float(accuracy) / 100,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        networks = {network: onnx_of(network, folder) for network in zoo.names()}
        keep("export", {"onnx": networks, "script": script_of_a_run(folder)})


if __name__ == "__main__":
    main()
