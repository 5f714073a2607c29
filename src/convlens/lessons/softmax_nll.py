"""Softmax into NLL without the log: the loss it reports, and what it does to learning.

The wrong loop is written out here on purpose. convlens itself trains with cross-entropy on the
logits (`convlens.training.torch_training.TrainingStep`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from convlens.engines.torch_engine import TorchModel
from convlens.figures.charts import Chart, Line, charts_svg
from convlens.foundation.progress import track
from convlens.lessons import digits
from convlens.lessons.lesson import Lesson
from convlens.network import zoo
from convlens.report.page import Drawing
from convlens.report.text_table import Table
from convlens.training.torch_training import predict

BATCH_SIZE = 100
OPTIMIZERS: dict[str, Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]] = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, 0.05),
    "Adam": lambda parameters: torch.optim.Adam(parameters, 0.003),
}
LOST = 0.01
EARLY = 10
"""Steps over which the size of the first gradients is averaged."""


def wrong_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return what the tutorial trains on: minus the mean probability of the true class."""
    return F.nll_loss(F.softmax(logits, dim=1), labels)


def right_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy: minus the mean log-probability of the true class."""
    return F.cross_entropy(logits, labels)


LOSSES = {"softmax + NLL": wrong_loss, "cross-entropy": right_loss}


@dataclass(frozen=True)
class Trained:
    """What came of one training."""

    reported: float
    """Mean over the last epoch's batches of the loss that was trained on."""
    accuracy: tuple[float, ...]
    """On the validation images, after each epoch."""
    cross_entropy: float
    """On the validation images, after the last epoch."""
    given_up: float
    """Share of the validation images whose true class gets a probability below `LOST`."""
    gradients: NDArray[np.float64]
    """Norm of the gradient of all parameters, at every step."""


def train(
    data: digits.Digits,
    loss_function: Callable[[Tensor, Tensor], Tensor],
    optimizer_name: str,
    seed: int,
    epochs: int,
) -> Trained:
    """Train fast-mnist; for one seed the first weights and the order of images are the same."""
    module = TorchModel(zoo.load("fast-mnist"), seed).module
    optimizer = OPTIMIZERS[optimizer_name](list(module.parameters()))
    accuracy, gradients = [], []
    for epoch in track(range(epochs), "epochs trained"):
        module.train()
        losses = []
        for images, targets in data.train.shuffled(BATCH_SIZE, None, seed, epoch):
            optimizer.zero_grad()
            loss = loss_function(module(images), targets.labels)
            loss.backward()
            gradients.append(_norm(module))
            optimizer.step()
            losses.append(loss.item())
        right, cross_entropy = digits.measure(module, data.validation)
        accuracy.append(right)
    chances = predict(module, data.validation).softmax(1)
    true = chances.gather(1, data.validation.labels[:, None])
    given_up = (true < LOST).double().mean().item()
    return Trained(
        float(np.mean(losses)), tuple(accuracy), cross_entropy, given_up, np.array(gradients)
    )


def _norm(module: torch.nn.Module) -> float:
    squares = [(p.grad**2).sum() for p in module.parameters() if p.grad is not None]
    return float(torch.stack(squares).sum().sqrt())


