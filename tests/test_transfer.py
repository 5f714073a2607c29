"""A model that goes round all forms comes back with every bit of its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convlens import transfer, zoo
from convlens.engines.torch_engine import TorchModel
from convlens.errors import InputError
from convlens.exporting.script import write_model
from convlens.network import Network
from convlens.runs import Run
from convlens.weights.keras_layout import to_keras

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("h5py")


def run_of(folder: Path, network: Network, seed: int = 4) -> Run:
    """A run with varied weights, brought in from a `.pt`."""
    folder.mkdir()
    torch.save(TorchModel(network, seed=seed).module.state_dict(), folder / "w.pt")
    (folder / "net.toml").write_text(network.to_toml())
    (folder / "classes.txt").write_text("\n".join("abcdefghij"))
    run, _ = transfer.import_model(
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
    names = [list(network.table().weight_shapes()) for network in networks]
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
    transfer.export(start.folder, out=tmp_path / "net.onnx")
    back, _ = transfer.import_model(tmp_path / "net.onnx", out=tmp_path / "back")
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
    middle, _ = transfer.import_model(tmp_path / "net.keras", out=tmp_path / "middle")
    same(start, middle)
    transfer.export(middle.folder, out=tmp_path / "net.onnx")
    back, _ = transfer.import_model(tmp_path / "net.onnx", out=tmp_path / "back")
    same(start, back)


@pytest.mark.parametrize("name", ["tutorial-torch", "bottleneck-resnet"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow on NumPy 2
def test_a_keras_file_of_ours_comes_back_with_every_bit(name: str, tmp_path: Path) -> None:
    pytest.importorskip("keras")
    start = run_of(tmp_path / "start", zoo.load(name))
    transfer.export(start.folder, to="keras", out=tmp_path / "net.keras")
    back, imported = transfer.import_model(tmp_path / "net.keras", out=tmp_path / "back")
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
    transfer.export(start.folder, to="keras", out=tmp_path / "net.keras")
    back, _ = transfer.import_model(tmp_path / "net.keras", out=tmp_path / "back")
    same(start, back)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow on NumPy 2
def test_a_layer_that_keras_has_not_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    conv = {"conv": 4, "kernel": 3, "stride": 2, "dilation": 2, "padding": 1}
    head = [{"flatten": True}, {"linear": 10}]
    network = Network(input=(1, 11, 11), rounding="floor", layers=[conv, *head])
    start = run_of(tmp_path / "start", network)
    with pytest.raises(InputError, match="no layer that computes conv1"):
        transfer.export(start.folder, to="keras", out=tmp_path / "net.keras")
    assert not list(tmp_path.glob("*.keras"))
