"""Predictions, activations, windows and attributions over real HTTP, against the engines."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convlens
from convlens import data
from convlens.api.opening import open_subject
from convlens.evaluation import softmax
from convlens.inside.attribution import attribute
from convlens.inside.explain import explain
from convlens.inside.look import Classifier
from convlens.inside.windows import window
from serving import SAFETENSORS, Server, as_form, as_tensor, read_tensors

PREDICT = "/v1/models/first:predict"


@pytest.fixture(scope="module")
def subject(served_runs: Path) -> Classifier:
    return open_subject(served_runs / "first")


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return data.load("digits-5k").test.images[:40]


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def expected(subject: Classifier, images: np.ndarray) -> np.ndarray:
    return softmax(subject.model.logits(subject.preprocessing.normalise(images)))


def probabilities(reply: list[dict]) -> np.ndarray:
    """The first class's probability of each answer."""
    return np.array([row["probability"] for row in reply])


def test_the_three_forms_of_an_image_get_the_engines_answer(
    server: Server, subject: Classifier, digits: np.ndarray
) -> None:
    images = digits[:5]
    wanted = expected(subject, images)
    form, kind = as_form(*[("image", f"{n}.png", png(i[0])) for n, i in enumerate(images)])
    replies = [
        server.post(PREDICT, {"images": images.tolist()}),
        server.post(PREDICT, {"images": images[:, 0].tolist()}),
        server.ask("POST", PREDICT, as_tensor(images), {"Content-Type": SAFETENSORS}),
        server.ask("POST", PREDICT, form, {"Content-Type": kind}),
    ]
    for reply in replies:
        assert reply.status == 200, reply.body
        found = reply.json()["predictions"]
        assert [row["class"] for row in found] == [str(k) for k in wanted.argmax(1)]
        np.testing.assert_allclose(probabilities(found), wanted.max(1), atol=1e-5)
        assert all(len(row["top"]) == 5 and row["top"][0]["class"] == row["class"] for row in found)


def test_a_file_of_another_size_is_prepared_as_the_command_line_prepares_it(
    server: Server, served_runs: Path, digits: np.ndarray, tmp_path: Path
) -> None:
    large = 255 - np.kron(digits[3, 0], np.ones((6, 6), np.uint8))  # dark on paper
    (tmp_path / "large.png").write_bytes(png(large))
    (wanted,) = convlens.predict(served_runs / "first", tmp_path / "large.png")
    form, kind = as_form(("image", "large.png", png(large)))
    (found,) = server.ask("POST", PREDICT, form, {"Content-Type": kind}).json()["predictions"]
    assert found["class"] == wanted.label
    assert found["probability"] == pytest.approx(wanted.probability, abs=1e-5)
    assert found["notes"] == list(wanted.notes)
    # the same pixels as an array
    (found,) = server.post(PREDICT, {"images": [large.tolist()]}).json()["predictions"]
    assert found["probability"] == pytest.approx(wanted.probability, abs=1e-5)
    assert found["notes"] == list(wanted.notes)


def test_images_of_several_sizes_in_one_request(server: Server, digits: np.ndarray) -> None:
    mixed = [digits[0, 0].tolist(), np.kron(digits[1, 0], np.ones((2, 2), np.uint8)).tolist()]
    reply = server.post(PREDICT, {"images": mixed})
    assert reply.status == 200
    assert [bool(row["notes"]) for row in reply.json()["predictions"]] == [False, True]


def test_many_at_once_get_what_each_would_get_alone(
    server: Server, subject: Classifier, digits: np.ndarray
) -> None:
    wanted = expected(subject, digits)

    def ask(number: int) -> tuple[int, np.ndarray]:
        reply = server.post(PREDICT, {"images": [digits[number].tolist()]})
        assert reply.status == 200
        return number, probabilities(reply.json()["predictions"])

    with ThreadPoolExecutor(20) as pool:
        for number, found in pool.map(ask, range(len(digits))):
            np.testing.assert_allclose(found, wanted[number].max(), atol=1e-5)


