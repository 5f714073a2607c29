"""Training the end of a network on what its frozen beginning makes of each image.

The layers up to a cut keep their weights, batch normalisation its statistics. They are computed
once per image, and the epochs train the layers after the cut on the results: seconds instead of
hours, with the same numbers as if every epoch had computed the whole network.

References
----------
Donahue et al. 2014, DeCAF: features of a network that was trained on ImageNet, and a new last
layer, https://arxiv.org/abs/1310.1531.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from convlens.engines import build
from convlens.engines.device import choose_device
from convlens.engines.inference import Pass, PassOf, quickest
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.network import Network
from convlens.network.layers import Linear, Random
from convlens.network.plan import Plan
from convlens.training.batches import ImageSet, PixelSet
from convlens.training.checkpoint import Arrays
from convlens.training.compute_settings import ComputeSettings
from convlens.training.engine import Batch, Training
from convlens.training.feature_cache import FeatureCache
from convlens.training.features import FeatureSet
from convlens.training.job import Job, Weights
from convlens.training.monitor import Monitor
from convlens.training.progress import Progress
from convlens.training.recipe import Recipe
from convlens.training.torch_training import TorchTraining
from convlens.weights import check_arrays

_PREFIX = "frozen."
"""Before the names of the frozen layers' arrays in a checkpoint."""


def last_frozen(network: Network, freeze: str) -> str:
    """Return the last layer that keeps its weights.

    Parameters
    ----------
    network : Network
        The whole network.
    freeze : str
        The name of that layer, or "all": all layers but the last linear one and what stands with
        it.

    Raises
    ------
    InputError
        Where there is no such layer, the network cannot be cut there, or nothing would be trained.

    Examples
    --------
    >>> from convlens.network import zoo
    >>> last_frozen(zoo.load("efficientnet-lite0"), "all")
    'flatten1'
    """
    plan = network.plan().logits
    if freeze != "all":
        _, rest = plan.cut(freeze)
        if not rest.weight_shapes():
            raise InputError(
                f'freeze is "{freeze}": no layer after it has weights',
                "a layer with others to train after it",
                "use `freeze='all'` to train the last linear layer alone",
            )
        return freeze
    linear = [at for at, step in enumerate(plan.steps) if isinstance(step.layer, Linear)]
    before = plan.steps[: linear[-1]] if linear else ()
    fixed = [step.name for step in before if not isinstance(step.layer, Random)]
    cuts = [name for name in fixed if name in plan.cuts]
    if not cuts:
        raise InputError(
            f"{network.name} has nothing to freeze before a last linear layer",
            "a network of several layers that ends in a linear one",
            "use `freeze='none'`",
        )
    return cuts[-1]


def check_frozen(network: Network, recipe: Recipe) -> None:
    """Refuse a recipe that does not go together with layers that are computed once per image.

    Raises
    ------
    InputError
        Where the layers cannot be frozen, or images are to be changed in a way that no view has.
    """
    last_frozen(network, recipe.freeze)
    changes = recipe.augmentation
    if changes.active and not recipe.views:
        raise InputError(
            "layers are frozen, so computed once per image, and the recipe changes images",
            "a number of changed views per image that are computed once",
            "use `views=8`, remove the augmentation, or use `freeze='none'`",
        )
    if changes.mixes:
        raise InputError(
            "the recipe mixes images, and frozen layers are computed on each by itself",
            "mixup and cutmix of 0 where layers are frozen",
            "leave them out, or use `freeze='none'`",
        )
    if recipe.views and not changes.active:
        raise InputError(
            f"the recipe has {recipe.views} views per image and nothing that changes images",
            "an augmentation, or no views",
            "use `views=0`",
        )


