"""Holding out the last tenth is no cross-validation, and on sorted data it is a trap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from convlens import data as datasets
from convlens.data import Preprocessing, Split, hold_out
from convlens.data.dataset import Dataset
from convlens.data.preprocessing import mean_std
from convlens.data.split import random_order
from convlens.engines.device import limit_threads
from convlens.engines.torch_engine import TorchModel
from convlens.figures.charts import Chart, Line, charts_svg
from convlens.foundation.errors import DataError
from convlens.foundation.progress import track
from convlens.lessons import digits
from convlens.lessons.lesson import Lesson
from convlens.network import Network
from convlens.report.page import Drawing
from convlens.report.text_table import Table
from convlens.training.batches import TensorSet
from convlens.training.compute_settings import ComputeSettings
from convlens.training.events import Event
from convlens.training.loop import fit
from convlens.training.recipe import Recipe
from convlens.training.torch_training import TorchTraining

SMALL = Network(
    name="small",
    input=(1, 28, 28),
    classes=10,
    layers=[
        {"conv": 8, "kernel": 4, "stride": 2},
        {"relu": True},
        {"flatten": True},
        {"linear": 10},
    ],
)
FOLDS = 10


def accuracy(train: Split, held: Split, recipe: Recipe) -> float:
    """Train the small network on one part and return its accuracy on the other."""
    mean, std = mean_std(train.images)
    preprocessing = Preprocessing(SMALL.input, mean, std)
    model = TorchModel(SMALL, recipe.seed)
    plain = ComputeSettings("float32", "contiguous")
    training = TorchTraining(model, recipe, len(train), digits.CPU, plain)
    events: list[Event] = []
    fit(
        training,
        TensorSet(train, preprocessing, digits.CPU),
        TensorSet(held, preprocessing, digits.CPU),
        events.append,
    )
    # the last epoch's, not the best one's: nothing is chosen on what measures
    return float(events[-1]["validation_accuracy"])


def refusal(whole: Dataset, train: Split, held: Split) -> str:
    """Return what convlens says to a training part that lacks a class."""
    try:
        Dataset("sorted", "sorted", whole.classes, train, held, whole.test, whole.preprocessing, {})
    except DataError as error:
        return error.what
    return ""


def run(seed: int, *, quick: bool = False) -> Lesson:
    """Hold out a tenth in three ways, and all ten tenths in turn."""
    limit_threads()
    dataset = datasets.load("digits-5k")
    parts = (dataset.train, dataset.validation)
    whole = Split(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )
    shuffled = whole.take(random_order(len(whole), seed)[: 800 if quick else None])
    by_class = shuffled.take(np.argsort(shuffled.labels, kind="stable"))
    recipe = Recipe(epochs=2 if quick else 3, batch_size=50, learning_rate=0.01, seed=seed)

    labels = by_class.labels
    last, stratified = hold_out(labels, 0.1, "last"), hold_out(labels, 0.1, "stratified", seed)
    held_classes = [str(c) for c in np.unique(labels[last[1]])]
    unseen = sorted(set(held_classes) - {str(c) for c in np.unique(labels[last[0]])})
    refused = refusal(dataset, by_class.take(last[0]), by_class.take(last[1]))

    def measured(split: tuple[NDArray[np.int64], NDArray[np.int64]]) -> float:
        kept, held = split
        return accuracy(by_class.take(kept), by_class.take(held), recipe)

    ten = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(labels, labels)
    trainings = track([last, stratified, *ten], "trainings done")
    on_last, on_stratified, *each_fold = [measured(split) for split in trainings]
    folds = np.array(each_fold)
    standard_error = folds.std(ddof=1) / np.sqrt(FOLDS)
    tenth = len(stratified[1])

    return Lesson(
        title="Holding out the last tenth is no cross-validation",
        shows=(
            f"{len(whole):,} digits sorted by class"
            + (f" ({len(by_class):,} of them here)" if quick else "")
            + f", a small network of {SMALL.plan().parameters:,} parameters, {recipe.epochs} "
            "epochs each time; a tenth is held out in different ways."
        ),
        parts=(
            "Keras's `validation_split=0.1` holds out the last tenth of the arrays as they lie, "
            'once. (So does validation_method = "last" in convlens.) Ten-fold cross-validation '
            "trains ten times and holds out every tenth once.",
            Table(
                "Accuracy on what was held out",
                ("held out", "classes in it", "accuracy"),
                [
                    ("the last tenth, sorted by class", ", ".join(held_classes), f"{on_last:.1%}"),
                    ("a stratified tenth", "all ten", f"{on_stratified:.1%}"),
                    (
                        f"ten folds: {FOLDS} trainings",
                        "all ten",
                        f"{folds.mean():.1%} ({folds.min():.1%} to {folds.max():.1%})",
                    ),
                ],
            ),
            f"Sorted by class, the last tenth holds class {', '.join(held_classes)}, and the "
            f"training saw no image of class {', '.join(unseen)}. The accuracy of {on_last:.1%} "
            "says nothing about the network. convlens refuses to train on such a split: "
            f'"{refused}".',
            f"A stratified tenth has {tenth} images of all classes and gives {on_stratified:.1%}. "
            f"It is one number. The ten folds spread with a standard deviation of "
            f"{folds.std(ddof=1):.1%}, from {folds.min():.1%} to {folds.max():.1%}: this is how "
            "far a single split may lie off. Their mean has a standard error of about "
            f"{standard_error:.1%}, at the price of {FOLDS} trainings. (About, because the folds "
            "share their training images.)",
            Drawing(
                "folds",
                charts_svg(
                    [
                        Chart(
                            "Accuracy on each held-out tenth",
                            "fold",
                            "validation accuracy",
                            [
                                Line("ten folds", range(1, FOLDS + 1), folds, "points"),
                                Line(
                                    "their mean",
                                    [1, FOLDS],
                                    [float(folds.mean())] * 2,
                                    "line",
                                ),
                                Line(
                                    "one stratified tenth",
                                    [1, FOLDS],
                                    [on_stratified] * 2,
                                    "line",
                                ),
                            ],
                            percent=True,
                            whole=True,
                        )
                    ]
                ),
                f"The last tenth of the sorted digits, {on_last:.1%}, is far below this picture. "
                "The axis does not begin at zero.",
            ),
        ),
        numbers={
            "images": len(by_class),
            "held_out": tenth,
            "epochs": recipe.epochs,
            "last_tenth_accuracy": on_last,
            "last_tenth_classes": ", ".join(held_classes),
            "classes_never_trained": ", ".join(unseen),
            "stratified_accuracy": on_stratified,
            "folds_mean": float(folds.mean()),
            "folds_std": float(folds.std(ddof=1)),
            "folds_min": float(folds.min()),
            "folds_max": float(folds.max()),
            "trainings_of_ten_folds": len(folds),
        },
    )
