"""Whole sets in memory as uint8, indexed a batch at a time.

Fetching a batch is one index operation; decoding, stacking and worker processes, which cost
more than the training of a small network, are not there.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convlens.data import Preprocessing, Split
from convlens.engines.cuda_graph import recorded
from convlens.training.augment import Draws, augment, mix, partners
from convlens.training.recipe import Augmentation, Recipe
from convlens.training.targets import Targets


class ImageSet(Protocol):
    """Labelled images as the training loop takes them, wherever they are kept."""

    labels: Tensor
    """Their classes, int64 `(N,)`, in the order of `in_order`."""

    def __len__(self) -> int: ...

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the whole set once, unchanged and in its own order."""
        ...

    def shuffled(
        self, batch_size: int, augmentation: Augmentation, seed: int, epoch: int, first: int = 0
    ) -> Iterator[tuple[Tensor, Targets]]:
        """Yield one epoch of shuffled, augmented batches from the `first` on.

        A batch is good until the next one, which may take its memory.
        """
        ...


@dataclass(frozen=True)
class Change:
    """Random changes of the images of a set, each by itself."""

    settings: Augmentation
    draws: Draws
    numbers: Tensor
    """int64 `(N,)`: what the changes of each image of the set are drawn by."""

    def of(self, index: Tensor) -> Change:
        """Return the changes of some of the images, as a set of their own."""
        return replace(self, numbers=self.numbers[index])


class PixelSet(ImageSet, Protocol):
    """Images whose pixels are known: what layers are computed on, once an image and change."""

    split: Split
    preprocessing: Preprocessing

    def some(
        self, index: Tensor, batch_size: int, change: Change | None = None
    ) -> Iterator[Tensor]:
        """Yield the images of an index in batches, in its order, normalised float32 `(B, C, H, W)`.

        Parameters
        ----------
        index : Tensor, int64 (n,)
            Places of images in the set.
        change : Change, optional
            Random changes, one number per image of the set.
        """
        ...


def digests_of(split: Split) -> NDArray[np.uint8]:
    """Return a digest of each image's pixels, uint8 `(N, 16)`: computed where none is known."""
    if split.digests is not None:
        return split.digests
    texts = (
        hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
        for image in split.images
    )
    return np.frombuffer(b"".join(texts), np.uint8).reshape(-1, 16)


