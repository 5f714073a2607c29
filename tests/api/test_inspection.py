"""A look at one image: every layer is there, and the page says what was computed."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convlens
from convlens.api.look import find_dead
from convlens.api.opening import open_subject
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import DataError, InputError
from convlens.inside.look import Classifier, Look
from convlens.inside.reasons import METHODS
from convlens.network import Network, zoo
from convlens.report.look_page import Page, make_page
from trained import digits, tutorial


@pytest.fixture(scope="module")
def subject() -> Classifier:
    dataset = digits()
    return Classifier(
        "a run", tutorial(), dataset.preprocessing, tuple(dataset.classes), trained=True
    )


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    test = digits().test
    path = tmp_path_factory.mktemp("images") / "<b>seven & co.png"
    number = int(np.flatnonzero(test.labels == 7)[3])
    Image.fromarray(test.images[number, 0]).save(path)
    return path


@pytest.fixture(scope="module")
def look(subject: Classifier, seven: Path) -> Look:
    return convlens.look(subject, seven)


@pytest.fixture(scope="module")
def page(look: Look) -> Page:
    return make_page(look, "convlens look last seven.png")


def test_every_layer_of_the_table_is_there_in_its_order(look: Look) -> None:
    rows = look.plan.steps
    assert [layer.layer for layer in look.layers] == [row.name for row in rows]
    assert [layer.shape for layer in look.layers] == [row.output for row in rows]
    assert [found.method for found in look.attributions] == list(METHODS)


def test_the_answer_is_what_the_model_computes(look: Look, subject: Classifier) -> None:
    logits = subject.model.logits(look.normalised[None])[0]
    np.testing.assert_array_equal(look.logits, logits)
    assert look.probabilities.sum() == pytest.approx(1)
    assert look.top()[0][0] == look.subject.classes[int(logits.argmax())] == "7"
    assert look.target == 7


def test_a_step_of_each_kind_is_taken_apart_at_its_largest_value(look: Look) -> None:
    kinds = [step.kind for step in look.cells.values()]
    assert sorted(kinds) == ["conv", "linear", "max_pool", "relu", "softmax"]
    maps = look.layers[0].maps  # type: ignore[union-attr]
    assert look.cells["conv1"].total == pytest.approx(maps.max(), rel=1e-5)


def test_the_page_holds_every_layer_and_nothing_from_elsewhere(page: Page, look: Look) -> None:
    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.ids: list[str] = []
            self.links: list[str] = []
            self.tags: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.add(tag)
            self.ids += [value or "" for name, value in attrs if name == "id"]
            self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    reader = Reader()
    reader.feed(page.html)
    assert {row.name for row in look.plan.steps} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids)), "an id twice on one page"
    assert "script" not in reader.tags
    assert not [link for link in reader.links if re.match(r"(https?:)?//", link)]
    assert "<b>seven & co" not in page.html  # the file's name is text, not markup
    for svg in page.figures.values():
        assert svg.startswith("<svg")
        assert svg in page.html


def test_every_layer_but_flatten_has_a_figure(page: Page, look: Look) -> None:
    for number, row in enumerate(look.plan.steps, 1):
        names = [name for name in page.figures if name.startswith(f"{number:02d}-{row.name}")]
        assert bool(names) == (row.kind != "flatten"), row.name


def test_chosen_layers_methods_and_class_are_what_is_shown(
    subject: Classifier, seven: Path
) -> None:
    look = convlens.look(subject, seven, layers=["relu2"], methods=["saliency"], target="1")
    assert [layer.layer for layer in look.layers] == ["relu2"]
    assert [(found.method, found.target) for found in look.attributions] == [("saliency", 1)]
    assert "Why 1?" in make_page(look, "").html


def test_what_does_not_exist_names_the_nearest(subject: Classifier, seven: Path) -> None:
    with pytest.raises(InputError, match='did you mean "relu2"'):
        convlens.look(subject, seven, layers=["relu22"])
    with pytest.raises(InputError, match='no class "seven"'):
        convlens.look(subject, seven, target="seven")
    with pytest.raises(InputError, match='did you mean "grad-cam"'):
        convlens.look(subject, seven, methods=["gradcam"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="did you mean"):
        open_subject("tutorial-torhc")


def test_faults_19_and_20_an_unreadable_or_enormous_image_is_refused_from_its_header(
    subject: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("not an image")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "large.png")
    for name, reason in (("text.png", "not an image"), ("large.png", "too many pixels")):
        with pytest.raises(DataError, match=reason):
            convlens.look(subject, tmp_path / name)


@pytest.mark.parametrize(
    ("mode", "size"), [("RGB", (40, 30)), ("RGBA", (30, 30)), ("P", (9, 60)), ("I;16", (28, 28))]
)
def test_fault_19_any_mode_and_size_is_prepared_as_in_training(
    subject: Classifier, tmp_path: Path, mode: str, size: tuple[int, int]
) -> None:
    Image.new(mode, size).save(tmp_path / "image.png")
    look = convlens.look(subject, tmp_path / "image.png", methods=[])
    expected, _ = subject.preprocessing.prepare(tmp_path / "image.png")
    np.testing.assert_array_equal(look.pixels, expected)


def test_an_untrained_residual_network_of_the_zoo_is_looked_into(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    Image.fromarray(chance.integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / "noise.png")
    subject = open_subject("bottleneck-resnet")
    assert not subject.trained
    look = convlens.look(subject, tmp_path / "noise.png", methods=["saliency"])
    names = [row.name for row in zoo.load("bottleneck-resnet").plan().steps]
    assert [layer.layer for layer in look.layers] == names
    one = replace(look, layers=look.layers[-3:], cells={})
    assert "This network is not trained." in make_page(one, "").html


def test_a_network_of_two_channels_cannot_see_an_image(tmp_path: Path) -> None:
    network = Network(input=[2, 8, 8], layers=[{"flatten": True}, {"linear": 2}])
    path = tmp_path / "two.toml"
    path.write_text(network.to_toml())
    with pytest.raises(InputError, match="images of 2 channels"):
        open_subject(path)


def test_a_network_without_convolutions_is_looked_into_without_grad_cam(
    seven: Path,
) -> None:
    network = Network(input=[1, 28, 28], layers=[{"flatten": True}, {"linear": 10}])
    dataset = digits()
    subject = Classifier(
        "flat", TorchModel(network), dataset.preprocessing, tuple(dataset.classes), trained=False
    )
    look = convlens.look(subject, seven)
    assert "grad-cam" not in [found.method for found in look.attributions]
    assert "Why" in make_page(look, "").html


def test_dead_maps_are_silent_on_every_validation_image(subject: Classifier, seven: Path) -> None:
    dead = find_dead(subject, digits())
    assert dead.images == len(digits().validation)
    look = convlens.look(subject, seven, layers=["relu2"], methods=[], dead=dead)
    found = look.layers[0]
    assert found.dead is not None
    np.testing.assert_array_equal(found.dead, dead.dead["relu2"])
    assert not (found.dead & ~found.silent).any()
    # by hand: the maps' largest values over all validation images
    images = subject.preprocessing.normalise(digits().validation.images)
    maps = subject.model.activations(images, ["relu2"])["relu2"]
    np.testing.assert_array_equal(found.dead, maps.max(axis=(0, 2, 3)) == 0)
