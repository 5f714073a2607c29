"""A model that goes round all forms comes back with every bit of its weights."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import convlens
import recorded_runs
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.interchange.code.script import write_model
from convlens.network import Network, zoo
from convlens.runs import Run
from convlens.weights.keras_layout import to_keras
from pictures import digit_images

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("h5py")


def run_of(folder: Path, network: Network, seed: int = 4) -> Run:
    """A run with varied weights, brought in from a `.pt`."""
    folder.mkdir()
    torch.save(TorchModel(network, seed=seed).module.state_dict(), folder / "w.pt")
    (folder / "net.toml").write_text(network.to_toml())
    (folder / "classes.txt").write_text("\n".join("abcdefghij"))
    run, _ = convlens.import_model(
        folder / "w.pt",
        network=folder / "net.toml",
        out=folder / "run",
        classes=folder / "classes.txt",
        mean=(0.25,),
        std=(0.5,),
    )
    return run


def same(first: Run, second: Run) -> None:
    """The same arrays bit for bit, in the order of the layers, and the same logits."""
    arrays = first.weights(), second.weights()
    networks = [Network.from_toml(run.network_text) for run in (first, second)]
    names = [list(network.plan().weight_shapes()) for network in networks]
    for one, other in zip(*names, strict=True):
        np.testing.assert_array_equal(arrays[0][one], arrays[1][other])
    models = [TorchModel(network) for network in networks]
    for model, held in zip(models, arrays, strict=True):
        model.load_weights(held)
    images = np.random.default_rng(0).standard_normal((3, *networks[0].input), dtype=np.float32)
    np.testing.assert_allclose(models[0].logits(images), models[1].logits(images), atol=1e-5)


def same_facts(first: Run, second: Run) -> None:
    """The file held them beside the layers."""
    for fact in ("preprocessing", "classes"):
        assert first.data[fact] == second.data[fact]


@pytest.mark.parametrize("name", ["fast-batch-norm", "bottleneck-resnet"])
def test_torch_to_onnx_to_torch_changes_no_bit(name: str, tmp_path: Path) -> None:
    start = run_of(tmp_path / "start", zoo.load(name))
    convlens.export(start.folder, out=tmp_path / "net.onnx")
    back, _ = convlens.import_model(tmp_path / "net.onnx", out=tmp_path / "back")
    same(start, back)
    same_facts(start, back)


@pytest.mark.parametrize("name", ["fast-batch-norm", "tutorial-keras", "lenet-5"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow on NumPy 2
def test_torch_to_keras_to_onnx_to_torch_changes_no_bit(name: str, tmp_path: Path) -> None:
    pytest.importorskip("keras")
    start = run_of(tmp_path / "start", zoo.load(name))
    network = Network.from_toml(start.network_text)
    space: dict[str, Any] = {"__name__": "script"}
    exec(compile(write_model("keras", network, title=name), "script", "exec"), space)
    model = space["build_model"]()
    holders = [layer for layer in model.layers if layer.weights]
    variables = to_keras(network, start.weights())
    for layer, arrays in zip(holders, variables.values(), strict=True):
        layer.set_weights(arrays)
    model.save(tmp_path / "net.keras")
    middle, _ = convlens.import_model(tmp_path / "net.keras", out=tmp_path / "middle")
    same(start, middle)
    convlens.export(middle.folder, out=tmp_path / "net.onnx")
    back, _ = convlens.import_model(tmp_path / "net.onnx", out=tmp_path / "back")
    same(start, back)


@pytest.mark.parametrize("name", ["tutorial-torch", "bottleneck-resnet"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow on NumPy 2
def test_a_keras_file_of_ours_comes_back_with_every_bit(name: str, tmp_path: Path) -> None:
    pytest.importorskip("keras")
    start = run_of(tmp_path / "start", zoo.load(name))
    convlens.export(start.folder, to="keras", out=tmp_path / "net.keras")
    back, imported = convlens.import_model(tmp_path / "net.keras", out=tmp_path / "back")
    same(start, back)
    assert not imported.renamed()
    assert not imported.notes
    same_facts(start, back)
    keras: Any = pytest.importorskip("keras")
    assert keras.saving.load_model(tmp_path / "net.keras").count_params() > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow on NumPy 2
def test_padding_on_four_sides_is_plain_keras_and_comes_back(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    conv = {"conv": 4, "kernel": 3, "stride": 2, "padding": [1, 1, 1, 0]}
    depthwise = {"depthwise": 2, "kernel": 3, "padding": [0, 1, 2, 0]}
    head = [{"flatten": True}, {"linear": 10}]
    network = Network(input=(1, 11, 12), rounding="floor", layers=[conv, depthwise, *head])
    start = run_of(tmp_path / "start", network)
    convlens.export(start.folder, to="keras", out=tmp_path / "net.keras")
    back, _ = convlens.import_model(tmp_path / "net.keras", out=tmp_path / "back")
    same(start, back)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow on NumPy 2
def test_a_layer_that_keras_has_not_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    conv = {"conv": 4, "kernel": 3, "stride": 2, "dilation": 2, "padding": 1}
    head = [{"flatten": True}, {"linear": 10}]
    network = Network(input=(1, 11, 11), rounding="floor", layers=[conv, *head])
    start = run_of(tmp_path / "start", network)
    with pytest.raises(InputError, match="no layer that computes conv1"):
        convlens.export(start.folder, to="keras", out=tmp_path / "net.keras")
    assert not list(tmp_path.glob("*.keras"))


@pytest.mark.parametrize("to", ["onnx", "torch", "keras"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow on NumPy 2
def test_a_model_that_was_exported_and_imported_predicts_the_same(to: str, tmp_path: Path) -> None:
    if to == "keras":
        pytest.importorskip("keras")
    run = recorded_runs.train(tmp_path / "run", recorded_runs.RECIPE)
    network = tmp_path / "run" / "network.toml"
    written = convlens.export(tmp_path / "run", to, out=tmp_path / f"model.{to}").files[0]
    named = {"network": network} if to == "torch" else {}
    back, imported = convlens.import_model(written, out=tmp_path / "back", **named)
    assert not [note for note in imported.notes if "normalised" in note]
    same_facts(run, back)
    paper = Image.fromarray(255 - digit_images()[0][7]).resize((90, 70))  # dark on light
    paper.save(tmp_path / "photo.png")
    (first,), (second,) = (convlens.predict(each, [tmp_path / "photo.png"]) for each in (run, back))
    assert [name for name, _ in first.top] == [name for name, _ in second.top]
    np.testing.assert_allclose(
        [share for _, share in first.top], [share for _, share in second.top], atol=1e-5
    )
    assert first.notes == second.notes
    assert any("inverted" in note for note in second.notes)


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_code_of_a_model_carries_its_preprocessing(library: Any, tmp_path: Path) -> None:
    run = recorded_runs.train(tmp_path / "run", recorded_runs.RECIPE.changed({"epochs": 1}))
    (file,) = convlens.export(
        tmp_path / "run", f"{library}-code", out=tmp_path / "code.py", model_only=True
    ).files
    text = file.read_text()
    values = ast.literal_eval(text.partition("PREPROCESSING = ")[2].partition("\n}")[0] + "}")
    assert values == run.data["preprocessing"]


def test_a_model_that_says_nothing_of_its_images_says_so_at_every_prediction(
    tmp_path: Path,
) -> None:
    network = zoo.load("compact-batch-norm")
    torch.save(TorchModel(network).module.state_dict(), tmp_path / "w.pt")
    run, _ = convlens.import_model(tmp_path / "w.pt", network=network.name, out=tmp_path / "run")
    Image.fromarray(digit_images()[0][0]).save(tmp_path / "one.png")
    (prediction,) = convlens.predict(run, [tmp_path / "one.png"])
    assert any("it is not known how images were prepared" in note for note in prediction.notes)
    # and still after it went out and came in again
    convlens.export(tmp_path / "run", "onnx", out=tmp_path / "m.onnx")
    back, _ = convlens.import_model(tmp_path / "m.onnx", out=tmp_path / "back")
    assert back.data["preprocessing"]["known"] is False
    told, _ = convlens.import_model(
        tmp_path / "w.pt", network=network.name, out=tmp_path / "told", mean=(0.5,), std=(0.5,)
    )
    (prediction,) = convlens.predict(told, [tmp_path / "one.png"])
    assert not any("not known" in note for note in prediction.notes)
