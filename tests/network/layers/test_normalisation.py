"""The kinds with one number per channel, against the libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional as F

from convlens.engines import build
from convlens.foundation.errors import NetworkError
from convlens.inside.records import Elementwise
from convlens.inside.windows import window
from convlens.network import Network
from convlens.network.layers import GroupNorm, LayerNorm, LocalResponseNorm, Scale

values = st.floats(-1e4, 1e4, width=32)
maps = arrays(np.float32, (2, 3, 4, 5), elements=values)
factors = arrays(np.float32, (3,), elements=st.floats(-10, 10, width=32))


@given(maps, factors)
@settings(max_examples=50)
def test_a_scale_is_pytorchs_product_per_channel(x: np.ndarray, weight: np.ndarray) -> None:
    theirs = torch.from_numpy(x).double() * torch.from_numpy(weight).double()[:, None, None]
    ours = Scale().compute(x.astype(np.float64), {"weight": weight.astype(np.float64)})
    np.testing.assert_array_equal(ours, theirs.numpy())


@given(maps, factors)
@settings(max_examples=20, deadline=None)
def test_a_scale_is_the_layer_scale_of_keras(x: np.ndarray, weight: np.ndarray) -> None:
    pytest.importorskip("keras")
    from keras.src.applications.convnext import LayerScale

    layer = LayerScale(1.0, 3)
    layer.build((None, 4, 5, 3))
    layer.gamma.assign(weight)
    theirs = np.asarray(layer(x.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)
    ours = Scale().compute(x.astype(np.float64), {"weight": weight.astype(np.float64)})
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("engine", ["torch", "keras", "reference"])
@pytest.mark.parametrize(("written", "start"), [({}, 1.0), ({"initial": 1e-6}, 1e-6)])
def test_a_scale_starts_as_it_is_written(
    engine: str, written: dict[str, float], start: float
) -> None:
    if engine == "keras":
        pytest.importorskip("keras")
    network = Network(
        input=(3, 2, 2), layers=[{"scale": True, **written}, {"flatten": True}, {"linear": 2}]
    )
    weights = build(network, 0, engine).weights()["scale1.weight"]
    np.testing.assert_allclose(weights, np.full(3, start), rtol=1e-6)


weights = arrays(np.float64, (4,), elements=st.floats(-3, 3))
normal = arrays(np.float64, (2, 4, 3, 5), elements=st.floats(-100, 100))


@given(normal, weights, weights, st.floats(1e-6, 0.1))
@settings(max_examples=50, deadline=None)
def test_a_layer_norm_is_pytorchs_over_the_channels(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, epsilon: float
) -> None:
    own = {"weight": weight, "bias": bias}
    own_torch = {name: torch.from_numpy(array) for name, array in own.items()}
    channels_last = torch.from_numpy(x).permute(0, 2, 3, 1)
    theirs = F.layer_norm(channels_last, (4,), **own_torch, eps=epsilon).permute(0, 3, 1, 2)
    layer = LayerNorm(epsilon=epsilon)
    np.testing.assert_allclose(layer.compute(x, own), theirs.numpy(), rtol=1e-9, atol=1e-9)
    features = x[:, :, 0, 0]
    theirs = F.layer_norm(torch.from_numpy(features), (4,), **own_torch, eps=epsilon)
    np.testing.assert_allclose(layer.compute(features, own), theirs.numpy(), rtol=1e-9, atol=1e-9)


@given(normal, weights, weights, st.sampled_from([1, 2, 4]), st.floats(1e-6, 0.1))
@settings(max_examples=50, deadline=None)
def test_a_group_norm_is_pytorchs(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, groups: int, epsilon: float
) -> None:
    own = {"weight": weight, "bias": bias}
    own_torch = {name: torch.from_numpy(array) for name, array in own.items()}
    theirs = F.group_norm(torch.from_numpy(x), groups, **own_torch, eps=epsilon).numpy()
    ours = GroupNorm(groups=groups, epsilon=epsilon).compute(x, own)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@given(
    normal,
    st.sampled_from([1, 3, 5, 9]),
    st.floats(0, 2),
    st.floats(0, 2),
    st.floats(0.5, 3),
)
@settings(max_examples=50, deadline=None)
def test_a_local_response_norm_is_pytorchs(
    x: np.ndarray, size: int, alpha: float, beta: float, k: float
) -> None:
    layer = LocalResponseNorm(size=size, alpha=alpha, beta=beta, k=k)
    theirs = F.local_response_norm(torch.from_numpy(x), size, alpha, beta, k).numpy()
    np.testing.assert_allclose(layer.compute(x, {}), theirs, rtol=1e-9, atol=1e-9)


def test_an_even_size_of_a_local_response_norm_is_refused() -> None:
    with pytest.raises(NetworkError) as error:
        Network(input=(3, 4, 4), layers=[{"local_response_norm": 4}])
    assert "an odd number" in error.value.expected


WITHIN = [
    {"layer_norm": True, "epsilon": 0.01},
    {"group_norm": 2, "epsilon": 0.01},
    {"local_response_norm": 3, "alpha": 0.7, "beta": 0.6, "k": 2},
]


@pytest.mark.parametrize("written", WITHIN, ids=str)
def test_all_engines_and_the_window_of_a_cell_agree(written: dict[str, object]) -> None:
    pytest.importorskip("keras")
    network = Network(input=(4, 3, 5), layers=[written])
    name = network.plan().steps[0].name
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 4, 3, 5)).astype(np.float32)
    own = {
        array: rng.normal(size=shape).astype(np.float32)
        for array, shape in network.plan().weight_shapes().items()
    }
    outputs = {}
    for engine in ("reference", "torch", "keras"):
        model = build(network, 0, engine)
        model.load_weights(own)
        outputs[engine] = model.activations(images)[name]
    np.testing.assert_allclose(outputs["torch"], outputs["reference"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs["keras"], outputs["reference"], rtol=1e-4, atol=1e-5)
    reference = build(network, 0, "reference")
    reference.load_weights(own)
    for cell in np.ndindex(4, 3, 5):
        step = window(reference, images[0], name, cell)
        assert isinstance(step, Elementwise)
        names = {**step.constants, "x": step.value, "sqrt": np.sqrt}
        assert eval(step.formula.replace("^", "**"), names) == pytest.approx(step.total)
        assert step.total == pytest.approx(outputs["reference"][0][cell], rel=1e-5, abs=1e-6)
