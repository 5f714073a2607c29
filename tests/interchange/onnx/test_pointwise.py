"""Every form of every kind is read as that kind, and means what the kind computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convlens.foundation.errors import InputError
from convlens.network.layers import POINTWISE, Pointwise, notation
from convlens.network.layers.notation import op

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper  # noqa: E402 - it needs the extra

from convlens.interchange.onnx.reading import read_onnx  # noqa: E402

CASES = [
    pytest.param(kind, form, shape, id=f"{kind.kind} {number} on {len(shape)} axes")
    for kind in POINTWISE
    for number, form in enumerate(kind.onnx())
    for shape in ((4, 3, 5), (4,))
]
CHANNELS = 4


def graph(
    form: notation.Operation, shape: tuple[int, ...], *, turned: bool = False
) -> onnx.ModelProto:
    """Write a form on images, or on their values where `shape` has one axis."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    image = (4, 3, 5)

    def constant(value: np.ndarray) -> str:
        constants.append(
            onnx.numpy_helper.from_array(value.astype(np.float32), f"c{len(constants)}")
        )
        return f"c{len(constants) - 1}"

    def tensor(operand: object) -> str:
        match operand:
            case notation.Input():
                return "x"
            case notation.Operation():
                return write(operand)
            case notation.Array():
                return constant(array().reshape(-1, *(1,) * (len(shape) - 1)))
            case _:
                return constant(np.asarray(operand))

    def write(operation: notation.Operation) -> str:
        attributes = {
            key: 0.25 if isinstance(value, notation.Setting) else value
            for key, value in operation.attributes.items()
        }
        inputs = [tensor(operand) for operand in operation.inputs]
        if turned and operation.operator in ("Mul", "Add"):
            inputs.reverse()
        name = f"n{len(nodes)}"
        nodes.append(helper.make_node(operation.operator, inputs, [name], **attributes))
        return name

    if len(shape) == 1:
        image = (4, 1, 1)
        nodes.append(helper.make_node("Flatten", ["images"], ["x"], axis=1))
    else:
        nodes.append(helper.make_node("Identity", ["images"], ["x"]))
    written = write(form)
    made = helper.make_graph(
        nodes,
        "form",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", *image])],
        [helper.make_tensor_value_info(written, TensorProto.FLOAT, None)],
        initializer=constants,
    )
    opset = 24 if any(node.op_type == "Swish" for node in nodes) else 20
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def array() -> np.ndarray:
    return np.linspace(0.5, 2, CHANNELS)


def read(model: onnx.ModelProto, folder: Path) -> tuple[Pointwise, dict[str, np.ndarray]]:
    path = folder / "form.onnx"
    path.write_bytes(model.SerializeToString())
    imported = read_onnx(path)
    last = imported.network.plan().steps[-1]
    assert isinstance(last.layer, Pointwise)
    own = {n.removeprefix(f"{last.name}."): array for n, array in imported.weights.items()}
    return last.layer, own


@pytest.mark.parametrize("turned", [False, True], ids=["as written", "turned"])
@pytest.mark.parametrize(("kind", "form", "shape"), CASES)
def test_a_form_is_read_as_its_kind(
    kind: type[Pointwise],
    form: notation.Operation,
    shape: tuple[int, ...],
    turned: bool,
    tmp_path: Path,
) -> None:
    layer, arrays = read(graph(form, shape, turned=turned), tmp_path)
    assert type(layer) is kind
    for value in layer.constants().values():
        assert value == 0.25
    for values in arrays.values():
        np.testing.assert_allclose(values, array())


@pytest.mark.parametrize(("kind", "form", "shape"), CASES)
def test_a_form_computes_what_the_kind_computes(
    kind: type[Pointwise], form: notation.Operation, shape: tuple[int, ...], tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    model = graph(form, shape)
    layer, arrays = read(model, tmp_path)
    try:
        session = runtime.InferenceSession(model.SerializeToString())
    except runtime.capi.onnxruntime_pybind11_state.Fail as error:
        pytest.skip(f"this ONNX Runtime has not all of the operators: {error}")
    images = np.random.default_rng(0).normal(size=(2, *model_input(model))).astype(np.float32) * 3
    (theirs,) = session.run(None, {"images": images})
    x = images.reshape(2, *shape).astype(np.float64)
    np.testing.assert_allclose(layer.compute(x, arrays), theirs, rtol=1e-5, atol=1e-6)


def model_input(model: onnx.ModelProto) -> list[int]:
    return [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]


def test_what_is_no_form_is_refused_with_the_kinds_that_have_the_operator(tmp_path: Path) -> None:
    clipped = op("Mul", notation.X, 0.5**0.5)
    for form, message in (
        (
            op("Gelu", notation.X, approximate=b"tanh"),
            "Gelu with approximate tanh, other than in gelu",
        ),
        (op("Mul", notation.X, 0.25), "Mul, other than in "),
        (op("Relu", clipped), "Relu of Mul, which is read in gelu"),
        (op("GlobalMaxPool", clipped), "GlobalMaxPool of Mul"),
    ):
        with pytest.raises(InputError, match=message):
            read(graph(form, (4, 3, 5)), tmp_path)
