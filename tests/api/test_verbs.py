"""The public verbs take a run, images and data in every form, in one order; decision 0022."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convlens
from convlens import Network, Run
from convlens.foundation.errors import ConvlensError, DataError, InputError
from trained import digits

NETWORK = Network(
    name="tiny",
    input=(1, 28, 28),
    classes=10,
    layers=[
        {"conv": 4, "kernel": 5, "stride": 3, "padding": 2},
        {"relu": True},
        {"flatten": True},
        {"linear": 10},
    ],
    rounding="floor",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verbs")
    convlens.train(NETWORK, epochs=1, runs=folder / "runs", name="tiny", device="cpu", seed=0)
    Image.fromarray(digits().test.images[0, 0]).save(folder / "digit.png")
    return folder


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(place)
    return convlens.open_run("last")


@pytest.mark.parametrize("form", [lambda run: run, lambda run: "last", lambda run: "tiny"])
def test_every_verb_takes_an_open_run_last_and_a_name(run: Run, form: Callable[..., Any]) -> None:
    who = form(run)
    assert convlens.open_run(who).folder.samefile(run.folder)
    assert convlens.evaluate(who).accuracy == run.status["test_accuracy"]
    (said,) = convlens.predict(who, "digit.png")
    assert convlens.look(who, "digit.png", methods=[]).top(1)[0][0] == said.label
    assert convlens.top_images(who, maps=[0], maximise=False).subject.name == "tiny"
    checks = convlens.check_attributions(who, images=2, seeds=1, methods=["saliency"])
    assert checks.subject.name == "tiny"
    exported = convlens.export(who, "torch-code", out="tiny.py", overwrite=True)
    assert [file.name for file in exported.files] == ["tiny.py"]
    assert convlens.resume(who).name == "tiny"  # it is complete


def test_an_image_gives_the_same_answer_in_every_form(run: Run) -> None:
    pixels = digits().test.images[0, 0]
    forms: list[Any] = [
        *("digit.png", Path("digit.png"), Path("digit.png").read_bytes()),
        *(Image.open("digit.png"), Image.fromarray(pixels).convert("RGB")),
        *(pixels, pixels[..., None], pixels[None], np.stack([pixels] * 3, 2)),
    ]
    answers = [convlens.predict(run, form) for form in forms]
    assert {len(answer) for answer in answers} == {1}
    assert {answer[0].top for answer in answers} == {answers[0][0].top}
    several = convlens.predict(run, forms)
    assert {answer.top for answer in several} == {several[0].top}
    assert several[0].probability == pytest.approx(answers[0][0].probability, abs=1e-6)
    assert [several[i].image for i in (0, 2, 5)] == ["digit.png", "image 2", "image 5"]


def test_arrays_of_several_images_give_one_answer_each(run: Run) -> None:
    images = digits().test.images[:5]
    forms = [images, images[:, 0], images.transpose(0, 2, 3, 1), list(images[:, 0])]
    answers = [[said.label for said in convlens.predict(run, form)] for form in forms]
    assert answers == [answers[0]] * 4
    assert len(answers[0]) == 5
    looks = convlens.look(run, images, methods=[])
    assert [look.top(1)[0][0] for look in looks] == answers[0]


@pytest.mark.parametrize(
    ("images", "wrong"),
    [
        (np.zeros((28, 28)), "array of float64"),
        (np.zeros((3, 28, 28), np.uint8), "3 grey images, or one image"),
        (np.zeros((2, 2, 2, 28, 28), np.uint8), r"shape \(2, 2, 2, 28, 28\)"),
        (np.zeros((0, 28, 28), np.uint8), "there is no image"),
        ([], "there is no image"),
        (7, "7 is no image"),
        ([None], "None is no image"),
        (None, "came without an image"),
    ],
)
def test_what_is_no_image_is_told_with_what_would_be_one(run: Run, images: Any, wrong: str) -> None:
    for verb in (convlens.predict, convlens.look):
        with pytest.raises(InputError, match=wrong) as raised:
            verb(run, images)
        assert raised.value.expected


def test_the_old_order_of_arguments_works_with_a_word(run: Run) -> None:
    calls: list[Any] = [("digit.png", run), (["digit.png"], "tiny"), ("digit.png", "last")]
    with pytest.warns(DeprecationWarning, match="the run comes first") as said:
        old = [convlens.predict(*call) for call in calls]
    assert len(said) == 3
    assert {warning.filename for warning in said} == {__file__}
    assert old == [convlens.predict(run, "digit.png")] * 3
    assert convlens.predict(["digit.png"]) == old[0]  # images alone: the last run
    with pytest.warns(DeprecationWarning, match="the run comes first"):
        look = convlens.look("digit.png", run, methods=[])
    assert look.image == "digit.png"


def test_old_names_of_keywords_work_with_a_word(place: Path, run: Run) -> None:
    root = place / "runs"
    with pytest.warns(DeprecationWarning, match="root is now called runs"):
        assert convlens.open_run("tiny", root=root).name == "tiny"  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="source is now called run"):
        convlens.look(image="digit.png", source=run, methods=[])
    with pytest.warns(DeprecationWarning, match="reference is now called run"):
        convlens.export(reference=run, to="torch-code", out=place / "old.py")  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="weights_file is now called weights"):
        convlens.evaluate(run, weights_file=run.folder / "weights.safetensors")  # type: ignore[call-arg]
    with (
        pytest.warns(DeprecationWarning, match="lr is now called learning_rate"),
        pytest.raises(InputError, match="learning_rate is -1"),
    ):
        convlens.train(NETWORK, lr=-1.0)
    with pytest.raises(InputError, match="root and runs, which are the same"):
        convlens.open_run("tiny", root=root, runs=root)  # type: ignore[call-arg]


def test_every_verb_calls_the_folder_of_runs_alike_and_can_be_silent() -> None:
    verbs = (
        "train",
        "resume",
        "evaluate",
        "predict",
        "look",
        "top_images",
        "check_attributions",
        "export",
    )
    for name in verbs:
        settings = inspect.signature(getattr(convlens, name)).parameters
        assert "runs" in settings, name
        assert "progress" in settings, name
        assert "root" not in settings, name
    for name in ("open_run", "import_model"):
        assert "runs" in inspect.signature(getattr(convlens, name)).parameters


@pytest.mark.parametrize("names", [False, True])
def test_arrays_and_a_dataset_are_data(tmp_path: Path, names: bool) -> None:
    whole = digits()
    x, y = whole.train.images[::9], whole.train.labels[::9]
    labels: Any = np.array([f"digit {n}" for n in y]) if names else y
    settings: dict[str, Any] = {"epochs": 1, "batch_size": 40, "device": "cpu", "runs": tmp_path}
    run = convlens.train(NETWORK, (x[:, 0], labels), **settings)
    assert run.data["split"]["test"] + run.data["split"]["train"] < len(x)
    assert run.data["classes"][3] == ("digit 3" if names else "3")
    measured = convlens.evaluate(run, (x[:30], labels[:30]))
    assert measured.images == 30
    with pytest.raises(DataError, match="trained on arrays"):
        convlens.evaluate(run)
    checks = convlens.check_attributions(run, (x[:30], labels[:30]), images=2, seeds=1)
    assert checks.available == 30
    again = convlens.evaluate(run, convlens.load_data((x, labels)))
    assert again.accuracy == run.status["test_accuracy"]


def test_a_training_and_a_test_part_of_arrays_stay_apart(tmp_path: Path) -> None:
    whole = digits()
    train = whole.train.images[::12].transpose(0, 2, 3, 1), whole.train.labels[::12]
    test = whole.test.images[:50].transpose(0, 2, 3, 1), whole.test.labels[:50][:, None]
    run = convlens.train(NETWORK, (train, test), epochs=1, batch_size=30, runs=tmp_path)
    assert run.data["split"]["test"] == 50
    same = convlens.load_data("digits-5k")
    trained = convlens.train(NETWORK, same, epochs=1, runs=tmp_path, name="of-a-dataset")
    assert convlens.evaluate(trained).accuracy == trained.status["test_accuracy"]


def test_pictures_of_pil_are_data(tmp_path: Path) -> None:
    whole = digits()
    pictures = [Image.fromarray(image[0]) for image in whole.train.images[::18]]
    data = convlens.load_data((pictures, whole.train.labels[::18]))
    assert data.preprocessing.input == (1, 28, 28)
    odd = [*pictures[:-1], pictures[-1].resize((30, 30))]
    with pytest.raises(DataError, match="2 different sizes"):
        convlens.load_data((odd, whole.train.labels[::18]))
    brought = convlens.load_data((odd, whole.train.labels[::18]), input_shape=(1, 14, 14))
    assert brought.train.images.shape[1:] == (1, 14, 14)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ((np.zeros((9, 8, 8), np.uint8), np.zeros(8, int)), "9 images and 8 labels"),
        ((np.zeros((9, 8, 8), np.float32), np.zeros(9, int)), "float32"),
        ((np.zeros((9, 8, 8), np.uint8), np.eye(9)), "one whole number per image"),
        ((np.zeros((9, 8, 8), np.uint8),), "the data is a tuple"),
        ({"x": 1}, "the data is a dict"),
    ],
)
def test_what_is_no_data_is_told(data: Any, wrong: str) -> None:
    with pytest.raises(DataError) as raised:
        convlens.load_data(data)
    assert wrong in str(raised.value)
    assert raised.value.expected


def test_a_run_of_arrays_is_resumed_with_the_same_arrays_only(tmp_path: Path) -> None:
    whole = digits()
    x, y = whole.train.images[::9], whole.train.labels[::9]

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "epoch" and event["epoch"] == 1:
            signal.raise_signal(signal.SIGINT)

    settings: dict[str, Any] = {"epochs": 3, "batch_size": 40, "device": "cpu", "runs": tmp_path}
    with pytest.raises(ConvlensError, match="everything is saved"):
        convlens.train(NETWORK, (x, y), name="stopped", on_event=stop, **settings)
    with pytest.raises(DataError, match="has changed"):
        convlens.resume("stopped", data=(x[::-1], y[::-1]), runs=tmp_path)
    with pytest.raises(DataError, match="trained on arrays"):
        convlens.resume("stopped", runs=tmp_path)
    assert convlens.resume("stopped", data=(x, y), runs=tmp_path).status["state"] == "finished"
