"""All attribution methods of one network, checked alike: which pass, and which find the pixels.

`convlens.inside.attribution_checks` measures one method; here the measurements stand side by side,
and one sentence sums them up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from convlens.data import Split
from convlens.engines.torch_engine import TorchModel, as_torch
from convlens.foundation.errors import InputError
from convlens.foundation.notebook import ShownInNotebooks
from convlens.foundation.progress import track
from convlens.inside import places
from convlens.inside.attribution_checks import (
    Cascade,
    Curves,
    Faithfulness,
    cascade,
    faithfulness,
    randomised_order,
)
from convlens.inside.look import Classifier
from convlens.inside.reasons import METHODS, Method, chosen_methods

CLEARLY = 2.0
"""A mean difference counts where it is at least this many of its standard errors."""
LEAST_GAIN = 0.01
"""What a method must lower the area by, beside a random order, for the difference to mean anything:
one percentage point of the class's probability on the mean."""
MEASURED = 1000
"""Most images on which it is measured whether the network is better than guessing."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """Both measurements of one method."""

    cascade: Cascade
    faithfulness: Faithfulness

    @property
    def method(self) -> Method:
        return self.cascade.method

    @property
    def similarity(self) -> float:
        """Mean rank correlation with the original maps when all weights are random."""
        return float(self.cascade.mean[-1])

    @property
    def passes(self) -> bool:
        """Whether it passes the cascade."""
        return self.cascade.passes

    @property
    def deletion(self) -> Area:
        return _area(self.faithfulness.curves, "deletion")

    @property
    def insertion(self) -> Area:
        return _area(self.faithfulness.curves, "insertion")

    @property
    def gain(self) -> Area:
        """Difference between the deletion areas of a random order and of the method."""
        curves, random = self.faithfulness.curves, self.faithfulness.random
        gains = _areas(random.deletion - curves.deletion, curves.share)
        return Area(float(gains.mean()), _standard_error(gains))

    def deletes_faster_than_chance(self) -> bool:
        """Whether its deletion area is below a random order's: beyond chance, and by enough."""
        return self.gain.mean > max(LEAST_GAIN, CLEARLY * self.gain.error)

    def deletes_faster_than(self, other: Verdict) -> bool:
        """Whether its deletion area is clearly below another method's on the same images."""
        return _clearly_below(self.faithfulness.curves, other.faithfulness.curves)


@dataclass(frozen=True)
class Area:
    """Mean area under the images' curves, 0 to 1, and the mean's standard error."""

    mean: float
    error: float


@dataclass(frozen=True)
class Skill:
    """How often the network is right, and whether that is more than guessing.

    Parameters
    ----------
    images, correct : int
        How many images, and how many of them are classified correctly.
    largest : float
        Share of the most frequent class: what always naming that one would get right.
    """

    images: int
    correct: int
    largest: float

    @property
    def is_chance(self) -> bool:
        """Whether the accuracy is not above the largest class's share (exact test, 5%).

        >>> Skill(400, 46, 0.105).is_chance, Skill(400, 380, 0.105).is_chance
        (True, False)
        """
        test = binomtest(self.correct, self.images, min(1.0, self.largest), alternative="greater")
        return bool(test.pvalue > 0.05)


@dataclass(frozen=True, eq=False)
class AttributionChecks(ShownInNotebooks):
    """What was measured of a network's attribution methods.

    Parameters
    ----------
    subject : Classifier
        The network that the methods explain.
    images, available : int
        How many images were drawn, out of how many.
    seeds : int
        How many networks of random weights.
    verdicts : tuple of Verdict
        One a method.
    skill : Skill, optional
        How good the network itself is, where it was measured.
    """

    _notebook_view: ClassVar[str] = "checks"

    subject: Classifier
    images: int
    available: int
    seeds: int
    verdicts: tuple[Verdict, ...]
    skill: Skill | None = None

    @property
    def trusted(self) -> tuple[Method, ...]:
        """The methods that pass the sanity check and beat a random order; none at chance."""
        if self.skill is not None and self.skill.is_chance:
            return ()
        return tuple(v.method for v in self.verdicts if v.passes and v.deletes_faster_than_chance())

    @property
    def chance(self) -> tuple[Area, Area]:
        """Deletion and insertion area of random orders, the same for every method."""
        random = self.verdicts[0].faithfulness.random
        return _area(random, "deletion"), _area(random, "insertion")

    def sentence(self) -> str:
        """Say what to make of the measurements: a sentence that can follow a colon."""
        if self.skill is not None and self.skill.is_chance:
            return (
                f"the network is right on {self.skill.correct:,} of {self.skill.images:,} "
                f"validation images, not more than by guessing (always naming one class gets "
                f"{self.skill.largest:.0%}), so there is nothing that a map could explain; "
                "trust none of the methods here."
            )
        faster = [v for v in self.verdicts if v.deletes_faster_than_chance()]
        good = [v for v in faster if v.passes]
        several = len(self.verdicts) > 1
        parts = [_who_passes(self.verdicts)]
        if faster:
            best, *others = sorted(faster, key=lambda verdict: verdict.deletion.mean)
            alike = [best, *(v for v in others if not best.deletes_faster_than(v))]
            areas = _listed([f"{v.deletion.mean:.3f}" for v in alike])
            verb = "lowers" if len(alike) == 1 else "lower"
            parts.append(
                f"{_listed([v.method for v in alike]) if several else 'it'} {verb} the score "
                f"{'fastest' if several else 'faster than chance'} (deletion area {areas}, "
                f"{'not told apart by these images; ' if len(alike) > 1 else ''}"
                f"a random order {self.chance[0].mean:.3f})"
            )
        else:
            who = "no method lowers" if several else "it does not lower"
            parts.append(f"{who} the score clearly faster than a random order")
        if not good:
            none = "trust none of them: " if several else ""
            parts.append(f"{none}take no map for a reason here")
        elif several and _fastest(good) in alike:
            parts.append(f"begin with {_fastest(good).method}")
        elif several:
            parts.append(f"of those that pass, {_fastest(good).method} does: begin with it")
        return "; ".join(parts) + "."


