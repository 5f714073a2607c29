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

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import torch
from torch import Tensor

from convlens.engines import build
from convlens.engines.device import choose_device
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.foundation.progress import track
from convlens.network import Network
from convlens.network.layers import Dropout, Linear
from convlens.training import feature_cache
from convlens.training.batches import ImageSet, epoch_batches
from convlens.training.checkpoint import Arrays
from convlens.training.compute_settings import ComputeSettings
from convlens.training.engine import Batch
from convlens.training.job import Job, Weights
from convlens.training.monitor import Monitor
from convlens.training.progress import Progress
from convlens.training.recipe import Augmentation, Recipe
from convlens.training.targets import Targets
from convlens.training.torch_training import TorchTraining, predict
from convlens.weights import check_arrays

FEATURE_BATCH = 32
"""Images per pass through the frozen layers."""

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
    fixed = [step.name for step in before if not isinstance(step.layer, Dropout)]
    cuts = [name for name in fixed if name in plan.cuts]
    if not cuts:
        raise InputError(
            f"{network.name} has nothing to freeze before a last linear layer",
            "a network of several layers that ends in a linear one",
            "use `freeze='none'`",
        )
    return cuts[-1]


class FeatureSet:
    """What frozen layers make of a set of images; to the training it is a set of images.

    Parameters
    ----------
    images : ImageSet
        The images themselves.
    frozen : TorchModel
        The layers, in evaluation mode.
    device : torch.device
        Where the features are kept.
    """

    def __init__(self, images: ImageSet, frozen: TorchModel, device: torch.device) -> None:
        self.labels = images.labels
        path = feature_cache.file_of(frozen, images.in_order(FEATURE_BATCH))
        features = feature_cache.read(path)
        if features is None:
            features = _through(frozen, images)
            feature_cache.keep(path, features)
        self.features = features.to(device)
        """float32 `(N, *shape)`: the last frozen layer's output for each image."""

    def __len__(self) -> int:
        return len(self.labels)

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the whole set once, in its own order."""
        yield from zip(self.features.split(batch_size), self.labels.split(batch_size), strict=True)

    def shuffled(
        self, batch_size: int, augmentation: Augmentation, seed: int, epoch: int, first: int = 0
    ) -> Iterator[tuple[Tensor, Targets]]:
        """Yield one epoch of shuffled batches, in the order that the images would have."""
        device = self.labels.device
        for index in epoch_batches(len(self), batch_size, seed, epoch, device)[first:]:
            yield self.features[index], Targets(self.labels[index])


def _through(frozen: TorchModel, images: ImageSet) -> Tensor:
    """Return what the layers make of a whole set, float32 `(N, *shape)`."""
    batches = images.in_order(FEATURE_BATCH)
    count = -(-len(images) // FEATURE_BATCH)
    module = frozen.module.eval()
    with torch.inference_mode():
        parts = [
            module(batch).float()
            for batch, _ in track(batches, "batches of images through the frozen layers", count)
        ]
        whole = torch.cat(parts)
    return whole.clone()  # outside of inference mode: the training may read it


class FrozenTraining:
    """A training of the layers after a cut; to everybody else it trains the whole network.

    Parameters
    ----------
    frozen : TorchModel
        The layers up to the cut.
    rest : TorchTraining
        The training of the layers after it.
    """

    def __init__(self, frozen: TorchModel, rest: TorchTraining) -> None:
        self.frozen, self.rest = frozen, rest
        self._fixed = frozen.weights()
        """The frozen layers' weights, which every epoch's are completed with."""
        self.recipe, self.device = rest.recipe, rest.device
        self.steps_per_epoch = rest.steps_per_epoch
        self.rate_at: Callable[[int], float] = rest.rate_at

    @staticmethod
    def settle(
        network: Network, recipe: Recipe, device_name: str
    ) -> tuple[torch.device, ComputeSettings]:
        """Choose the device; the layers that are trained are too small to measure anything for."""
        last_frozen(network, recipe.freeze)
        if recipe.augmentation.active:
            raise InputError(
                "layers are frozen, so computed once per image, and the recipe changes images",
                "a recipe without augmentation where layers are frozen",
                "remove the augmentation, or use `freeze='none'`",
            )
        return choose_device(device_name), ComputeSettings("float32", "contiguous")

    @classmethod
    def begin(cls, job: Job) -> Self:
        """Return the training of a job before its first step."""
        arrays = job.weights
        if arrays is None:
            arrays = build(job.network, job.recipe.seed).weights()
        check_arrays(arrays, job.network.plan().weight_shapes())
        name = last_frozen(job.network, job.recipe.freeze)
        before, after = job.network.plan().logits.cut(name)
        frozen, rest = TorchModel(before), TorchModel(after)
        for model in (frozen, rest):
            model.load_weights({name: arrays[name] for name in model.plan.weight_shapes()})
        frozen.module.to(job.device)
        images = len(job.dataset.train)
        return cls(frozen, TorchTraining(rest, job.recipe, images, job.device, job.compute))

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
        own = self.rest.model.plan.weight_shapes()
        self.rest.best = None if weights is None else {name: weights[name] for name in own}

    def inputs(self, images: ImageSet) -> ImageSet:
        """Return what the frozen layers make of the images."""
        return FeatureSet(images, self.frozen, self.device)

    def train_epoch(self, batches: Iterator[Batch], monitor: Monitor) -> None:
        """Train on all batches, unless the monitor stops it."""
        self.rest.train_epoch(batches, monitor)

    def logits(self, images: ImageSet) -> Tensor:
        """Return float32 logits `(N, classes)` of a whole set, by the evaluated weights."""
        return predict(self.rest.evaluated, images, self.rest.compute.evaluation_batch)

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
        self._fixed = self.frozen.weights()
