"""The Keras code is the network: as many parameters, the same logits from the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings

import networks
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.interchange.code.keras_code import keras_code
from convlens.interchange.code.script import write_model
from convlens.network import Network, zoo
from convlens.weights.keras_layout import keras_shapes, to_keras

keras: Any = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow on NumPy 2


def built(network: Network) -> Any:
    """What `build_model` of the written script makes."""
    space: dict[str, Any] = {"__name__": "script"}
    exec(compile(write_model("keras", network, title="a net"), "script", "exec"), space)
    return space["build_model"]()


def load(model: Any, network: Network, weights: Any) -> None:
    """Give the layers with variables, in their order, a network's weights."""
    variables = list(to_keras(network, weights).values())
    layers = [layer for layer in model.layers if layer.weights]
    # a functional model lists two branches side by side; shapes and order of kinds tell them apart
    for arrays in variables:
        shapes = [array.shape for array in arrays]
        fit = next(x for x in layers if [tuple(w.shape) for w in x.weights] == shapes)
        layers.remove(fit)
        fit.set_weights(arrays)
    assert not layers


def check(network: Network, *, exact: bool = True) -> None:
    model = TorchModel(network, seed=5)
    script = built(network)
    expected = network.plan().parameters
    assert sum(int(np.prod(v.shape)) for v in script.trainable_variables) == expected
    if not exact:
        return
    load(script, network, model.weights())
    images = np.random.default_rng(0).standard_normal((2, *network.input), dtype=np.float32)
    logits = np.asarray(script(images.transpose(0, 2, 3, 1), training=False))
    if logits.ndim == 4:
        logits = logits.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(logits, model.logits(images), atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@given(networks.written)
@settings(max_examples=10)
def test_code_of_a_random_network_without_branches_gives_its_logits(
    written: dict[str, Any],
) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    kinds = {row.kind for row in network.plan().steps}
    assume("add" not in kinds)
    try:
        keras_code(network)
    except InputError:
        assume(False)
    check(network)


@pytest.mark.parametrize("name", [name for name in zoo.names() if name != "bottleneck-resnet"])
def test_code_of_the_zoo_gives_its_logits(name: str) -> None:
    check(zoo.load(name))


def test_code_of_branches_gives_their_sum() -> None:
    network = Network(
        input=(3, 9, 9),
        layers=[
            {"residual": [{"conv": 4, "padding": 1}, {"batch_norm": True}],
             "shortcut": [{"conv": 4, "kernel": 1}]},
            {"residual": [{"conv": 4, "kernel": 5, "padding": 2}]},
            {"max_pool": 3, "stride": 2, "padding": 1},
            {"avg_pool": 3, "stride": 2, "padding": [1, 1, 0, 1]},
            {"global_max_pool": True},
            {"flatten": True},
            {"linear": 3},
        ],
        rounding="floor",
    )  # fmt: skip
    check(network)


def test_code_of_bottlenecks_has_their_parameters() -> None:
    network = zoo.load("bottleneck-resnet")
    check(network, exact=False)
    assert len(keras_shapes(network)) == len([x for x in built(network).layers if x.weights])


def test_what_keras_cannot_compute_is_refused_by_name() -> None:
    network = Network(input=(1, 12, 12), layers=[{"conv": 2, "stride": 2, "dilation": 2}],
                      rounding="floor")  # fmt: skip
    with pytest.raises(InputError, match=r'cannot compute "conv1": a stride together'):
        keras_code(network)