def judge(
    subject: Classifier,
    split: Split,
    *,
    images: int = 20,
    methods: Sequence[Method] | None = None,
    seeds: int = 2,
    on_progress: Callable[[str], None] = lambda message: None,
) -> AttributionChecks:
    """Measure attribution methods on a network by the cascade, deletion and insertion.

    The images are drawn at random by a fixed seed, so that all measurements of one split are
    of the same images; all of them are taken where there are fewer. The methods run as in
    `convlens look`: for the predicted class, with zeros on the normalised scale as baseline.

    Parameters
    ----------
    subject : Classifier
        The trained network.
    split : Split
        Where the images are from.
    images : int
        How many.
    methods : sequence of {"grad-cam", "integrated-gradients", "occlusion", "saliency"}, optional
        All that the network allows by default.
    seeds : int
        How many networks of random weights.
    on_progress : callable
        Called with a sentence about what is measured next.

    Raises
    ------
    InputError
        Where there are fewer than 2 images or 1 seed, or a method does not exist or cannot be
        used.
    """
    if min(images, len(split)) < 2 or seeds < 1:
        raise InputError(
            f"{min(images, len(split))} images and {seeds} seeds",
            "at least 2 images, or nothing can be said of others, and at least 1 seed",
        )
    model = as_torch(subject.model)
    places.count_classes(model.plan)
    chosen = chosen_methods(model.plan, methods)
    if not chosen:
        raise InputError("no method is named", "one of " + ", ".join(METHODS))
    drawn = np.sort(np.random.default_rng(0).permutation(len(split))[:images])
    normalised = subject.preprocessing.normalise(split.images[drawn])
    layers = len(randomised_order(model.plan))
    verdicts = []
    for number, method in enumerate(track(chosen, "methods judged"), start=1):
        on_progress(
            f"{method} ({number} of {len(chosen)}): {len(drawn)} images, {layers} layers made "
            f"random one after the other, {seeds} {'seed' if seeds == 1 else 'seeds'}"
        )
        verdicts.append(
            Verdict(
                cascade(model, normalised, method, seeds=range(seeds)),
                faithfulness(model, normalised, method),
            )
        )
    skill = _skill(model, subject, split)
    return AttributionChecks(subject, len(drawn), len(split), seeds, tuple(verdicts), skill)


def _skill(model: TorchModel, subject: Classifier, split: Split) -> Skill:
    """Measure whether a network is better than guessing, on images drawn by a fixed seed."""
    index = np.sort(np.random.default_rng(0).permutation(len(split))[:MEASURED])
    labels, correct = split.labels[index], 0
    for part in np.array_split(index, max(1, len(index) // 100)):
        logits = model.logits(subject.preprocessing.normalise(split.images[part]))
        correct += int((logits.argmax(1) == split.labels[part]).sum())
    return Skill(len(index), correct, float(np.bincount(labels).max() / len(index)))


def _fastest(verdicts: Sequence[Verdict]) -> Verdict:
    return min(verdicts, key=lambda verdict: verdict.deletion.mean)


def _clearly_below(first: Curves, second: Curves) -> bool:
    """Whether the first's deletion areas are lower, image by image, beyond chance."""
    gain = _areas(second.deletion - first.deletion, first.share)
    return bool(gain.mean() > CLEARLY * _standard_error(gain))


def _area(curves: Curves, what: str) -> Area:
    areas = _areas(getattr(curves, what), curves.share)
    return Area(float(areas.mean()), _standard_error(areas))


def _areas(curves: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area under each of the curves `(N, S + 1)`."""
    return np.asarray(np.trapezoid(curves, share, axis=1))


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _who_passes(verdicts: Sequence[Verdict]) -> str:
    passing = [verdict.method for verdict in verdicts if verdict.passes]
    failing = [verdict.method for verdict in verdicts if not verdict.passes]
    if len(verdicts) == 1:
        return f"{verdicts[0].method} {'passes' if passing else 'fails'} the sanity check"
    if not failing or not passing:
        return f"all {len(verdicts)} methods {'pass' if passing else 'fail'} the sanity check"
    one = "passes" if len(passing) == 1 else "pass"
    other = "fails" if len(failing) == 1 else "fail"
    return (
        f"of {len(verdicts)} methods, {_listed(passing)} {one} the sanity check and "
        f"{_listed(failing)} {other} it"
    )


def _listed(names: Sequence[str]) -> str:
    """Join names as a sentence does.

    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
