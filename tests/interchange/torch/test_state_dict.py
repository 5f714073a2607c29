"""Bare weights find their layers by name, or by shape and order where that leaves no doubt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import WeightsError
from convlens.interchange.torch.state_dict import match, read_state
from convlens.network import Network, zoo

NETWORK = zoo.load("fast-batch-norm")


class Lenient(nn.Module):
    """The network as someone else wrote it: other names, made in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.fc2 = nn.Linear(128, 10)
        self.fc1 = nn.Linear(576, 128)
        self.bn_c = nn.BatchNorm2d(64)
        self.bn_a = nn.BatchNorm2d(24)
        self.bn_b = nn.BatchNorm2d(48)
        self.c1 = nn.Conv2d(1, 24, 5, bias=False)
        self.c3 = nn.Conv2d(48, 64, 3, bias=False)
        self.c2 = nn.Conv2d(24, 48, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn_a(torch.max_pool2d(self.c1(x), 2)))
        x = torch.relu(self.bn_b(torch.max_pool2d(self.c2(x), 2)))
        x = torch.relu(self.bn_c(self.c3(x)))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_another_persons_weights_give_their_logits(ending: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Lenient().eval()
    path = tmp_path / f"weights{ending}"
    if ending == ".pt":
        torch.save({"state_dict": module.state_dict(), "epoch": 3}, path)
    else:
        save_file(module.state_dict(), path)
    found = read_state(path, NETWORK)
    assert found.renamed()["linear1"] == "fc1"
    assert found.renamed()["batch_norm2"] == "bn_b"
    model = TorchModel(NETWORK)
    model.load_weights(found.weights)
    images = torch.randn(2, 1, 28, 28)
    with torch.inference_mode():
        expected = module(images).numpy()
    np.testing.assert_allclose(model.logits(images.numpy()), expected, atol=1e-5)


def test_the_networks_own_names_are_taken_as_they_are(tmp_path: Path) -> None:
    model = TorchModel(NETWORK, seed=2)
    torch.save(model.module.state_dict(), tmp_path / "w.pt")
    found = read_state(tmp_path / "w.pt", NETWORK)
    assert (found.mapping, found.notes) == ({}, ())
    for name, array in model.weights().items():
        np.testing.assert_array_equal(found.weights[name], array)


def test_layers_of_one_shape_go_by_the_numbers_in_their_names() -> None:
    found = {f"features.{i}.weight": (4, 4, 3, 3) for i in (10, 2)}
    expected = {"conv1.weight": (4, 4, 3, 3), "conv2.weight": (4, 4, 3, 3)}
    mapping = match(found, expected, "w.safetensors", ordered=False)
    assert mapping == {
        "conv1.weight": "features.2.weight",
        "conv2.weight": "features.10.weight",
    }


def test_layers_of_one_shape_without_an_order_are_refused() -> None:
    found = {"left.weight": (4, 4, 3, 3), "right.weight": (4, 4, 3, 3)}
    expected = {"conv1.weight": (4, 4, 3, 3), "conv2.weight": (4, 4, 3, 3)}
    with pytest.raises(WeightsError, match=r"(?s)2 layers of one shape.*save a \.pt"):
        match(found, expected, "w.safetensors", ordered=False)
    ordered = match(found, expected, "w.pt", ordered=True)
    assert ordered["conv1.weight"] == "left.weight"


def test_fault_10_another_networks_weights_list_the_first_five_differences(tmp_path: Path) -> None:
    torch.save(Lenient().state_dict(), tmp_path / "w.pt")
    other = Network(input=(1, 28, 28), layers=[{"conv": 8}, {"flatten": True}, {"linear": 10}])
    with pytest.raises(WeightsError, match="does not fit the network") as refused:
        read_state(tmp_path / "w.pt", other)
    told = refused.value.what
    assert told.count("the network has") == 5
    assert told.endswith("and 3 more")
