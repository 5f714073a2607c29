"""Which attribution method to believe on a model: two measurements, no opinions.

The cascade asks whether a method looks at the model at all: a map that stays alike when the
weights are replaced by random ones shows the image, not what was learned. Deletion and
insertion ask whether the pixels that a method calls important carry the class: taken away
first they should sink its probability sooner than random ones, put back first lift it sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import softmax
from scipy.stats import spearmanr

from convlens.engines import Float32
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.foundation.progress import track
from convlens.inside import places
from convlens.inside.attribution import attribute
from convlens.inside.reasons import Method
from convlens.network.plan import Plan

Floats = NDArray[np.float64]

PASSES_BELOW = 0.5
"""A method passes the cascade when the fully random network's maps are less alike than this."""
BLUR_SHARE = 1 / 8
"""Insertion starts from the image blurred by a Gaussian of this share of its shorter side."""


@dataclass(frozen=True, eq=False)
class Cascade:
    """How alike a method's maps stay while the network is made random from the top down.

    Parameters
    ----------
    method : str
        The attribution method.
    layers : tuple of str
        Layers with weights in the order in which they were made random: after step `i` the
        first `i` of them are random, all others as trained.
    similarity : float64 array (seeds, steps + 1, N)
        Spearman's rank correlation between the absolute values of the original map and of the
        map after each step; the first step is the original itself. A map that is the same
        everywhere has no ranks; its similarity to another map is 0.
    """

    method: Method
    layers: tuple[str, ...]
    similarity: Floats

    @property
    def mean(self) -> Floats:
        """Mean over seeds and images, (steps + 1,)."""
        return np.asarray(self.similarity.mean(axis=(0, 2)))

    @property
    def passes(self) -> bool:
        """Whether the maps of the fully random network differ from the original ones."""
        return bool(self.mean[-1] < PASSES_BELOW)


def cascade(
    model: TorchModel,
    images: Float32,
    method: Method,
    *,
    seeds: Sequence[int] = (0,),
    baseline: Float32 | None = None,
) -> Cascade:
    """Make a network random layer by layer from the top down, and follow a method's maps.

    The class is the one that the trained network predicts, also where the random one would
    predict another. Random weights are PyTorch's initial ones; batch normalisation forgets its
    statistics too. Source: Adebayo et al. 2018, "Sanity checks for saliency maps",
    arXiv:1810.03292.

    Parameters
    ----------
    model : TorchModel
        The network with its trained weights; it is left as it is.
    images : float32 array (N, C, H, W)
        Normalised images to average over.
    method : str
        One of `convlens.inside.attribution.METHODS`.
    seeds : sequence of int
        Seeds of the random weights: the whole cascade runs once for each.
    baseline : float32 array (C, H, W), optional
        See `convlens.inside.attribution.attribute`.

    Raises
    ------
    InputError
        Where there is no image, no seed, no layer with weights, or the method cannot be used.
    """
    places.check_images(model.plan, images)
    layers = randomised_order(model.plan)
    if not layers or not seeds:
        raise InputError(
            f"there is nothing to make random: {len(layers)} layers with weights, "
            f"{len(seeds)} seeds",
            "a network with weights, and at least one seed",
            "use seeds=(0,)",
        )
    trained = model.weights()
    originals = [
        attribute(model, image, method, baseline=baseline)
        for image in track(images, "images explained")
    ]
    similarity = np.ones((len(seeds), len(layers) + 1, len(images)))
    for i, seed in enumerate(seeds):
        mixed = TorchModel(model.plan, seed)
        mixed.module.to(model.device)
        random = mixed.weights()
        for step in track(range(1, len(layers) + 1), "layers made random"):
            replaced = set(layers[:step])
            mixed.load_weights(
                {
                    name: random[name] if name.rpartition(".")[0] in replaced else array
                    for name, array in trained.items()
                }
            )
            for n, (image, original) in enumerate(zip(images, originals, strict=True)):
                attribution = attribute(
                    mixed, image, method, target=original.target, baseline=baseline
                )
                similarity[i, step, n] = rank_similarity(original.map, attribution.map)
    return Cascade(method, layers, similarity)


def randomised_order(plan: Plan) -> tuple[str, ...]:
    """Return the layers with weights, the last first."""
    return tuple(step.name for step in reversed(plan.steps) if step.layer.weights(step.input))


def rank_similarity(first: Floats, second: Floats) -> float:
    """Return Spearman's rank correlation of two maps' absolute values, -1 to 1.

    A map without differences has no ranks; the similarity is then 0.

    >>> a = np.array([[0.0, -1.0], [2.0, 3.0]])
    >>> rank_similarity(a, 10 * a), rank_similarity(a, np.ones((2, 2)))
    (1.0, 0.0)
    """
    first, second = np.abs(first).ravel(), np.abs(second).ravel()
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return round(float(spearmanr(first, second).statistic), 12)