class FrozenTraining:
    """A training of the layers after a cut; to everybody else it trains the whole network.

    Parameters
    ----------
    frozen : TorchModel
        The layers up to the cut, which PyTorch computes whichever engine trains the others.
    rest : Training
        The training of the layers after it, whose weights are `own`.
    own : collection of str
        Names of the arrays that are trained.
    memory : int, optional
        Bytes that features may take; a share of what is free by default.
    passes : mapping of str to callable, optional
        Further ways to compute the frozen layers.
    """

    def __init__(
        self,
        frozen: TorchModel,
        rest: Training,
        own: Collection[str],
        memory: int | None = None,
        passes: Mapping[str, PassOf] | None = None,
    ) -> None:
        self.frozen, self.rest, self.own, self.memory = frozen, rest, own, memory
        self._fixed = frozen.weights()
        """The frozen layers' weights, which every epoch's are completed with."""
        self._passes = dict(passes or {})
        self._pass: Pass | None = None
        self.notes: list[str] = []
        self.recipe, self.device = rest.recipe, rest.device
        self.steps_per_epoch = rest.steps_per_epoch
        self.rate_at: Callable[[int], float] = rest.rate_at

    @staticmethod
    def settle(
        network: Network, recipe: Recipe, device_name: str
    ) -> tuple[torch.device, ComputeSettings]:
        """Choose the device; the layers that are trained are too small to measure anything for."""
        check_frozen(network, recipe)
        return choose_device(device_name), ComputeSettings("float32", "contiguous")

    @staticmethod
    def training_of(after: Plan, weights: Weights, job: Job) -> Training:
        """Return the training of the layers after the cut, which begin with these weights."""
        model = TorchModel(after)
        model.load_weights(weights)
        return TorchTraining(model, job.recipe, len(job.dataset.train), job.device, job.compute)

    @classmethod
    def begin(cls, job: Job) -> Self:
        """Return the training of a job before its first step."""
        arrays = job.weights
        if arrays is None:
            arrays = build(job.network, job.recipe.seed).weights()
        check_arrays(arrays, job.network.plan().weight_shapes())
        name = last_frozen(job.network, job.recipe.freeze)
        before, after = job.network.plan().logits.cut(name)
        frozen = TorchModel(before)
        frozen.load_weights({name: arrays[name] for name in before.weight_shapes()})
        frozen.module.to(job.device)
        own = after.weight_shapes()
        rest = cls.training_of(after, {name: np.asarray(arrays[name]) for name in own}, job)
        return cls(frozen, rest, own, job.dataset.memory, job.passes)

    @property
    def progress(self) -> Progress:
        """How far the training is."""
        return self.rest.progress

    @property
    def best(self) -> Weights | None:
        """The evaluated weights of the best epoch so far, of the whole network."""
        return None if self.rest.best is None else {**self._fixed, **self.rest.best}

    @best.setter
    def best(self, weights: Weights | None) -> None:
        self.rest.best = None if weights is None else {name: weights[name] for name in self.own}

    def inputs(self, images: PixelSet) -> FeatureSet:
        """Return what the frozen layers make of the images."""
        cache = FeatureCache(self.frozen, images.preprocessing)
        return FeatureSet(images, self._compute, cache, self.recipe, self.device, self.memory)

    def _compute(self, images: Tensor) -> Tensor:
        """Return what the frozen layers make of images, in the way that is quickest here."""
        if self._pass is None:
            way = quickest(self.frozen, images, self._passes)
            self._pass = way.compute
            self.notes.append(str(way))
        return self._pass(images)

    def train_epoch(self, batches: Iterator[Batch], monitor: Monitor) -> None:
        """Train on all batches, unless the monitor stops it."""
        self.rest.train_epoch(batches, monitor)

    def logits(self, images: ImageSet) -> Tensor:
        """Return float32 logits `(N, classes)` of a whole set, by the evaluated weights."""
        return self.rest.logits(images)

    def weights(self) -> Weights:
        """Return the evaluated weights of the whole network; those that are trained are a copy."""
        return {**self._fixed, **self.rest.weights()}

    def use_best(self) -> None:
        """Evaluate with the best weights from now on; the training does not go on after it."""
        self.rest.use_best()

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return all that resuming needs: arrays, and plain values for JSON."""
        arrays, values = self.rest.state()
        return arrays | {_PREFIX + name: a for name, a in self._fixed.items()}, values

    def later_bytes(self) -> int:
        """Return the bytes that a checkpoint gains with the optimizer's first step."""
        return self.rest.later_bytes()

    def resume(self, arrays: Arrays, values: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        own = {name: a for name, a in arrays.items() if not name.startswith(_PREFIX)}
        self.rest.resume(own, values)
        fixed = {n.removeprefix(_PREFIX): a for n, a in arrays.items() if n not in own}
        self.frozen.load_weights(fixed)
        self._fixed, self._pass = self.frozen.weights(), None
