"""What PyTorch's exporter writes for a layer, in one node or in several, is read as that layer."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convlens.foundation.errors import InputError

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - it needs the extra

from convlens.engines.torch_engine import TorchModel  # noqa: E402
from convlens.interchange.onnx.reading import read_onnx  # noqa: E402


class LayerNorm2d(nn.LayerNorm):
    """As torchvision has it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ShuffledByHand(nn.Module):
    """As torchvision's ShuffleNet does it."""

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.size()
        x = x.view(batch, 2, channels // 2, height, width)
        return torch.transpose(x, 1, 2).contiguous().view(batch, channels, height, width)


class Sliced(nn.Module):
    """Some of the channels."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 1:3]


CASES: dict[str, tuple[nn.Module, list[str]]] = {
    "max pool rounded up": (nn.MaxPool2d(3, 2, ceil_mode=True), ["max_pool"]),
    "max pool rounded up and padded": (nn.MaxPool2d(2, 2, 1, ceil_mode=True), ["max_pool"]),
    "average of padding": (nn.AvgPool2d(3, 1, 1), ["avg_pool"]),
    "average without padding": (nn.AvgPool2d(3, 1, 1, count_include_pad=False), ["avg_pool"]),
    "average rounded up": (nn.AvgPool2d(3, 2, ceil_mode=True), ["avg_pool"]),
    "zeros before a max pool": (
        nn.Sequential(nn.ZeroPad2d((1, 0, 2, 1)), nn.MaxPool2d(2, 1)),
        ["pad", "max_pool"],
    ),
    "zeros before a convolution": (
        nn.Sequential(nn.ZeroPad2d((1, 0, 2, 1)), nn.Conv2d(4, 3, 3)),
        ["conv"],
    ),
    "reflection": (nn.ReflectionPad2d((1, 0, 2, 1)), ["pad"]),
    "replication": (nn.ReplicationPad2d((1, 0, 2, 1)), ["pad"]),
    "slice": (Sliced(), ["channels"]),
    "shuffle": (ShuffledByHand(), ["channel_shuffle"]),
    "layer norm": (LayerNorm2d(4, eps=1e-6), ["layer_norm"]),
    "layer norm of features": (
        nn.Sequential(nn.Flatten(), nn.LayerNorm(168)),
        ["flatten", "layer_norm"],
    ),
    "group norm": (nn.GroupNorm(2, 4, eps=1e-4), ["group_norm"]),
    "sigmoid": (nn.Sigmoid(), ["sigmoid"]),
    "hard sigmoid": (nn.Hardsigmoid(), ["hard_sigmoid"]),
    "tanh": (nn.Tanh(), ["tanh"]),
    "elu": (nn.ELU(0.5), ["elu"]),
}


@pytest.mark.filterwarnings("ignore")  # PyTorch's exporter warns of its own future
@pytest.mark.parametrize("opset", [17, 20])
@pytest.mark.parametrize("case", CASES)
def test_what_pytorch_exports_is_read(case: str, opset: int, tmp_path: Path) -> None:
    module, kinds = CASES[case]
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter))
    images = torch.randn(2, 4, 6, 7)
    with torch.inference_mode():
        expected = module.eval()(images).numpy()
    buffer = io.BytesIO()
    torch.onnx.export(module, (images,), buffer, dynamo=False, opset_version=opset)
    path = tmp_path / "exported.onnx"
    path.write_bytes(buffer.getvalue())
    back = read_onnx(path)
    assert [step.kind for step in back.network.plan().steps] == kinds
    model = TorchModel(back.network)
    model.load_weights(back.weights)
    last = back.network.plan().steps[-1].name
    ours = model.activations(images.numpy())[last]
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def model(nodes: list[Any], arrays: dict[str, np.ndarray], opset: int = 20) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "several",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 4, 6, 7])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        initializer=[numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def read(made: onnx.ModelProto, folder: Path) -> Any:
    path = folder / "made.onnx"
    path.write_bytes(made.SerializeToString())
    return read_onnx(path)


def test_operators_that_are_a_layer_by_themselves_are_read(tmp_path: Path) -> None:
    weight, bias = np.arange(4, dtype=np.float32), np.ones(4, np.float32)
    nodes = [
        helper.make_node("LRN", ["images"], ["local"], size=5, alpha=0.1, beta=0.5, bias=2.0),
        helper.make_node(
            "GroupNormalization", ["local", "w", "b"], ["out"], num_groups=2, epsilon=0.001
        ),
    ]
    back = read(model(nodes, {"w": weight, "b": bias}, opset=21), tmp_path)
    local, group = (step.layer for step in back.network.plan().steps)
    assert (local.size, local.alpha, local.beta, local.k) == (5, 0.1, 0.5, 2.0)
    assert (group.groups, group.epsilon) == (2, 0.001)
    np.testing.assert_array_equal(back.weights["group_norm1.weight"], weight)


SIZE = np.array([0, 2, 2, 6, 7])


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        (
            [helper.make_node("Transpose", ["images"], ["out"], perm=[0, 2, 1, 3])],
            "Transpose, other than in channel_shuffle or layer_norm",
        ),
        (
            [
                helper.make_node("Reshape", ["images", "size"], ["parts"]),
                helper.make_node("Relu", ["parts"], ["out"]),
            ],
            "Relu of channels in groups, which is read in channel_shuffle only",
        ),
        (
            [
                helper.make_node("Reshape", ["images", "size"], ["parts"]),
                helper.make_node("Transpose", ["parts"], ["out"], perm=[0, 1, 2, 4, 3]),
            ],
            "other than of channels in groups",
        ),
        (
            [helper.make_node("MatMul", ["square", "images"], ["out"])],
            "MatMul of a constant, other than the means of adaptive_avg_pool",
        ),
        (
            [helper.make_node("Slice", ["images", "from", "to", "axis"], ["out"])],
            "other than of channels counted from the first",
        ),
    ],
    ids=["transpose", "half a shuffle", "another order", "matrix", "slice of rows"],
)
def test_what_is_no_layer_is_refused_with_the_kind_that_it_is_near(
    nodes: list[Any], said: str, tmp_path: Path
) -> None:
    arrays = {
        "size": SIZE,
        "square": np.eye(6, dtype=np.float32)[::-1].copy(),
        "from": np.array([1]),
        "to": np.array([3]),
        "axis": np.array([2]),
    }
    with pytest.raises(InputError) as error:
        read(model(nodes, arrays), tmp_path)
    assert said in error.value.what
