"""A linear network cannot do XOR; with one ReLU layer it can."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from convlens.engines.device import limit_threads
from convlens.engines.torch_engine import TorchModel
from convlens.evaluation import softmax
from convlens.figures.plane import Surface, surfaces_svg
from convlens.foundation.progress import track
from convlens.lessons.lesson import Lesson
from convlens.network import Network
from convlens.report.page import Drawing
from convlens.report.text_table import Table

POINTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
LABELS = np.array([0, 1, 1, 0], dtype=np.int64)
LEARNING_RATE = 0.1
MARGIN = 0.01
"""A point is right when its class's logit leads by more than this.

A linear network ends with logits that are equal but for rounding, and rounding can even get all
four points "right".
"""
SURE = 0.05
"""Training ends when all four are right and the loss is below this."""


@dataclass(frozen=True)
class Trained:
    """A network after training, and what it reached on the way."""

    model: TorchModel
    best: float
    """Highest share of the four points that were right, at any step."""
    steps: int | None
    """Steps until all four were right with a loss below `SURE`; None where that never came."""


def network(*layers: dict[str, object]) -> Network:
    """Return a network from two numbers, written as an image of two 1x1 channels, to two classes.

    >>> network({"linear": 2}).plan().parameters
    6
    """
    return Network(input=(2, 1, 1), classes=2, layers=[{"flatten": True}, *layers])


NETWORKS = {
    "linear": network({"linear": 2}),
    "two linear": network({"linear": 8}, {"linear": 2}),
    "ReLU, 2 wide": network({"linear": 2}, {"relu": True}, {"linear": 2}),
    "ReLU, 4 wide": network({"linear": 4}, {"relu": True}, {"linear": 2}),
    "ReLU, 8 wide": network({"linear": 8}, {"relu": True}, {"linear": 2}),
}


def train(network: Network, seed: int, steps: int) -> Trained:
    """Train on the four points, all of them in every step, with Adam and cross-entropy."""
    model = TorchModel(network, seed)
    points, labels = torch.from_numpy(POINTS[:, :, None, None]), torch.from_numpy(LABELS)
    optimizer = torch.optim.Adam(model.module.parameters(), LEARNING_RATE)
    best = 0.0
    for step in track(range(steps), "steps trained"):
        optimizer.zero_grad()
        logits = model.module(points)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        lead = (logits[:, 1] - logits[:, 0]) * (2 * labels - 1)
        accuracy = (lead > MARGIN).float().mean().item()
        best = max(best, accuracy)
        if accuracy == 1 and loss.item() < SURE:
            return Trained(model, best, step)
        optimizer.step()
    return Trained(model, best, None)


def surface(model: TorchModel, axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability of class 1 on a square grid, (S, S), rows upwards."""
    first, second = np.meshgrid(axis, axis)
    inputs = np.stack([first, second], axis=-1).reshape(-1, 2, 1, 1).astype(np.float32)
    return softmax(model.logits(inputs))[:, 1].reshape(len(axis), len(axis))


def run(seed: int, *, quick: bool = False) -> Lesson:
    """Train five networks from several seeds each and count those that get XOR right."""
    limit_threads()
    repeats, steps = (3, 120) if quick else (10, 300)
    seeds = range(seed, seed + repeats)
    trained = {
        name: [train(network, each, steps) for each in seeds] for name, network in NETWORKS.items()
    }
    solved = {name: sum(t.steps is not None for t in runs) for name, runs in trained.items()}
    best = {name: max(t.best for t in runs) for name, runs in trained.items()}
    rows = [
        (
            name,
            f"{NETWORKS[name].plan().parameters}",
            f"{solved[name]} of {repeats}",
            f"{best[name]:.0%}",
        )
        for name in NETWORKS
    ]

    # the pair of pictures differs in the ReLU alone: same width, same first weights
    chosen = next((i for i, t in enumerate(trained["ReLU, 8 wide"]) if t.steps is not None), 0)
    axis = np.linspace(-0.5, 1.5, 81)
    surfaces = [
        Surface("linear, linear", surface(trained["two linear"][chosen].model, axis)),
        Surface("linear, ReLU, linear", surface(trained["ReLU, 8 wide"][chosen].model, axis)),
    ]
    svg = surfaces_svg(surfaces, axis, POINTS.astype(np.float64), LABELS)
    from_half = float(np.abs(surfaces[0].values - 0.5).max())
    linear_best = max(best["linear"], best["two linear"])
    return Lesson(
        title="A linear network cannot do XOR; with one ReLU layer it can",
        shows=(
            "XOR is 1 where exactly one of two inputs is 1. Five networks learn its four points "
            f"from {repeats} seeds each: at most {steps} steps of Adam on cross-entropy, learning "
            f"rate {LEARNING_RATE:g}."
        ),
        parts=(
            Table(
                f"All four points right, with a loss below {SURE:g}",
                ("network", "parameters", "seeds that solved it", "best accuracy at any step"),
                rows,
            ),
            f"No linear network solved it. The best of them had {linear_best:.0%} at some step. "
            "Three points of four are the most a straight line can put right. (A point counts "
            f"where its class's logit leads by more than {MARGIN:g}: equal logits are no answer.)",
            "Why no more: a linear network answers 1 where a*x + b*y + c > 0. XOR needs c <= 0 and "
            "a + b + c <= 0, so the sum a + b + 2c is not positive. It also needs a + c > 0 and "
            "b + c > 0, so the same sum is positive. Both cannot be.",
            "A second linear layer does not help, however wide: a linear map of a linear map is a "
            "linear map. What training makes of it is no answer at all: in the picture its "
            f"probability of 1 is nowhere further than {from_half:.1e} from one half, because one "
            "half at each point is the smallest loss a linear network can have.",
            "With a ReLU between the same two layers the plane is folded, and "
            f"{solved['ReLU, 8 wide']} of {repeats} seeds solved it with 8 hidden values, "
            f"{solved['ReLU, 4 wide']} with 4 and {solved['ReLU, 2 wide']} with 2. Two are enough "
            "in principle, but from many first weights gradient descent does not find the answer.",
            Drawing(
                "surfaces",
                svg,
                f"The answer on the plane after training, both networks from seed {seed + chosen} "
                "and 8 wide; only the ReLU differs. Squares are points of class 0, circles of "
                "class 1. Dashed: probability one half.",
            ),
        ),
        numbers={
            "seeds": repeats,
            "steps": steps,
            "linear_probability_from_one_half": from_half,
            **{f"{_key(name)}_solved": count for name, count in solved.items()},
            **{f"{_key(name)}_best_accuracy": share for name, share in best.items()},
        },
    )


def _key(name: str) -> str:
    """Write a network's name as a key: `ReLU, 8 wide` is `relu_8_wide`."""
    return name.lower().replace(",", "").replace(" ", "_")