class TensorSet:
    """A set of images on a device.

    Parameters
    ----------
    split : Split
        uint8 images `(N, C, H, W)` and int64 labels `(N,)`.
    preprocessing : Preprocessing
        Gives the mean and std, in pixels of 0 to 1.
    device : torch.device
        Where the images live and the batches are made.
    memory_format : torch.memory_format
        Of the batches.
    numbers : int64 array (N,), optional
        The images' numbers in the set that they are a part of; 0 to N - 1 by default.
    """

    def __init__(
        self,
        split: Split,
        preprocessing: Preprocessing,
        device: torch.device,
        memory_format: torch.memory_format = torch.contiguous_format,
        *,
        numbers: NDArray[np.int64] | None = None,
    ) -> None:
        self.split, self.preprocessing = split, preprocessing
        self.numbers = None if numbers is None else torch.from_numpy(numbers).to(device)
        self.labels = torch.from_numpy(split.labels).to(device)
        # stored as batches are wanted: rows of an index keep the layout, nothing is rearranged
        self.images = (
            torch.from_numpy(split.images).to(device).contiguous(memory_format=memory_format)
        )
        self.memory_format = memory_format
        channels = (-1, 1, 1)
        std = torch.tensor(preprocessing.std, device=device).view(channels)
        mean = torch.tensor(preprocessing.mean, device=device).view(channels)
        # (x/255 - mean)/std as one multiplication and one addition
        self.scale = 1 / (255 * std)
        self.offset = -mean / std
        self.fill = 255 * mean

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, index: Tensor) -> Tensor:
        """Return float32 images `(B, C, H, W)` of an index, from 0 to 255."""
        # a tenth of the time of self.images[index], which is made for any kind of index
        return self.images.index_select(0, index).float()

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return normalised float32 images `(B, C, H, W)` and labels `(B,)` of an index."""
        return self._normalised(self.pixels(index)), self.labels[index]

    def some(
        self, index: Tensor, batch_size: int, change: Change | None = None
    ) -> Iterator[Tensor]:
        """Yield the images of an index in batches; see `PixelSet`."""
        for rows in index.to(self.images.device).split(batch_size):
            pixels = self.pixels(rows)
            if change is not None:
                numbers = change.numbers.to(rows.device)[rows]
                pixels = augment(pixels, numbers, change.settings, change.draws, self.fill)
            yield self._normalised(pixels)

    def augmented(
        self, index: Tensor, settings: Augmentation, draws: Draws
    ) -> tuple[Tensor, Targets]:
        """Return a batch as `batch` does, changed at random, and what it shows."""
        number = self._numbers(index)
        images = augment(self.pixels(index), number, settings, draws, self.fill)
        targets = Targets(self.labels[index])
        if settings.mixes:
            second = partners(number, len(self), draws)
            others = augment(self.pixels(second), self._numbers(second), settings, draws, self.fill)
            images, share = mix(images, others, number, settings, draws)
            targets = Targets(targets.labels, self.labels[second], share)
        return self._normalised(images), targets

    def _numbers(self, index: Tensor) -> Tensor:
        return index if self.numbers is None else self.numbers[index]

    def _normalised(self, images: Tensor) -> Tensor:
        """Normalise in place: every caller has made the tensor for this batch."""
        images = images.mul_(self.scale).add_(self.offset)
        return images.contiguous(memory_format=self.memory_format)

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the whole set once, unchanged and in its own order."""
        for index in torch.arange(len(self), device=self.images.device).split(batch_size):
            yield self.batch(index)

    def shuffled(
        self,
        batch_size: int,
        augmentation: Augmentation | None,
        seed: int,
        epoch: int,
        first: int = 0,
    ) -> Iterator[tuple[Tensor, Targets]]:
        """Yield one epoch of shuffled, augmented batches.

        Everything random in it follows from (seed, epoch), so an epoch can be entered at any
        batch. A single left-over image joins the last batch: batch normalisation cannot
        work on one.

        Parameters
        ----------
        augmentation : Augmentation, optional
            How to change the images; None leaves them alone.
        first : int
            Batches to leave out at the start, when resuming.
        """
        device = self.images.device
        settings, draws = augmentation or Augmentation(), Draws(seed, epoch)

        def augmented(index: Tensor) -> tuple[Tensor, Targets]:
            return self.augmented(index, settings, draws)

        def plain(index: Tensor) -> tuple[Tensor, Targets]:
            images, labels = self.batch(index)
            return images, Targets(labels)

        supply = recorded(augmented, device, warm_up=1) if settings.active else plain
        for index in epoch_batches(len(self), batch_size, seed, epoch, device)[first:]:
            yield supply(index)


def epoch_batches(
    images: int, batch_size: int, seed: int, epoch: int, device: torch.device
) -> tuple[Tensor, ...]:
    """Return the image numbers of an epoch's batches, int64 `(B,)`, shuffled by (seed, epoch)."""
    generator = torch.Generator().manual_seed(epoch_seed(seed, epoch))
    order = torch.randperm(images, generator=generator).to(device)
    batches: tuple[Tensor, ...] = order.split(batch_sizes(images, batch_size))
    return batches


def batch_sizes(images: int, batch_size: int) -> list[int]:
    """Return the sizes of an epoch's batches.

    >>> batch_sizes(10, 4), batch_sizes(9, 4)
    ([4, 4, 2], [4, 5])
    """
    sizes = [batch_size] * (images // batch_size)
    rest = images % batch_size
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def epoch_sizes(images: int, recipe: Recipe) -> list[int]:
    """Return the sizes of the batches that an epoch of a recipe draws: the first of its order.

    >>> epoch_sizes(10, Recipe(batch_size=4, epoch_share=0.5))
    [4, 4]
    """
    sizes = batch_sizes(images, recipe.batch_size)
    return sizes[: math.ceil(recipe.epoch_share * len(sizes))]


def epoch_seed(seed: int, epoch: int, purpose: int = 0) -> int:
    """Return a seed that depends on (seed, epoch, purpose) alone; purposes do not correlate."""
    state = np.random.SeedSequence([seed, epoch, purpose]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
