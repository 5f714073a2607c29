"""An ONNX file is kept only where it computes what the engine does, and says what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import ExportError
from convlens.inside.look import Classifier
from convlens.network import Network
from trained import digits, tutorial

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from convlens.interchange.onnx.writing import compare, onnx_bytes, session, write_onnx  # noqa: E402


def subject() -> Classifier:
    dataset = digits()
    return Classifier("a run", tutorial(), dataset.preprocessing, dataset.classes, trained=True)


def test_the_file_classifies_real_digits_as_the_engine_does(tmp_path: Path) -> None:
    net = subject()
    found = write_onnx(tmp_path / "net.onnx", net)
    assert found.difference <= 1e-4
    assert (found.images, found.disagreements) == (10, 0)
    images = net.preprocessing.normalise(digits().test.images[:50])
    logits = session((tmp_path / "net.onnx").read_bytes())(images)
    np.testing.assert_allclose(logits, net.model.logits(images), atol=1e-4)


def test_what_a_reader_must_know_stands_in_the_metadata() -> None:
    model = onnx.ModelProto.FromString(onnx_bytes(subject()))
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["classes"]) == list("0123456789")
    preprocessing = json.loads(told["preprocessing"])
    assert preprocessing["mean"] == list(digits().preprocessing.mean)
    assert preprocessing["framing"] == "mnist"
    assert json.loads(told["layers"])["conv1"] == "conv1"


def test_all_layers_gives_each_layers_output_by_its_name() -> None:
    model = onnx.ModelProto.FromString(onnx_bytes(subject(), all_layers=True))
    names = [output.name for output in model.graph.output]
    assert names[:3] == ["conv1", "relu1", "max_pool1"]
    assert names[-2:] == ["logits", "probabilities"]


def test_fault_15_a_model_in_training_mode_is_exported_as_it_evaluates(tmp_path: Path) -> None:
    written = tutorial().network.to_dict()
    written["layers"].insert(-2, {"dropout": 0.5})
    network = Network.read(written)
    model = TorchModel(network, seed=1)
    model.module.train()
    net = replace(subject(), model=model)
    found = write_onnx(tmp_path / "net.onnx", net)
    assert found.difference <= 1e-4
    assert model.module.training


def test_fault_15_logits_that_differ_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no file was written") as refused:
        write_onnx(tmp_path / "net.onnx", subject(), tolerance=0.0)
    assert refused.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_another_models_file_is_told_apart_by_its_logits() -> None:
    net = subject()
    data = onnx_bytes(net)
    other = TorchModel(net.network, seed=9)
    with torch.no_grad():
        found = compare(data, replace(net, model=other))
    assert found.difference > 0.1
