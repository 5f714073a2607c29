"""Features of images as a training takes them: to the loop they are a set of images.

With `views` in the recipe each training image is also changed as a whole before the frozen layers
see it, in so many ways: view v of an image is drawn by the hash of (seed, v, its pixels), and the
epochs take turns with the image as it is, view 0, and the others. So a view is computed once
however many epochs there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convlens.engines.device import free_memory
from convlens.foundation.progress import counted
from convlens.training.augment import Draws
from convlens.training.batches import Change, PixelSet, digests_of, epoch_batches
from convlens.training.feature_cache import FeatureCache, Stored, view_keys
from convlens.training.recipe import Augmentation, Recipe
from convlens.training.targets import Targets

FEATURE_BATCH = 16
"""Images per pass through the frozen layers: more of them no longer fit the processor's caches."""

MEMORY_SHARE = 0.5
"""Share of the free memory that features may take; more of them are read from the disk."""

Rows = Callable[[Tensor], Tensor]
"""Takes places of images, int64 `(B,)`; returns their features, float32 `(B, *shape)`."""


class FeatureSet:
    """What frozen layers make of a set of images; other views where they are first needed.

    Parameters
    ----------
    images : PixelSet
        The images themselves.
    frozen : callable
        The frozen layers: normalised images `(B, C, H, W)` to their output `(B, *shape)`.
    cache : FeatureCache
        Where features are kept.
    recipe : Recipe
        Its views, random changes and seed.
    device : torch.device
        Where batches are made.
    memory : int, optional
        Bytes that features may take; a share of what is free by default.
    """

    def __init__(
        self,
        images: PixelSet,
        frozen: Callable[[Tensor], Tensor],
        cache: FeatureCache,
        recipe: Recipe,
        device: torch.device,
        memory: int | None = None,
    ) -> None:
        self.memory = int(free_memory(device) * MEMORY_SHARE) if memory is None else memory
        self.images, self.frozen, self.cache, self.recipe = images, frozen, cache, recipe
        self.labels, self.device = images.labels, device
        self._digests = digests_of(images.split)
        self._views: dict[int, Rows] = {}
        self.view(0)

    def __len__(self) -> int:
        return len(self.labels)

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the features of the unchanged images once, in their order."""
        rows = self.view(0)
        for index in torch.arange(len(self), device=self.device).split(batch_size):
            yield rows(index), self.labels[index]

    def shuffled(
        self, batch_size: int, augmentation: Augmentation, seed: int, epoch: int, first: int = 0
    ) -> Iterator[tuple[Tensor, Targets]]:
        """Yield one epoch of shuffled batches, in the order that the images would have."""
        rows = self.view(epoch % (1 + self.recipe.views))
        for index in epoch_batches(len(self), batch_size, seed, epoch, self.device)[first:]:
            yield rows(index), Targets(self.labels[index])

    def view(self, number: int) -> Rows:
        """Return the features of a view of all images; 0 is that of the images as they are."""
        if number not in self._views:
            keys, change = self._digests, None
            if number:
                settings, seed = self.recipe.augmentation, self.recipe.seed
                keys = view_keys(keys, f"{seed} {number} {settings.model_dump_json()}")
                own = np.ascontiguousarray(self._digests).view("<i8")[:, 0].astype(np.int64)
                change = Change(settings, Draws(seed, number), torch.from_numpy(own))
            stored = self.cache.stored(keys, lambda index: self._computed(index, change))
            self._views[number] = self._in_memory(stored) or _on_disk(stored, self.device)
        return self._views[number]

    def _computed(
        self, index: NDArray[np.int64], change: Change | None
    ) -> Iterator[NDArray[np.float32]]:
        with counted("images through the frozen layers", len(index)) as advance:
            for batch in self.images.some(torch.from_numpy(index), FEATURE_BATCH, change):
                features = self.frozen(batch)
                advance(len(batch))
                yield features.float().cpu().numpy()

    def _in_memory(self, stored: Stored) -> Rows | None:
        """Return features that are read at once, where they and those of all views fit."""
        if stored.nbytes * (1 + self.recipe.views) > self.memory:
            return None
        features = torch.from_numpy(stored[np.arange(len(stored))]).to(self.device)
        return lambda index: features.index_select(0, index)


def _on_disk(stored: Stored, device: torch.device) -> Rows:
    """Return features that are read from the disk batch by batch."""
    return lambda index: torch.from_numpy(stored[index.cpu().numpy()]).to(device)
