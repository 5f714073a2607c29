"""A model's ONNX file with the steps around it: pixels as bytes in, the likeliest classes out.

What NumPy would do before and after a batch, ONNX Runtime does within its one call. Each step in
NumPy gives Python's lock away and waits for it again, behind the thread that reads requests.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from convlens.data import Preprocessing
from convlens.interchange.onnx.graph import INPUT, LOGITS

PIXELS, CLASSES, SHARES = "answer/pixels", "answer/classes", "answer/shares"
"""Names of the input and the outputs; no layer's name has a slash."""


def with_answers(data: bytes, preprocessing: Preprocessing, top: int) -> bytes:
    """Return a model that takes pixels and gives the likeliest classes.

    Parameters
    ----------
    data : bytes
        A model as `exporting.onnx_bytes` writes it: normalised images to logits.
    preprocessing : Preprocessing
        Its mean and std; the steps and their order are those of its `normalise`.
    top : int
        How many classes, at most.

    Returns
    -------
    bytes
        Input `answer/pixels`, uint8 `(batch, C, H, W)`. Outputs `answer/classes`, int64, and
        `answer/shares`, float64, both `(batch, top)`: the largest probabilities first, of equal
        ones the class with the smaller number.
    """
    model = onnx.load_model_from_string(data)
    graph = model.graph
    classes = next(o for o in graph.output if o.name == LOGITS).type.tensor_type.shape.dim[1]
    count = min(top, classes.dim_value)

    constants = {
        "answer/scale": np.float32(255),
        "answer/mean": np.asarray(preprocessing.mean, np.float32).reshape(1, -1, 1, 1),
        "answer/std": np.asarray(preprocessing.std, np.float32).reshape(1, -1, 1, 1),
        "answer/count": np.array([count]),
    }
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    before = [
        helper.make_node("Cast", [PIXELS], ["answer/float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["answer/float", "answer/scale"], ["answer/unit"]),
        helper.make_node("Sub", ["answer/unit", "answer/mean"], ["answer/centred"]),
        helper.make_node("Div", ["answer/centred", "answer/std"], [INPUT]),
    ]
    after = [
        # float64: shares of a millionth are told, too
        helper.make_node("Cast", [LOGITS], ["answer/logits"], to=TensorProto.DOUBLE),
        helper.make_node("Softmax", ["answer/logits"], ["answer/softmax"], axis=1),
        helper.make_node("TopK", ["answer/softmax", "answer/count"], [SHARES, CLASSES], axis=1),
    ]
    nodes = [*before, *graph.node, *after]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    value = helper.make_tensor_value_info
    graph.input.append(value(PIXELS, TensorProto.UINT8, ["batch", *preprocessing.input]))
    graph.output.append(value(CLASSES, TensorProto.INT64, ["batch", count]))
    graph.output.append(value(SHARES, TensorProto.DOUBLE, ["batch", count]))
    onnx.checker.check_model(model, full_check=True)
    written: bytes = model.SerializeToString()
    return written
