"""Every kind of layer in every room that must know it: what is missing is named by both."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convlens.data import Preprocessing
from convlens.engines import build
from convlens.figures.windows import window_svg
from convlens.inside.explain import explain
from convlens.inside.look import Subject
from convlens.inside.windows import window
from convlens.interchange.code.keras_code import keras_code
from convlens.interchange.code.torch_code import torch_code
from convlens.interchange.onnx.reading import read_onnx
from convlens.interchange.onnx.writing import onnx_bytes
from convlens.network import Network
from convlens.network.layers import COMPUTED
from convlens.report.sentences import does
from convlens.serve.models.describe import layer_steps
from convlens.weights.keras_layout import from_keras, to_keras

WEB = Path(__file__).parents[2] / "web/src"
HEAD = [{"flatten": True}, {"linear": 3}]
WRITTEN: dict[str, list[dict[str, Any]]] = {
    "conv": [{"conv": 4, "kernel": 3}],
    "depthwise": [{"depthwise": 2, "kernel": 3}],
    "batch_norm": [{"batch_norm": True}],
    "relu": [{"relu": True}],
    "relu6": [{"relu6": True}],
    "gelu": [{"gelu": True}],
    "silu": [{"silu": True}],
    "leaky_relu": [{"leaky_relu": 0.2}],
    "max_pool": [{"max_pool": 2}],
    "avg_pool": [{"avg_pool": 2}],
    "global_max_pool": [{"global_max_pool": True}],
    "global_avg_pool": [{"global_avg_pool": True}],
    "dropout": [{"dropout": 0.3}],
    "flatten": [],
    "linear": [],
    "softmax": [],
    "add": [{"residual": [{"conv": 3, "kernel": 3, "padding": 1}]}],
}
"""A network in which the kind stands, without its head."""


def network(kind: str) -> Network:
    tail = [{"softmax": True}] if kind == "softmax" else []
    return Network(input=(3, 6, 6), layers=[*WRITTEN[kind], *HEAD, *tail])


def subject(of: Network) -> Subject:
    shape, zeros, ones = (3, 6, 6), (0.0,) * 3, (1.0,) * 3
    return Subject(
        of.name, build(of), Preprocessing(shape, zeros, ones), ("a", "b", "c"), trained=False
    )


def images(of: Network) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, *of.input)).astype(np.float32)


def engine(name: str) -> Callable[[Network, str], None]:
    def same(of: Network, kind: str) -> None:
        if name == "keras":
            pytest.importorskip("keras")
        reference, model = build(of, 0, "reference"), build(of, 0, name)
        ours, theirs = reference.activations(images(of)), model.activations(images(of))
        assert list(ours) == list(theirs)
        for layer, values in ours.items():
            np.testing.assert_allclose(theirs[layer], values, rtol=1e-4, atol=1e-5)

    return same


def onnx(of: Network, kind: str, folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(onnx_bytes(subject(of)))
    read = read_onnx(path)
    assert [row.kind for row in read.network.plan().steps] == [row.kind for row in of.plan().steps]


def layout(of: Network, kind: str) -> None:
    weights = build(of).weights()
    back = from_keras(of, to_keras(of, weights))
    assert back.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(back[name], array)


def cell(of: Network, kind: str) -> None:
    model = build(of, 0, "reference")
    row = next(row for row in of.plan().steps if row.kind == kind)
    step = window(model, images(of)[0], row.name, tuple(0 for _ in row.output))
    assert step.total == pytest.approx(step.computed, rel=1e-9, abs=1e-12)
    assert explain(step)
    assert window_svg(step, images(of)[0]).startswith("<svg")


def sentence(of: Network, kind: str) -> None:
    row = next(row for row in of.plan().steps if row.kind == kind)
    assert does(row).endswith(".")
    assert next(told for told in layer_steps(of.plan()) if told["kind"] == kind)["output"]


def code(of: Network, kind: str) -> None:
    assert torch_code(of).model
    assert keras_code(of).model


def page(of: Network, kind: str) -> None:
    for language in ("en", "zh"):
        text = (WEB / f"i18n/{language}.ts").read_text("utf-8")
        for key in ("kind", "does", "about"):
            assert re.search(rf'"{key}\.{kind}": "\S', text), f"{key}.{kind} in {language}"


ROOMS: dict[str, Callable[[Network, str], None]] = {
    "PyTorch": engine("torch"),
    "Keras": engine("keras"),
    "Keras layout": layout,
    "window of a cell": cell,
    "sentence and server": sentence,
    "plain code": code,
    "page texts": page,
}


def test_there_is_a_network_for_every_kind() -> None:
    assert set(WRITTEN) == set(COMPUTED)
    for kind in COMPUTED:
        assert kind in {row.kind for row in network(kind).plan().steps}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("kind", COMPUTED)
def test_the_room_knows_the_kind(room: str, kind: str) -> None:
    ROOMS[room](network(kind), kind)


@pytest.mark.parametrize("kind", COMPUTED)
def test_onnx_gives_the_kind_back(kind: str, tmp_path: Path) -> None:
    onnx(network(kind), kind, tmp_path)
