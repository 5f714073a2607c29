"""How good is a classifier: accuracy, loss, confusion, calibration and the worst mistakes.

Everything is computed from logits, the scores before softmax. Softmax turns them into
probabilities *for output only*; the loss is the log-softmax of the logits, which stays
finite where the logarithm of a rounded softmax would not.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from convlens.foundation.errors import InputError, RunError, TrainingError
from convlens.foundation.notebook import ShownInNotebooks

BINS = 15
"""Confidence bins of the calibration error, as in Guo et al. 2017."""
THUMBNAIL = 64
"""Longest side of a mistake's picture, pixels."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ClassScore:
    """One class: its name, its images, and how well it is found.

    None where a share is of nothing: no prediction (precision) or no image (recall).
    """

    name: str
    images: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Bin:
    """The images whose highest probability lies in (low, high]; None where there are none."""

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """Whether an answer given with 80% is right in 80% of cases."""

    error: float
    """Expected calibration error: the mean of |accuracy - confidence|, weighted by images."""
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class MisclassifiedImage:
    """One misclassified image."""

    index: int
    """Place in the evaluated set, from 0."""
    label: int
    predicted: int
    probability: float
    """The probability of the predicted class."""
    true_probability: float
    """The probability of the true class."""
    picture: str | None = None
    """A small PNG in base64."""
    file: str | None = None
    """The image's file, relative to the set's folder; None where the set has no files."""

    def name(self, split: str) -> str:
        """Return what the image is called: its file, or "test image 17"."""
        return self.file or f"{split} image {self.index}"


@dataclass(frozen=True)
class Evaluation(ShownInNotebooks):
    """What a classifier did on a set of labelled images."""

    _notebook_view: ClassVar[str] = "evaluation"

    split: str
    images: int
    accuracy: float
    interval: tuple[float, float]
    """95% Wilson interval of the accuracy; it knows the size of the set, not the seed."""
    loss: float
    """Mean cross-entropy, natural logarithm: summed over the set, divided by its size."""
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """(K, K) counts: rows are true classes, columns predicted ones."""
    per_class: tuple[ClassScore, ...]
    calibration: Calibration
    mistakes: tuple[MisclassifiedImage, ...]
    """The misclassified images with the highest loss, worst first."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and text, ready for JSON."""
        written = asdict(self)
        # "class" is what a reader of the JSON looks for, and no name for a Python field
        written["per_class"] = [
            {"class": score.pop("name"), **score} for score in written["per_class"]
        ]
        return written

    @classmethod
    def from_dict(cls, written: object) -> Evaluation:
        """Read back what `to_dict` wrote, trusting nothing.

        Raises
        ------
        RunError
            Where a value is missing, of the wrong type, or contradicts another.
        """
        # the data classes stay plain; pydantic is only needed to read
        from pydantic import TypeAdapter, ValidationError

        try:
            evaluation = TypeAdapter(cls).validate_python(_renamed(written))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the document"
            raise _unusable(f"{where}: {first['msg']}") from None
        problem = _contradiction(evaluation)
        if problem:
            raise _unusable(problem)
        return evaluation


def evaluate_logits(
    logits: ArrayLike,
    labels: ArrayLike,
    classes: Sequence[str],
    images: NDArray[np.uint8] | None = None,
    *,
    split: str = "test",
    worst: int = 25,
    files: Sequence[str] | None = None,
) -> Evaluation:
    """Measure a classifier from its scores.

    Parameters
    ----------
    logits : array of float, shape (N, K)
        Scores before softmax, for N images and K classes.
    labels : array of int, shape (N,)
        True classes, 0 to K-1.
    classes : sequence of str, length K
        Their names.
    images : array of uint8, shape (N, C, H, W), optional
        The pictures (C is 1 or 3), kept small for the mistakes.
    split : str
        Which part of the data this is.
    worst : int
        How many mistakes to keep.
    files : sequence of str, length N, optional
        The images' files.

    Raises
    ------
    InputError
        Where shapes, types or labels do not fit together.
    TrainingError
        Where a logit is not finite: the weights have diverged.

    References
    ----------
    Guo et al. 2017, "On calibration of modern neural networks", arXiv:1706.04599.
    Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> evaluation = evaluate_logits([[2, 0], [0, 1], [3, 0]], [0, 1, 1], ["cat", "dog"])
    >>> round(evaluation.accuracy, 3), evaluation.confusion
    (0.667, ((1, 0), (1, 1)))
    """
    scores, truth = _checked(logits, labels, classes)
    _check_images(images, len(truth))
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    known = np.arange(len(classes))
    log_probabilities = _log_softmax(scores)
    losses = -log_probabilities[np.arange(len(truth)), truth]
    predicted = scores.argmax(axis=1)
    probabilities = np.exp(log_probabilities)
    right = predicted == truth
    columns = precision_recall_fscore_support(truth, predicted, labels=known, zero_division=np.nan)
    per_class = (
        ClassScore(name, int(count), _share(precision), _share(recall), _share(f1))
        for name, precision, recall, f1, count in zip(classes, *columns, strict=True)
    )
    wrong = np.flatnonzero(~right)
    worst_first = wrong[np.argsort(-losses[wrong], kind="stable")][: max(worst, 0)]
    mistakes = (
        MisclassifiedImage(
            index=int(i),
            label=int(truth[i]),
            predicted=int(predicted[i]),
            probability=float(probabilities[i, predicted[i]]),
            true_probability=float(probabilities[i, truth[i]]),
            picture=None if images is None else thumbnail(images[i]),
            file=None if files is None else files[int(i)],
        )
        for i in worst_first
    )
    return Evaluation(
        split=split,
        images=len(truth),
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), len(truth)),
        loss=float(losses.sum() / len(losses)),
        classes=tuple(classes),
        confusion=tuple(
            tuple(map(int, row)) for row in confusion_matrix(truth, predicted, labels=known)
        ),
        per_class=tuple(per_class),
        calibration=calibration(probabilities.max(axis=1), right),
        mistakes=tuple(mistakes),
    )