@dataclass(frozen=True, eq=False)
class Curves:
    """A class's probability while pixels are deleted or inserted, the important ones first.

    Parameters
    ----------
    share : float64 array (S + 1,)
        Share of the pixels changed, 0 to 1.
    deletion, insertion : float64 array (..., S + 1)
        Probability of the class; one curve per image, or one for all.
    """

    share: Floats
    deletion: Floats
    insertion: Floats

    @property
    def deletion_auc(self) -> float:
        """Area under the mean deletion curve, 0 to 1: lower is better."""
        return self._area(self.deletion)

    @property
    def insertion_auc(self) -> float:
        """Area under the mean insertion curve, 0 to 1: higher is better."""
        return self._area(self.insertion)

    def _area(self, curves: Floats) -> float:
        return float(np.trapezoid(curves.reshape(-1, len(self.share)).mean(axis=0), self.share))


def importance_order(values: Floats, seed: int = 0) -> NDArray[np.int64]:
    """Return flat pixel numbers, the largest value first; equal ones in seeded random order.

    >>> importance_order(np.array([[0.5, -1.0], [2.0, 0.0]])).tolist()
    [2, 0, 3, 1]
    """
    shuffled = np.random.default_rng(seed).permutation(values.size)
    return shuffled[np.argsort(-values.ravel()[shuffled], kind="stable")]


def deletion_insertion(
    model: TorchModel,
    image: Float32,
    target: int,
    order: NDArray[np.int64],
    *,
    baseline: Float32 | None = None,
    steps: int = 28,
) -> Curves:
    """Follow a class's probability while pixels go, and while they come.

    Deletion gives the pixels, in order, the baseline's values. Insertion starts from the
    blurred image, whose edges are gone, and gives the pixels back. Source: Petsiuk, Das and
    Saenko 2018, "RISE", arXiv:1806.07421.

    Parameters
    ----------
    model : TorchModel
        The network with its weights.
    image : float32 array (C, H, W)
        One normalised image.
    target : int
        Number of the class.
    order : int64 array (H * W,)
        Flat pixel numbers, the most important first; see `importance_order`.
    baseline : float32 array (C, H, W), optional
        The image that stands for "nothing there"; zeros by default.
    steps : int
        Points of each curve after the first.

    Returns
    -------
    Curves
        With `deletion` and `insertion` of shape (steps + 1,).

    Raises
    ------
    InputError
        Where the image, class or order does not fit the network.
    """
    places.check_image(model.plan, image)
    places.check_class(model.plan, target)
    height, width = image.shape[1:]
    pixels = height * width
    if not np.array_equal(np.sort(order), np.arange(pixels)):
        raise InputError(
            f"the order does not name each of the {pixels} pixels once",
            f"the numbers 0 to {pixels - 1}, each once",
            "use importance_order(attribution.map)",
        )
    steps = min(steps, pixels)
    counts = np.linspace(0, pixels, steps + 1).round().astype(np.int64)
    rank = np.empty(pixels, np.int64)
    rank[order] = np.arange(pixels)
    changed = (rank < counts[:, None]).reshape(steps + 1, 1, height, width)
    nothing = np.zeros_like(image) if baseline is None else baseline
    blurred = gaussian_filter(image, (0, *[BLUR_SHARE * min(height, width)] * 2))
    both = np.concatenate(
        [np.where(changed, nothing, image), np.where(changed, image, blurred)]
    ).astype(np.float32)
    probability = softmax(model.logits(both).astype(np.float64), axis=1)[:, target]
    return Curves(counts / pixels, probability[: steps + 1], probability[steps + 1 :])


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Deletion and insertion by a method, averaged over images, beside a random order.

    Parameters
    ----------
    method : str
        The attribution method.
    curves, random : Curves
        Each with `deletion` and `insertion` of shape (N, S + 1): by the method's order, and by
        a random order of the same image for the same class.
    """

    method: Method
    curves: Curves
    random: Curves


def faithfulness(
    model: TorchModel,
    images: Float32,
    method: Method,
    *,
    baseline: Float32 | None = None,
    steps: int = 28,
    seed: int = 0,
) -> Faithfulness:
    """Measure a method by deletion and insertion on several images, for their predicted classes.

    Parameters
    ----------
    model : TorchModel
        The network with its weights.
    images : float32 array (N, C, H, W)
        Normalised images.
    method : str
        One of `convlens.inside.attribution.METHODS`.
    baseline, steps
        See `deletion_insertion`; the method itself uses the same baseline.
    seed : int
        Seed of the random orders and of the order of equally important pixels. The same seed gives
        every method the same random orders.

    Raises
    ------
    InputError
        Where there is no image, or the method cannot be used on the network.
    """
    places.check_images(model.plan, images)
    by_method: list[Curves] = []
    by_chance: list[Curves] = []
    for n, image in enumerate(track(images, "images taken apart")):
        attribution = attribute(model, image, method, baseline=baseline)
        chance = np.random.default_rng((seed, n)).permutation(attribution.map.size)
        for orders, order in (
            (by_method, importance_order(attribution.map, seed)),
            (by_chance, chance),
        ):
            orders.append(
                deletion_insertion(
                    model, image, attribution.target, order, baseline=baseline, steps=steps
                )
            )
    return Faithfulness(method, _together(by_method), _together(by_chance))


def _together(curves: Sequence[Curves]) -> Curves:
    return Curves(
        curves[0].share,
        np.stack([one.deletion for one in curves]),
        np.stack([one.insertion for one in curves]),
    )
