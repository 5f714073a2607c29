"""Every kind of layer in every room that must know it: what is missing is named by both."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from convlens.data import Preprocessing
from convlens.engines import build
from convlens.figures.windows import window_svg
from convlens.foundation.errors import InputError
from convlens.inside.explain import explain
from convlens.inside.look import Classifier
from convlens.inside.windows import window
from convlens.interchange.code.keras_code import keras_code
from convlens.interchange.code.torch_code import torch_code
from convlens.interchange.imported import Imported
from convlens.interchange.onnx.reading import read_onnx
from convlens.interchange.onnx.writing import compare, onnx_bytes
from convlens.network import Network
from convlens.network.layers import ACTIVATIONS, COMPUTED, JOINS, KINDS, POINTWISE
from convlens.network.vocabulary import vocabulary
from convlens.report.sentences import does
from convlens.serve.models.describe import layer_steps
from convlens.serve.workbench.kinds import written_kinds
from convlens.weights.keras_layout import from_keras, to_keras

WEB = Path(__file__).parents[2] / "web/src"
HEAD = [{"flatten": True}, {"linear": 3}]
WRITTEN: dict[str, list[dict[str, Any]]] = {
    "conv": [{"conv": 4, "kernel": 3}],
    "depthwise": [{"depthwise": 2, "kernel": 3}],
    "batch_norm": [{"batch_norm": True}],
    "layer_norm": [{"layer_norm": True, "epsilon": 1e-6}],
    "group_norm": [{"conv": 4, "kernel": 3}, {"group_norm": 2}],
    "local_response_norm": [{"local_response_norm": 3, "alpha": 0.1}],
    "scale": [{"scale": True, "initial": 0.5}],
    **{kind.kind: [{kind.kind: True}] for kind in ACTIVATIONS},
    "leaky_relu": [{"leaky_relu": 0.2}],
    "elu": [{"elu": 0.5}],
    "max_pool": [{"max_pool": 2}],
    "avg_pool": [{"avg_pool": 2}],
    "global_max_pool": [{"global_max_pool": True}],
    "global_avg_pool": [{"global_avg_pool": True}],
    "adaptive_avg_pool": [{"adaptive_avg_pool": [4, 7]}],
    "pad": [{"pad": [1, 0, 2, 1]}],
    "channels": [{"channels": 2, "start": 1}],
    "channel_shuffle": [{"conv": 4, "kernel": 3}, {"channel_shuffle": 2}],
    "dropout": [{"dropout": 0.3}],
    "drop_path": [{"drop_path": 0.3}],
    "flatten": [],
    "linear": [],
    "softmax": [],
    "add": [{"residual": [{"conv": 3, "kernel": 3, "padding": 1}]}],
    "concat": [{"branches": [[], [{"conv": 3, "kernel": 3, "padding": 1}]], "join": "concat"}],
    "multiply": [
        {
            "branches": [[], [{"global_avg_pool": True}, {"conv": 3, "kernel": 1}]],
            "join": "multiply",
        }
    ],
}
"""A network in which the kind stands, without its head."""


NOT_IN_KERAS_FILES = ("channels", "channel_shuffle", "local_response_norm")
"""Keras computes them in layers that only convlens could load again: its files are refused."""


def network(kind: str) -> Network:
    tail = [{"softmax": True}] if kind == "softmax" else []
    return Network(input=(3, 6, 6), layers=[*WRITTEN[kind], *HEAD, *tail])


def subject(of: Network) -> Classifier:
    shape, zeros, ones = (3, 6, 6), (0.0,) * 3, (1.0,) * 3
    return Classifier(
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


def onnx(of: Network, kind: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(onnx_bytes(subject(of)))
        assert compare(path.read_bytes(), subject(of)).difference < 1e-4
        read = read_onnx(path)
    same_kinds_and_weights(read, of)


def keras_file(of: Network, kind: str) -> None:
    pytest.importorskip("keras")
    from convlens.interchange.keras.reading import read_keras
    from convlens.interchange.keras.writing import write_keras

    if kind in NOT_IN_KERAS_FILES:
        with TemporaryDirectory() as folder, pytest.raises(InputError, match="Keras has no layer"):
            write_keras(Path(folder) / "model.keras", subject(of))
        return
    with TemporaryDirectory() as folder:
        read = read_keras(write_keras(Path(folder) / "model.keras", subject(of)))
    same_kinds_and_weights(read, of)


def same_kinds_and_weights(read: Imported, of: Network) -> None:
    assert [step.kind for step in read.network.plan().steps] == [s.kind for s in of.plan().steps]
    weights = build(of).weights()
    assert read.weights.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(read.weights[name], array)


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


def in_torch_code(of: Network, kind: str) -> None:
    torch = pytest.importorskip("torch")
    code, model = torch_code(of), build(of)
    names: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    exec(f"{code.classes}model = nn.Sequential(\n{code.model}\n)", names)
    arrays = code.state_dict(model.weights())
    names["model"].load_state_dict(
        {n: torch.from_numpy(a) for n, a in arrays.items()}, strict=False
    )
    with torch.inference_mode():
        theirs = names["model"].eval()(torch.from_numpy(images(of))).numpy()
    np.testing.assert_allclose(theirs, model.logits(images(of)), rtol=1e-5, atol=1e-6)


def in_keras_code(of: Network, kind: str) -> None:
    keras = pytest.importorskip("keras")
    code, model = keras_code(of), build(of)
    names: dict[str, Any] = {"keras": keras, "layers": keras.layers, "ops": keras.ops}
    exec(f"{code.classes}def made():\n{code.model}", names)
    made = names["made"]()
    held = iter(to_keras(of, model.weights()).values())
    for layer in made.layers:
        if layer.weights:
            layer.set_weights(next(held))
    theirs = made(images(of).transpose(0, 2, 3, 1), training=False)
    theirs = keras.ops.convert_to_numpy(theirs)
    np.testing.assert_allclose(theirs, model.logits(images(of)), rtol=1e-4, atol=1e-5)


def workbench(of: Network, kind: str) -> None:
    if kind not in {one.kind for one in JOINS}:
        assert kind in {one["kind"] for one in written_kinds()}
        assert kind in vocabulary().kinds.values() or kind in KINDS


def page(of: Network, kind: str) -> None:
    for language in ("en", "zh"):
        text = (WEB / f"i18n/{language}.ts").read_text("utf-8")
        for key in ("kind", "does", "about"):
            assert re.search(rf'"{key}\.{kind}": "\S', text), f"{key}.{kind} in {language}"
    records = (WEB / "kinds/pointwise.ts").read_text("utf-8")
    written = re.findall(r"^  (\w+): (?:layer\(\{|withinImage\()", records, re.MULTILINE)
    assert (kind in written) == (kind in {one.kind for one in POINTWISE})


ROOMS: dict[str, Callable[[Network, str], None]] = {
    "PyTorch": engine("torch"),
    "Keras": engine("keras"),
    "Keras layout": layout,
    "ONNX out and in": onnx,
    "Keras file out and in": keras_file,
    "PyTorch code": in_torch_code,
    "Keras code": in_keras_code,
    "window of a cell": cell,
    "sentence and server": sentence,
    "workbench and vocabulary": workbench,
    "page": page,
}


def test_there_is_a_network_for_every_kind() -> None:
    assert set(WRITTEN) == set(COMPUTED)
    for kind in COMPUTED:
        assert kind in {row.kind for row in network(kind).plan().steps}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("kind", COMPUTED)
def test_the_room_knows_the_kind(room: str, kind: str) -> None:
    try:
        ROOMS[room](network(kind), kind)
    except Exception as error:
        raise AssertionError(f'the room "{room}" and the kind "{kind}" miss each other') from error
