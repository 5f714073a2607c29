"""Layers computed by ONNX Runtime, for whoever computes many images and no gradients."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

from convlens.engines.inference import Pass, PassOf
from convlens.engines.torch_engine import TorchModel

NAME = "ONNX Runtime"


def passes() -> dict[str, PassOf]:
    """Return ONNX Runtime's way of computing layers, where it is installed."""
    installed = all(find_spec(package) is not None for package in ("onnx", "onnxruntime"))
    return {NAME: compiled} if installed else {}


def compiled(model: TorchModel) -> Pass:
    """Return a function that computes a model's layers on a CPU, with PyTorch's number of threads.

    Parameters
    ----------
    model : TorchModel
        A network or the first layers of one.
    """
    import onnxruntime
    from onnx import helper

    from convlens.interchange.onnx.graph import INPUT, IR_VERSION, LOGITS, OPSET, write_part

    part = helper.make_model(
        write_part(model.plan, model.weights()),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    # waiting threads would take cores from whatever else computes
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        part.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def compute(images: Tensor) -> Tensor:
        (output,) = session.run([LOGITS], {INPUT: images.contiguous().numpy()})
        return torch.from_numpy(output)

    return compute
