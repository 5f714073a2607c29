"""Weights go to Keras's axes and come back as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings

import networks
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.network import Network
from convlens.weights.keras_layout import feature_orders, from_keras, keras_shapes, to_keras


@given(networks.written)
@settings(max_examples=40)
def test_there_and_back_gives_every_bit_again(written: dict[str, Any]) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    weights = TorchModel(network, seed=3).weights()
    variables = to_keras(network, weights)
    shapes = {name: [array.shape for array in arrays] for name, arrays in variables.items()}
    assert shapes == keras_shapes(network)
    back = from_keras(network, variables)
    assert back.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(back[name], array)


def test_a_linear_layer_after_flatten_takes_its_inputs_in_keras_order_and_keeps_its_bias() -> None:
    network = Network(input=(2, 1, 3), layers=[{"flatten": True}, {"linear": 6}])
    weight = np.arange(36, dtype=np.float32).reshape(6, 6)
    bias = np.arange(6, dtype=np.float32)
    kernel, kept = to_keras(network, {"linear1.weight": weight, "linear1.bias": bias})["linear1"]
    np.testing.assert_array_equal(kernel[:, 0], [0, 3, 1, 4, 2, 5])
    np.testing.assert_array_equal(kept, bias)


def test_a_sum_whose_sides_keras_orders_differently_is_refused() -> None:
    layers = [{"flatten": True}, {"residual": [{"linear": 8}]}, {"linear": 2}]
    network = Network(input=(2, 2, 2), layers=layers)
    with pytest.raises(InputError, match=r'"residual1" adds flattened maps'):
        to_keras(network, TorchModel(network).weights())


def test_features_that_are_put_one_after_the_other_keep_each_branchs_order() -> None:
    branches = [[{"flatten": True}], [{"flatten": True}, {"linear": 3}]]
    network = Network(
        input=(2, 2, 2), layers=[{"branches": branches, "join": "concat"}, {"linear": 2}]
    )
    orders = feature_orders(network)
    assert orders["linear1"].tolist() == [0, 4, 1, 5, 2, 6, 3, 7, 8, 9, 10]
    assert orders["concat1.branch2.linear1"].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def test_a_product_whose_sides_keras_orders_differently_is_refused() -> None:
    branches = [[{"flatten": True}], [{"flatten": True}, {"linear": 8}]]
    network = Network(input=(2, 2, 2), layers=[{"branches": branches, "join": "multiply"}])
    with pytest.raises(InputError, match='"multiply1" multiplies flattened maps'):
        feature_orders(network)
