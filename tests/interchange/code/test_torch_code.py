"""The PyTorch code is the network: the same initial weights from one seed, the same logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings

import networks
from convlens.engines.torch_engine import TorchModel
from convlens.interchange.code.script import write_model
from convlens.interchange.code.torch_code import torch_code
from convlens.network import Network, zoo


def built(network: Network, seed: int) -> torch.nn.Module:
    """What `build_model` of the written script makes."""
    space: dict[str, Any] = {"__name__": "script"}
    exec(compile(write_model("torch", network, title="a net"), "script", "exec"), space)
    torch.manual_seed(seed)
    model: torch.nn.Module = space["build_model"]()
    return model


def check(network: Network) -> None:
    model = TorchModel(network, seed=5)
    script = built(network, seed=5)
    counted = sum(parameter.numel() for parameter in script.parameters())
    assert counted == network.plan().parameters
    named = torch_code(network).state_dict(model.weights())
    state = {n: t for n, t in script.state_dict().items() if not n.endswith("batches_tracked")}
    assert list(named) == list(state)
    for name, array in named.items():
        np.testing.assert_array_equal(state[name].numpy(), array)
    images = np.random.default_rng(0).standard_normal((2, *network.input), dtype=np.float32)
    with torch.inference_mode():
        logits = script.eval()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(logits, model.logits(images), atol=1e-5, rtol=1e-5)


@given(networks.written)
@settings(max_examples=40)
def test_code_of_a_random_network_draws_its_weights_and_gives_its_logits(
    written: dict[str, Any],
) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    check(network)


@pytest.mark.parametrize("name", zoo.names())
def test_code_of_the_zoo_draws_its_weights_and_gives_its_logits(name: str) -> None:
    check(zoo.load(name))


def test_the_code_reads_as_a_person_would_write_it() -> None:
    assert torch_code(zoo.load("tutorial-torch")).model.splitlines() == [
        "        # 1 x 28 x 28",
        "        nn.Conv2d(1, 32, kernel_size=3),   # 32 x 26 x 26",
        "        nn.ReLU(),",
        "        nn.MaxPool2d(2),                   # 32 x 13 x 13",
        "        nn.Conv2d(32, 64, kernel_size=2),  # 64 x 12 x 12",
        "        nn.ReLU(),",
        "        nn.MaxPool2d(2),                   # 64 x 6 x 6",
        "        nn.Flatten(),                      # 2304",
        "        nn.Linear(2304, 10),               # 10",
    ]