def pull(loss_function: Callable[[Tensor, Tensor], Tensor], probability: float) -> float:
    """Return how hard a loss pulls the true class's logit up, of two classes, by autograd.

    >>> round(pull(right_loss, 0.01), 4), round(pull(wrong_loss, 0.01), 4)
    (0.99, 0.0099)
    """
    odds = float(np.log(probability / (1 - probability)))
    logits = torch.tensor([[odds, 0.0]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss_function(logits, torch.tensor([0])), logits)
    return -float(gradient[0, 0])


def run(seed: int, *, quick: bool = False) -> Lesson:
    """Train with both losses, two optimizers and several seeds, all else equal."""
    data = digits.load(800 if quick else None)
    seeds, epochs = (1, 1) if quick else (2, 2)
    trained = {
        (loss, optimizer): [
            train(data, function, optimizer, each, epochs) for each in range(seed, seed + seeds)
        ]
        for optimizer in OPTIMIZERS
        for loss, function in LOSSES.items()
    }
    rows = []
    numbers: dict[str, float] = {
        "seeds": seeds,
        "epochs": epochs,
        "images": len(data.train),
    }
    for (loss, optimizer), runs in trained.items():
        reported = float(np.mean([t.reported for t in runs]))
        accuracy = [t.accuracy[-1] for t in runs]
        entropy = float(np.mean([t.cross_entropy for t in runs]))
        given_up = float(np.mean([t.given_up for t in runs]))
        early = float(np.mean([t.gradients[:EARLY].mean() for t in runs]))
        rows.append(
            (
                f"{loss}, {optimizer}",
                f"{reported:+.3f}",
                " ".join(f"{share:.1%}" for share in accuracy),
                f"{entropy:.3f}",
                f"{given_up:.1%}",
                f"{early:.3f}",
            )
        )
        key = f"{'wrong' if loss != 'cross-entropy' else 'right'}_{optimizer.lower()}"
        numbers |= {
            f"{key}_reported_loss": reported,
            f"{key}_accuracy": float(np.mean(accuracy)),
            f"{key}_cross_entropy": entropy,
            f"{key}_given_up": given_up,
            f"{key}_early_gradient": early,
        }
    ratio = numbers["right_sgd_early_gradient"] / numbers["wrong_sgd_early_gradient"]
    shares = np.linspace(0.005, 0.995, 100)
    pulls = {loss: [pull(function, p) for p in shares] for loss, function in LOSSES.items()}
    wrong_pull, right_pull = pull(wrong_loss, 0.01), pull(right_loss, 0.01)

    return Lesson(
        title="Softmax into NLL without the log trains on the wrong loss",
        shows=(
            f"fast-mnist on {len(data.train):,} digits, batches of {BATCH_SIZE}, with each of "
            "two losses: same first weights, same order of images, same optimizer. Epochs: "
            f"{epochs}. Seeds: {seeds}. SGD at learning rate 0.05 without momentum; Adam at 0.003."
        ),
        parts=(
            "`nll_loss` only picks the true class's value and changes its sign; the logarithm has "
            "to be in what it is given. Given probabilities it returns minus the mean probability "
            "of the true class: a number between -1 and 0, near -1 when all is well.",
            Table(
                f"After {epochs} equal epochs, on {len(data.validation)} validation images",
                (
                    "loss, optimizer",
                    "loss reported",
                    "accuracy by seed",
                    "cross-entropy",
                    f"p below {LOST:g}",
                    "gradient",
                ),
                rows,
            ),
            f"Its gradient is {ratio:.0f} times smaller at the start, because every gradient is "
            "multiplied by the probability of the true class, which is a tenth for ten classes. "
            f"(The table has the mean over the first {EARLY} steps.) With SGD it reached "
            f"{numbers['wrong_sgd_accuracy']:.1%} where cross-entropy reached "
            f"{numbers['right_sgd_accuracy']:.1%}. Adam divides a gradient by its own usual size, "
            "which makes up for a factor that is the same for all images: there it reached "
            f"{numbers['wrong_adam_accuracy']:.1%} against {numbers['right_adam_accuracy']:.1%}.",
            "But the factor is not the same for all images; it is worst where it matters most. For "
            "two classes, with probability p on the "
            "true one, cross-entropy pulls its logit up with 1 - p, softmax and NLL with "
            f"p * (1 - p). At p = 0.01, a confident mistake, that is {right_pull:.2f} against "
            f"{wrong_pull:.4f}: the worst mistakes are hardly corrected. After Adam's "
            f"training {numbers['wrong_adam_given_up']:.1%} of the validation images give their "
            f"true class less than {LOST:g}; after cross-entropy it is "
            f"{numbers['right_adam_given_up']:.1%}.",
            Drawing(
                "learning",
                charts_svg(
                    [
                        Chart(
                            "Pull on the true class's logit",
                            "probability given to the true class",
                            "gradient, two classes",
                            [Line(loss, shares, pulls[loss], "line") for loss in reversed(pulls)],
                        ),
                        Chart(
                            "Size of the gradient, SGD",
                            "step",
                            "norm over all parameters",
                            [
                                Line(
                                    loss,
                                    range(1, 1 + len(trained[loss, "SGD"][0].gradients)),
                                    trained[loss, "SGD"][0].gradients,
                                    "line",
                                )
                                for loss in reversed(LOSSES)
                            ],
                            logarithmic=True,
                        ),
                    ]
                ),
                "Left: computed by autograd for every probability. Right: measured in the runs of "
                f"seed {seed}, on a logarithmic scale.",
            ),
            "The remedy is one line: `F.cross_entropy(logits, labels)`, or `log_softmax` before "
            "`nll_loss`. Softmax itself is for output only.",
        ),
        numbers={**numbers, "early_gradient_ratio": ratio},
    )
