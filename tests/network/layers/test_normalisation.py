"""The kinds with one number per channel, against the libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convlens.engines import build
from convlens.network import Network
from convlens.network.layers import Scale

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