def _log_softmax(scores: Floats) -> Floats:
    # the largest score is subtracted first: exp of the rest cannot overflow
    shifted = scores - scores.max(axis=-1, keepdims=True)
    logs: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return logs


def softmax(logits: ArrayLike) -> Floats:
    """Turn logits (..., K) into probabilities (..., K), float64. For output only.

    A loss takes the logits themselves.

    >>> softmax([[0.0, 0.0], [1000.0, 0.0]]).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    return np.exp(_log_softmax(np.asarray(logits, dtype=np.float64)))


def top_k(probabilities: ArrayLike, classes: Sequence[str], k: int) -> list[tuple[str, float]]:
    """Return the k likeliest classes of one image, likeliest first (all, where K < k).

    Parameters
    ----------
    probabilities : array of float, shape (K,)
        One image's probabilities.
    classes : sequence of str, length K
        Their names.
    k : int
        How many, at least 1.

    Raises
    ------
    InputError
        Where k is below 1 or the lengths differ.

    Examples
    --------
    >>> top_k([0.2, 0.7, 0.1], ["cat", "dog", "owl"], 2)
    [('dog', 0.7), ('cat', 0.2)]
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.shape != (len(classes),):
        raise InputError(
            f"the probabilities have shape {values.shape}",
            f"one for each of the {len(classes)} classes",
            "pass one image's probabilities",
        )
    if k < 1:
        raise InputError(f"k is {k}", "a whole number of at least 1")
    order = np.argsort(-values, kind="stable")[:k]
    return [(classes[i], float(values[i])) for i in order]


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95% Wilson score interval of a share.

    Unlike the share plus or minus two standard errors it stays inside [0, 1] and keeps a
    width when every answer is right.

    >>> tuple(round(bound, 4) for bound in wilson(90, 100))
    (0.8256, 0.9448)
    >>> tuple(round(bound, 4) for bound in wilson(20, 20))
    (0.8389, 1.0)
    """
    from scipy.stats import binomtest  # takes a second to load; scikit-learn loads it as well

    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def calibration(confidence: Floats, right: NDArray[np.bool_]) -> Calibration:
    """Compare how sure the classifier is with how often it is right.

    Parameters
    ----------
    confidence : array of float64, shape (N,)
        The highest probability of each image.
    right : array of bool, shape (N,)
        Whether that class is the true one.

    Examples
    --------
    Sure at 0.9 and right in half of the cases: 0.4 off.

    >>> round(calibration(np.array([0.9, 0.9]), np.array([True, False])).error, 6)
    0.4
    """
    places = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins, error = [], 0.0
    for place in range(BINS):
        inside = places == place
        count = int(inside.sum())
        sure = float(confidence[inside].mean()) if count else None
        correct = float(right[inside].mean()) if count else None
        if sure is not None and correct is not None:
            error += count / len(places) * abs(correct - sure)
        bins.append(Bin(place / BINS, (place + 1) / BINS, count, sure, correct))
    return Calibration(error, tuple(bins))


def thumbnail(image: NDArray[np.uint8]) -> str:
    """Return a uint8 (C, H, W) image as a base64 PNG, longest side at most `THUMBNAIL`."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")


