"""Evaluation: hand-computed numbers, agreement with PyTorch and scikit-learn, safe reading."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional as F

from convlens.evaluation import Evaluation, calibration, evaluate_logits, softmax, top_k, wilson
from convlens.foundation.errors import InputError, RunError, TrainingError

CLASSES = ["cat", "dog", "owl"]
LOGITS = np.array([[3, 0, 0], [0, 2, 0], [0, 4, 0], [0, 1, 0], [2, 0, 0]], dtype=np.float32)
LABELS = np.array([0, 1, 0, 0, 1])
"""Predicted 0 1 1 1 0: two right; two cats taken for dogs, one dog for a cat, no owl at all."""


def small(**changes: Any) -> Evaluation:
    images = np.zeros((5, 1, 100, 50), dtype=np.uint8)
    return evaluate_logits(LOGITS, LABELS, CLASSES, images, **changes)


def test_the_confusion_matrix_has_true_classes_in_rows() -> None:
    assert small().confusion == ((1, 2, 0), (1, 1, 0), (0, 0, 0))


def test_accuracy_is_the_share_of_right_answers() -> None:
    found = small()
    assert (found.accuracy, found.images, found.split) == (0.4, 5, "test")


def test_precision_recall_and_f1_match_hand_computed_values() -> None:
    cat, dog, _ = small().per_class
    assert (cat.name, cat.images, cat.precision, cat.recall) == ("cat", 3, 0.5, 1 / 3)
    assert cat.f1 == pytest.approx(0.4)
    assert (dog.images, dog.precision, dog.recall) == (2, 1 / 3, 0.5)


def test_a_share_of_nothing_is_none_and_not_zero() -> None:
    owl = small().per_class[2]
    assert (owl.images, owl.precision, owl.recall, owl.f1) == (0, None, None, None)


def test_the_loss_agrees_with_pytorch() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(257, 10)) * 5, rng.integers(0, 10, 257)
    found = evaluate_logits(logits, labels, [str(i) for i in range(10)])
    expected = F.cross_entropy(torch.tensor(logits), torch.tensor(labels)).item()
    assert found.loss == pytest.approx(expected, rel=1e-12)


def test_the_loss_stays_finite_where_softmax_rounds_to_zero() -> None:
    found = evaluate_logits([[0.0, 5000.0]], [0], ["a", "b"])
    assert found.loss == 5000.0
    assert found.mistakes[0].true_probability == 0.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8))
def test_softmax_gives_probabilities_that_add_up_to_one(scores: list[float]) -> None:
    probabilities = softmax(scores)
    assert probabilities.sum() == pytest.approx(1)
    assert (probabilities >= 0).all()


def test_the_calibration_error_weights_each_bin_by_its_images() -> None:
    # bin (0.6, 0.667]: 2 images, sure 0.65, right 1.0; bin (0.933, 1]: 2 images, 0.95, right 0.5
    confidence = np.array([0.64, 0.66, 0.94, 0.96])
    found = calibration(confidence, np.array([True, True, True, False]))
    assert found.error == pytest.approx(0.5 * 0.35 + 0.5 * 0.45)
    filled = {place: b for place, b in enumerate(found.bins) if b.images}
    assert sorted(filled) == [9, 14]
    assert (filled[9].images, filled[9].accuracy) == (2, 1.0)
    assert filled[14].confidence == pytest.approx(0.95)


def test_every_image_is_in_one_of_fifteen_bins() -> None:
    found = calibration(np.linspace(1e-9, 1, 1000), np.ones(1000, dtype=bool))
    assert len(found.bins) == 15
    assert sum(b.images for b in found.bins) == 1000


@given(st.integers(1, 100_000), st.floats(0, 1))
def test_the_interval_holds_the_accuracy_and_stays_between_zero_and_one(n: int, p: float) -> None:
    right = round(p * n)
    low, high = wilson(right, n)
    assert 0 <= low <= right / n + 1e-12
    assert right / n - 1e-12 <= high <= 1


def test_mistakes_come_worst_first_and_no_more_than_asked() -> None:
    assert [m.index for m in small().mistakes] == [2, 4, 3]
    assert [m.index for m in small(worst=1).mistakes] == [2]
    assert small(worst=0).mistakes == ()
    worst = small().mistakes[0]
    assert (worst.label, worst.predicted) == (0, 1)
    assert worst.probability == pytest.approx(math.exp(4) / (math.exp(4) + 2))
    assert worst.true_probability == pytest.approx(1 / (math.exp(4) + 2))


def test_pictures_are_pngs_of_at_most_64_pixels() -> None:
    picture = small().mistakes[0].picture
    assert picture is not None
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (32, 64), "L")


def test_a_colour_picture_keeps_its_pixels_and_is_not_enlarged() -> None:
    image = np.zeros((1, 3, 2, 2), dtype=np.uint8)
    image[0, :, 0, 1] = (10, 20, 30)
    found = evaluate_logits([[0.0, 1.0]], [0], ["a", "b"], image).mistakes[0]
    with Image.open(io.BytesIO(base64.b64decode(found.picture or ""))) as picture:
        assert picture.size == (2, 2)
        assert picture.getpixel((1, 0)) == (10, 20, 30)


def test_top_k_gives_all_classes_where_k_is_larger() -> None:
    assert [name for name, _ in top_k([0.1, 0.6, 0.3], CLASSES, 9)] == ["dog", "owl", "cat"]


@pytest.mark.parametrize(("probabilities", "k"), [([0.5, 0.5], 1), ([0.1, 0.6, 0.3], 0)])
def test_top_k_refuses_what_makes_no_sense(probabilities: list[float], k: int) -> None:
    with pytest.raises(InputError):
        top_k(probabilities, CLASSES, k)


@pytest.mark.parametrize(
    ("logits", "labels", "classes", "says"),
    [
        (LOGITS[0], LABELS, CLASSES, "logits have shape"),
        (LOGITS[:0], LABELS[:0], CLASSES, "at least one image"),
        (LOGITS, LABELS, CLASSES[:2], "a score for each class"),
        (LOGITS, LABELS[:4], CLASSES, "one for each row"),
        (LOGITS, np.eye(3)[LABELS], CLASSES, "not one-hot"),
        (LOGITS, LABELS + 2, CLASSES, "labels run from 2 to 3"),
        (LOGITS, LABELS - 1, CLASSES, "labels run from -1"),
        (LOGITS[:, :1], LABELS * 0, CLASSES[:1], "at least 2"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    logits: Any, labels: Any, classes: list[str], says: str
) -> None:
    with pytest.raises(InputError) as error:
        evaluate_logits(logits, labels, classes)
    assert says in str(error.value)


def test_images_must_be_uint8_and_as_many_as_the_logits() -> None:
    for images in (
        np.zeros((5, 1, 4, 4)),
        np.zeros((4, 1, 4, 4), np.uint8),
        np.zeros((5, 2, 4, 4), np.uint8),
    ):
        with pytest.raises(InputError, match="the images are"):
            evaluate_logits(LOGITS, LABELS, CLASSES, images)  # type: ignore[arg-type]


def test_logits_that_are_not_finite_say_that_the_weights_diverged() -> None:
    logits = LOGITS.copy()
    logits[3, 1] = np.nan
    with pytest.raises(TrainingError, match="1 of 5 images are not finite, first at image 3"):
        evaluate_logits(logits, LABELS, CLASSES)


def test_an_evaluation_survives_json() -> None:
    found = small()
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    assert found.to_dict()["per_class"][0]["class"] == "cat"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("images", "many", "images"),
        ("images", 6, "do not add up"),
        ("accuracy", 0.9, "diagonal"),
        ("accuracy", math.nan, "diagonal"),
        ("interval", [0.1, math.nan], "between 0 and 1"),
        ("loss", math.inf, "finite number"),
        ("classes", ["cat"], "at least 2"),
        ("classes", ["cat", "owl", "dog"], "per_class"),
        ("confusion", [[1, 2], [1, 1]], "classes by classes"),
        ("confusion", [[1, 2, 0], [1, 1, 0], [0, -1, 1]], "do not add up"),
        ("per_class", "none", "per_class"),
        ("per_class", [3], "per_class"),
        ("calibration", None, "calibration"),
    ],
)
def test_a_stored_evaluation_that_makes_no_sense_is_refused(
    key: str, value: object, says: str
) -> None:
    with pytest.raises(RunError) as error:
        Evaluation.from_dict({**small().to_dict(), key: value})
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("label", 3, "does not exist"),
        ("index", -1, "does not exist"),
        ("probability", 1.5, "between 0 and 1"),
        ("picture", '"><script>', "not a PNG"),
        ("picture", "bm90IGEgcG5n", "not a PNG"),
    ],
)
def test_a_stored_mistake_that_makes_no_sense_is_refused(
    key: str, value: object, says: str
) -> None:
    written = small().to_dict()
    written["mistakes"][0][key] = value
    with pytest.raises(RunError) as error:
        Evaluation.from_dict(written)
    assert says in str(error.value)


@pytest.mark.parametrize("written", [None, [], "text", {}, {"per_class": [[]]}])
def test_a_stored_evaluation_of_another_kind_is_refused(written: object) -> None:
    with pytest.raises(RunError):
        Evaluation.from_dict(written)
