"""What is read from an ONNX file computes what the file computes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import networks
from convlens.engines.torch_engine import TorchModel
from convlens.network import Network, zoo
from convlens.network.layers import Depthwise
from convlens.network.plan import Step

onnx = pytest.importorskip("onnx")

from convlens.interchange.onnx.graph import write_graph  # noqa: E402 - they import onnx
from convlens.interchange.onnx.reading import read_onnx  # noqa: E402


def save(path: Path, network: Network, weights: Any) -> Path:
    graph, _ = write_graph(network, weights)
    opset = [onnx.helper.make_opsetid("", 20)]
    model = onnx.helper.make_model(
        graph, opset_imports=opset, ir_version=9, producer_name="convlens"
    )
    path.write_bytes(model.SerializeToString())
    return path


def _may_be_either(step: Step) -> bool:
    """Say whether a copy reads a single map, where ONNX writes both convolutions alike.

    The copies of repeated layers are found by being equal, and another copy may read more maps.
    """
    return "repeat" in step.name and isinstance(step.layer, Depthwise) and step.input[0] == 1


@given(st.one_of(networks.written, networks.branched))
@settings(max_examples=40)
def test_a_random_network_comes_back_with_its_names_and_its_weights_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, written: dict[str, Any]
) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    assume(not any(_may_be_either(step) for step in network.plan().steps))
    model = TorchModel(network, seed=1)
    path = save(tmp_path_factory.mktemp("onnx") / "net.onnx", network, model.weights())
    back = read_onnx(path)
    assert back.network.plan().weight_shapes() == network.plan().weight_shapes()
    for name, array in model.weights().items():
        np.testing.assert_array_equal(back.weights[name], array)
    again = TorchModel(back.network)
    again.load_weights(back.weights)
    images = np.random.default_rng(0).standard_normal((2, *network.input), dtype=np.float32)
    np.testing.assert_allclose(again.logits(images), model.logits(images), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", zoo.names())
def test_a_network_of_the_zoo_comes_back_layer_for_layer(name: str, tmp_path: Path) -> None:
    network = zoo.load(name)
    back = read_onnx(save(tmp_path / "net.onnx", network, TorchModel(network).weights())).network
    assert (back.name, back.input, back.rounding) == (name, network.input, network.rounding)
    kinds = [(row.name, row.kind, row.output) for row in network.plan().steps]
    assert [(row.name, row.kind, row.output) for row in back.plan().steps] == kinds


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.body(x))


FOREIGN = nn.Sequential(
    nn.Conv2d(3, 8, 3, stride=2),
    nn.GELU(),
    Block(8),
    Block(8),
    nn.Conv2d(8, 16, 3, groups=8),
    nn.LeakyReLU(0.2),
    nn.AvgPool2d(2),
    nn.Dropout(0.4),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(16, 5),
    nn.Softmax(dim=1),
)


@pytest.mark.filterwarnings("ignore")  # PyTorch's exporter warns of its own future
@pytest.mark.parametrize("opset", [12, 17, 20])
def test_a_file_that_pytorch_exported_gives_pytorchs_logits(opset: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        expected = FOREIGN.eval()[:-1](images).numpy()
    buffer = io.BytesIO()
    torch.onnx.export(FOREIGN, (images,), buffer, dynamo=False, opset_version=opset)
    path = tmp_path / "foreign.onnx"
    path.write_bytes(buffer.getvalue())
    back = read_onnx(path)
    model = TorchModel(back.network)
    model.load_weights(back.weights)
    np.testing.assert_allclose(model.logits(images.numpy()), expected, atol=1e-5)
    kinds = [row.kind for row in back.network.plan().steps]
    assert kinds[:2] == ["conv", "gelu"]
    assert kinds.count("add") == 2
    assert kinds[-4:] == ["global_avg_pool", "flatten", "linear", "softmax"]


class Dense(nn.Module):
    """Layers of which each reads the maps of all before it, as torchvision writes DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(4 + 2 * i, 2, 3, padding=1) for i in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [x]
        for layer in self.layers:
            maps.append(torch.relu(layer(torch.cat(maps, 1))))
        return torch.cat(maps, 1)


class Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(10, 3, 1)
        self.three = nn.Sequential(nn.Conv2d(10, 2, 1), nn.Conv2d(2, 4, 3, padding=1))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(10, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.one(x), self.three(x), self.pool(x)], dim=1)


class Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = x.mean((2, 3), keepdim=True)
        return x * nn.functional.silu(self.excite(torch.relu(self.squeeze(pooled))))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("opset", [12, 17])
def test_concatenations_and_gates_that_pytorch_exported_are_read_as_branches(
    opset: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.SiLU(), Dense(), Inception(), Gate(), nn.Flatten(), nn.Linear(800, 3)
    )
    images = torch.randn(2, 3, 12, 12)
    with torch.inference_mode():
        expected = network.eval()(images).numpy()
    buffer = io.BytesIO()
    torch.onnx.export(network, (images,), buffer, dynamo=False, opset_version=opset)
    path = tmp_path / "foreign.onnx"
    path.write_bytes(buffer.getvalue())
    back = read_onnx(path)
    model = TorchModel(back.network)
    model.load_weights(back.weights)
    np.testing.assert_allclose(model.logits(images.numpy()), expected, atol=1e-5)
    kinds = [step.kind for step in back.network.plan().steps]
    assert (kinds.count("concat"), kinds.count("multiply")) == (4, 1)
    written = [next(iter(layer)) for layer in back.network.to_dict()["layers"]]
    assert written == ["conv", "silu", *["branches"] * 5, "flatten", "linear"]
