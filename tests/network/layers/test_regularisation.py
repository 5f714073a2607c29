"""Layers that draw at random in training: whole images or single values, and the same again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convlens.engines import build
from convlens.network import Network

NETWORK = Network(input=(3, 4, 4), layers=[{"drop_path": 0.25}])
ONES = np.ones((4000, 3, 4, 4), np.float32)


def trained(engine: str, seed: int) -> np.ndarray:
    """Return what the layer makes of ones in training."""
    model = build(NETWORK, seed, engine)
    if engine == "torch":
        torch.manual_seed(seed)
        return model.module.train()(torch.from_numpy(ONES)).numpy()  # type: ignore[attr-defined]
    keras = pytest.importorskip("keras")
    images = ONES.transpose(0, 2, 3, 1)
    values = model.keras_model(images, training=True)  # type: ignore[attr-defined]
    return np.asarray(keras.ops.convert_to_numpy(values)).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("engine", ["torch", "keras"])
def test_a_drop_path_leaves_out_whole_images_and_scales_the_others(engine: str) -> None:
    if engine == "keras":
        pytest.importorskip("keras")
    values = trained(engine, seed=3)
    first = values[:, :1, :1, :1]
    np.testing.assert_array_equal(values, np.broadcast_to(first, values.shape))
    assert {round(float(x), 5) for x in np.unique(first)} == {0.0, round(1 / 0.75, 5)}
    assert np.mean(first == 0) == pytest.approx(0.25, abs=0.03)
    np.testing.assert_array_equal(values, trained(engine, seed=3))
    assert np.any(values != trained(engine, seed=4))


@pytest.mark.parametrize("engine", ["torch", "keras", "reference"])
def test_in_evaluation_it_passes_everything_on(engine: str) -> None:
    if engine == "keras":
        pytest.importorskip("keras")
    values = build(NETWORK, 0, engine).activations(ONES[:5])["drop_path1"]
    np.testing.assert_array_equal(values, ONES[:5])


def test_a_drop_path_of_features_drops_whole_rows() -> None:
    network = Network(input=(3, 4, 4), layers=[{"flatten": True}, {"drop_path": 0.5}])
    torch.manual_seed(0)
    module = build(network, 0, "torch").module.train()  # type: ignore[attr-defined]
    values = module(torch.from_numpy(ONES[:200])).numpy()
    assert {float(x) for x in np.unique(values)} == {0.0, 2.0}
    assert np.all(values == values[:, :1])