def test_activations_are_the_engines_for_every_layer(
    server: Server, subject: Classifier, digits: np.ndarray
) -> None:
    form, kind = as_form(("image", "a.png", png(digits[0, 0])))
    headers = {"Content-Type": kind, "Accept": SAFETENSORS}
    reply = server.ask("POST", "/v1/models/first:activations", form, headers)
    assert reply.status == 200
    assert reply.headers["content-type"] == SAFETENSORS
    tensors, metadata = read_tensors(reply.body)
    assert json.loads(metadata["notes"]) == []
    version = server.get("/v1/models/first").json()["weights_version"]
    assert metadata["weights_version"] == version
    normalised = subject.preprocessing.normalise(digits[:1])
    np.testing.assert_array_equal(tensors["image"], digits[0])
    np.testing.assert_allclose(tensors["normalised"], normalised[0], atol=1e-6)
    wanted = subject.model.activations(normalised)
    assert {f"activation/{name}" for name in wanted} <= tensors.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(tensors[f"activation/{name}"], values[0], atol=1e-4)
    np.testing.assert_allclose(tensors["logits"], subject.model.logits(normalised)[0], atol=1e-4)
    np.testing.assert_allclose(tensors["probabilities"].sum(), 1, atol=1e-5)


def test_activations_as_json_are_of_the_layers_asked_for(
    server: Server, subject: Classifier, digits: np.ndarray
) -> None:
    path = "/v1/models/first:activations"
    told = server.post(path, {"image": digits[0].tolist(), "layers": ["relu2", "linear2"]}).json()
    assert list(told["activations"]) == ["relu2", "linear2"]
    version = server.get("/v1/models/first").json()["weights_version"]
    assert told["weights_version"] == version
    wanted = subject.model.activations(subject.preprocessing.normalise(digits[:1]), ["relu2"])
    np.testing.assert_allclose(told["activations"]["relu2"], wanted["relu2"][0], atol=1e-4)
    assert server.post(path, {"image": digits[0].tolist()}).json()["activations"] == {}
    wrong = server.post(path, {"image": digits[0].tolist(), "layers": ["relu9"]})
    assert wrong.status == 422
    assert 'did you mean "relu' in wrong.error["message"]


@pytest.mark.parametrize(
    ("layer", "cell"),
    [("conv2", [3, 4, 5]), ("max_pool1", [0, 2, 2]), ("linear2", [7]), ("softmax1", [1])],
)
def test_a_window_is_the_one_that_look_prints(
    server: Server, subject: Classifier, digits: np.ndarray, layer: str, cell: list[int]
) -> None:
    body = {"image": digits[5].tolist(), "layer": layer, "cell": cell}
    told = server.post("/v1/models/first:window", body).json()
    step = window(subject.model, subject.preprocessing.normalise(digits[5:6])[0], layer, cell)
    assert told["kind"] == step.kind
    assert told["total"] == pytest.approx(step.total, abs=1e-4)
    assert told["computed"] == pytest.approx(step.computed, abs=1e-4)
    head = explain(step).splitlines()[0]
    assert told["text"].splitlines()[0] == head
    if layer == "conv2":
        np.testing.assert_allclose(
            np.array(told["patch"]) * np.array(told["kernel"]), told["products"], atol=1e-9
        )
        assert np.sum(told["products"]) + told["bias"] == pytest.approx(told["total"])


def test_a_window_can_be_asked_for_with_a_file(server: Server, digits: np.ndarray) -> None:
    form, kind = as_form(
        ("image", "a.png", png(digits[0, 0])), ("layer", None, b"conv1"), ("cell", None, b"0,3,4")
    )
    reply = server.ask("POST", "/v1/models/first:window", form, {"Content-Type": kind})
    assert reply.json()["cell"] == [0, 3, 4]


@pytest.mark.parametrize("method", ["grad-cam", "occlusion", "saliency", "integrated-gradients"])
def test_an_attribution_is_the_librarys(
    server: Server, subject: Classifier, digits: np.ndarray, method: str
) -> None:
    body = {"image": digits[2].tolist(), "method": method, "class": "3"}
    told = server.post("/v1/models/first:attribution", body).json()
    normalised = subject.preprocessing.normalise(digits[2:3])[0]
    wanted = attribute(subject.model, normalised, method, target=3)  # type: ignore[arg-type]
    assert (told["class"], told["class_number"]) == ("3", 3)
    np.testing.assert_allclose(told["map"], wanted.map, atol=1e-4)


def test_an_attribution_names_the_classes_there_are(server: Server, digits: np.ndarray) -> None:
    body = {"image": digits[2].tolist(), "method": "occlusion", "class": 12}
    reply = server.post("/v1/models/first:attribution", body)
    assert reply.status == 422
    assert "0 to 9" in reply.error["expected"]
