"""ONNX Runtime computes the first layers of a network as PyTorch does."""

from __future__ import annotations

import pytest
import torch

from convlens.engines.torch_engine import TorchModel
from convlens.interchange.onnx.inference import NAME, passes
from convlens.network import zoo

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("network", "last"),
    [("tutorial-torch", "max_pool2"), ("small-resnet", "relu3"), ("small-resnet", "flatten1")],
)
def test_the_first_layers_of_a_network(network: str, last: str) -> None:
    model = TorchModel(zoo.load(network).plan().cut(last)[0], seed=2)
    images = torch.randn(5, *model.plan.input)
    with torch.inference_mode():
        plain = model.module.eval()(images)
    answer = passes()[NAME](model)(images)
    assert answer.shape == (5, *model.plan.output)
    torch.testing.assert_close(answer, plain, rtol=1e-3, atol=1e-4)