def _share(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _checked(logits: ArrayLike, labels: ArrayLike, classes: Sequence[str]) -> tuple[Floats, Ints]:
    scores = np.asarray(logits, dtype=np.float64)
    truth = np.asarray(labels)
    if scores.ndim != 2 or len(scores) == 0 or scores.shape[1] != len(classes):
        raise InputError(
            f"the logits have shape {scores.shape}",
            f"(N, {len(classes)}): at least one image, a score for each class",
            "pass the network's output for every image, and every class name",
        )
    if len(classes) < 2:
        raise InputError("there is one class", "at least 2")
    if truth.shape != (len(scores),) or not np.issubdtype(truth.dtype, np.integer):
        raise InputError(
            f"the labels are {truth.dtype} of shape {truth.shape}",
            f"whole numbers of shape ({len(scores)},), one for each row of logits",
            "pass class numbers, not one-hot rows",
        )
    if truth.min() < 0 or truth.max() >= len(classes):
        raise InputError(
            f"labels run from {truth.min()} to {truth.max()}",
            f"0 to {len(classes) - 1}",
            "check that the data and the network have the same classes",
        )
    finite = np.atleast_1d(np.isfinite(scores).all(axis=1))
    if not finite.all():
        raise TrainingError(
            f"the logits of {int((~finite).sum())} of {len(scores)} images are not finite, "
            f"first at image {int(finite.argmin())}",
            "finite scores",
            "the weights have diverged: train again with a lower learning rate",
        )
    return scores, truth.astype(np.int64)


def _check_images(images: NDArray[np.uint8] | None, count: int) -> None:
    if images is None:
        return
    if (
        images.ndim != 4
        or len(images) != count
        or images.shape[1] not in (1, 3)
        or images.dtype != np.uint8
    ):
        raise InputError(
            f"the images are {images.dtype} of shape {images.shape}",
            f"uint8 of shape ({count}, C, H, W) with C = 1 or 3",
            "pass the images as read, before normalisation",
        )


def _renamed(written: object) -> object:
    """Undo the one renaming of `to_dict`; anything unexpected is left for the validator."""
    if not isinstance(written, Mapping) or not isinstance(written.get("per_class"), list):
        return written
    scores = [
        {("name" if key == "class" else key): value for key, value in score.items()}
        if isinstance(score, Mapping)
        else score
        for score in written["per_class"]
    ]
    return {**written, "per_class": scores}


def _contradiction(evaluation: Evaluation) -> str:
    """Return what cannot be true in an evaluation, or an empty string."""
    count = len(evaluation.classes)
    cells = [cell for row in evaluation.confusion for cell in row]
    right = sum(row[i] for i, row in enumerate(evaluation.confusion) if i < len(row))
    bins = evaluation.calibration.bins
    shares = [evaluation.accuracy, *evaluation.interval, evaluation.calibration.error]
    shares += [
        s for c in evaluation.per_class for s in (c.precision, c.recall, c.f1) if s is not None
    ]
    shares += [s for b in bins for s in (b.low, b.high)]
    shares += [s for b in bins for s in (b.confidence, b.accuracy) if s is not None]
    shares += [s for m in evaluation.mistakes for s in (m.probability, m.true_probability)]
    checks = {
        "classes: at least 2 are needed": count >= 2,
        "images: at least 1 is needed": evaluation.images >= 1,
        "confusion: it is not classes by classes": len(evaluation.confusion) == count
        and all(len(row) == count for row in evaluation.confusion),
        "confusion: its counts do not add up to the images": min(cells, default=-1) >= 0
        and sum(cells) == evaluation.images,
        "accuracy: it is not the share of the diagonal of confusion": evaluation.images >= 1
        and math.isclose(evaluation.accuracy, right / evaluation.images, abs_tol=1e-9),
        "loss: it is not a finite number of at least 0": 0 <= evaluation.loss < math.inf,
        # written so that not-a-number fails as well
        "a share or probability is not between 0 and 1": all(
            -1e-9 <= s <= 1 + 1e-9 for s in shares
        ),
        "per_class: it does not name the classes in their order": evaluation.classes
        == tuple(score.name for score in evaluation.per_class),
        "mistakes: a class or image does not exist": all(
            0 <= m.label < count and 0 <= m.predicted < count and 0 <= m.index < evaluation.images
            for m in evaluation.mistakes
        ),
        "mistakes: a picture is not a PNG": all(
            m.picture is None or _is_png(m.picture) for m in evaluation.mistakes
        ),
    }
    return next((problem for problem, holds in checks.items() if not holds), "")


def _is_png(text: str) -> bool:
    try:
        return base64.b64decode(text, validate=True).startswith(PNG_SIGNATURE)
    except (binascii.Error, ValueError):
        return False


def _unusable(problem: str) -> RunError:
    return RunError(
        f"the stored evaluation cannot be used: {problem}",
        "what `Evaluation.to_dict` writes",
        "measure again with `convlens evaluate RUN`",
    )
