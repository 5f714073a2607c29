"""ONNX graphs compute what the reference formulas compute, and keep every layer's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from numpy.typing import NDArray

import networks
from convlens.engines.reference import ReferenceModel
from convlens.network import Network, zoo

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from convlens.interchange.onnx.graph import write_graph  # noqa: E402 - it imports onnx


def model_of(network: Network, weights: Any, *, all_layers: bool = False) -> Any:
    graph, tensors = write_graph(network, weights, all_layers=all_layers)
    opset = [onnx.helper.make_opsetid("", 20)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model, tensors


def run(model: Any, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    opened = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in opened.get_outputs()]
    return dict(zip(names, opened.run(None, {"images": images}), strict=True))


def varied(network: Network, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Weights of which no two layers' are alike, with running moments as training leaves them."""
    random = np.random.default_rng(seed)
    weights = {}
    for name, shape in network.plan().weight_shapes().items():
        values = random.standard_normal(shape) / max(1, np.prod(shape[1:])) ** 0.5
        weights[name] = (np.abs(values) + 0.5 if name.endswith("running_var") else values).astype(
            np.float32
        )
    return weights


@given(networks.written)
@settings(max_examples=40)
def test_onnx_runtime_gives_every_layer_of_a_random_network_as_the_reference_does(
    written: dict[str, Any],
) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    weights = varied(network)
    model, tensors = model_of(network, weights, all_layers=True)
    reference = ReferenceModel(network)
    reference.load_weights(weights)
    images = np.random.default_rng(1).standard_normal((2, *network.input), dtype=np.float32)
    outputs = run(model, images)
    expected = reference.activations(images)
    assert list(tensors) == [row.name for row in network.plan().steps] == list(expected)
    for name, tensor in tensors.items():
        largest = max(1, float(np.abs(expected[name]).max()))
        np.testing.assert_allclose(outputs[tensor], expected[name], atol=1e-4 * largest, rtol=1e-4)


@pytest.mark.parametrize("name", zoo.names())
def test_every_network_of_the_zoo_takes_any_batch_and_gives_logits_and_probabilities(
    name: str,
) -> None:
    network = zoo.load(name)
    model, _ = model_of(network, varied(network))
    for batch in (1, 3):
        outputs = run(model, np.ones((batch, *network.input), np.float32))
        assert list(outputs) == ["logits", "probabilities"]
        assert outputs["logits"].shape == (batch, 10)
        np.testing.assert_allclose(outputs["probabilities"].sum(1), 1, atol=1e-6)


def test_a_node_is_named_as_its_layer_inside_residual_blocks_too() -> None:
    network = zoo.load("bottleneck-resnet")
    model, tensors = model_of(network, varied(network))
    names = [node.name for node in model.graph.node]
    assert names == [row.name for row in network.plan().steps]
    assert tensors["residual1.shortcut.conv1"] == "residual1.shortcut.conv1"
    assert tensors["linear1"] == "logits"


def test_layers_named_like_the_graphs_own_tensors_do_not_collide_with_them() -> None:
    network = Network(
        input=(1, 4, 4),
        layers=[
            {"flatten": True, "name": "images"},
            {"linear": 3, "name": "logits"},
            {"relu": True, "name": "probabilities"},
            {"linear": 2},
            {"softmax": True},
        ],
    )
    outputs = run(model_of(network, varied(network))[0], np.ones((2, 1, 4, 4), np.float32))
    assert outputs["logits"].shape == (2, 2)


@pytest.mark.parametrize("written", [{"scale": True}, {"group_norm": 2}, {"layer_norm": True}])
def test_weights_in_float64_are_written_in_float32(written: dict[str, object]) -> None:
    network = Network(input=(4, 3, 3), layers=[written])
    weights = {n: np.ones(shape) for n, shape in network.plan().weight_shapes().items()}
    graph, _ = write_graph(network, weights)
    kinds = {tensor.data_type for tensor in graph.initializer}
    assert onnx.TensorProto.FLOAT in kinds
    assert onnx.TensorProto.DOUBLE not in kinds
