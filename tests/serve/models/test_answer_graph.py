"""What ONNX Runtime answers in one call, against the same steps in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from convlens import build
from convlens.data import Preprocessing
from convlens.evaluation import softmax
from convlens.inside.look import Classifier
from convlens.network import Network
from convlens.serve.models.onnx_model import TOP, OnnxModel


def subject(shape: tuple[int, int, int], classes: int, *, softmaxed: bool) -> Classifier:
    layers = [{"conv": 4, "kernel": 3}, {"relu": True}, {"flatten": True}, {"linear": classes}]
    if softmaxed:
        layers.append({"softmax": True})
    network = Network(name="tiny", input=shape, classes=classes, layers=layers)
    statistics = [(0.2, 0.5, 0.7)[: shape[0]], (0.3, 0.1, 0.25)[: shape[0]]]
    model = build(network, seed=3, engine="reference")
    names = tuple(f"class {n}" for n in range(classes))
    return Classifier("tiny", model, Preprocessing(shape, *statistics), names, trained=True)


@pytest.mark.parametrize("softmaxed", [True, False])
@pytest.mark.parametrize(("channels", "classes"), [(1, 10), (3, 3), (3, 7), (1, 2)])
def test_the_answers_are_those_of_numpy(channels: int, classes: int, softmaxed: bool) -> None:
    given = subject((channels, 9, 7), classes, softmaxed=softmaxed)
    pixels = np.random.default_rng(0).integers(0, 256, (11, channels, 9, 7), np.uint8)
    order, shares = OnnxModel(given).answers(pixels)
    wanted = softmax(given.model.logits(given.preprocessing.normalise(pixels)))
    assert order.shape == shares.shape == (11, min(TOP, classes))
    np.testing.assert_array_equal(order, np.argsort(-wanted, axis=1, kind="stable")[:, :TOP])
    np.testing.assert_allclose(shares, -np.sort(-wanted, axis=1)[:, :TOP], rtol=1e-5)


def test_of_equal_classes_the_first_come_first() -> None:
    given = subject((1, 6, 6), 8, softmaxed=False)
    zeros = {name: np.zeros_like(array) for name, array in given.model.weights().items()}
    given.model.load_weights(zeros)
    order, shares = OnnxModel(given).answers(np.zeros((2, 1, 6, 6), np.uint8))
    assert order.tolist() == [[0, 1, 2, 3, 4]] * 2
    np.testing.assert_allclose(shares, 1 / 8)
