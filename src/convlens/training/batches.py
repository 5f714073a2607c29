"""Whole sets in memory as uint8, indexed a batch at a time.

Fetching a batch is one index operation; decoding, stacking and worker processes, which cost
more than the training of a small network, are not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from convlens.data import Preprocessing, Split
from convlens.training import augment
from convlens.training.recipe import Augmentation


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
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch of shuffled, augmented batches from the `first` on."""
        ...


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
    """

    def __init__(
        self,
        split: Split,
        preprocessing: Preprocessing,
        device: torch.device,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.images = torch.from_numpy(split.images).to(device)
        self.labels = torch.from_numpy(split.labels).to(device)
        self.memory_format = memory_format
        channels = (1, -1, 1, 1)
        # (x/255 - mean)/std as one multiplication and one addition
        std = torch.tensor(preprocessing.std, device=device).view(channels)
        mean = torch.tensor(preprocessing.mean, device=device).view(channels)
        self.scale = 1 / (255 * std)
        self.offset = -mean / std

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return normalised float32 images `(B, C, H, W)` and labels `(B,)` of an index."""
        images = self.images[index].float()
        if changes is not None:
            images = augment.apply(images, changes)
        images = torch.addcmul(self.offset, images, self.scale)
        return images.contiguous(memory_format=self.memory_format), self.labels[index]

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the whole set once, unchanged and in its own order."""
        for index in torch.arange(len(self), device=self.images.device).split(batch_size):
            yield self.batch(index)

    def shuffled(
        self,
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
        epoch: int,
        first: int = 0,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch of shuffled, augmented batches.

        Everything random in it follows from (seed, epoch), so an epoch can be entered at any
        batch. A single left-over image joins the last batch: batch normalisation cannot
        work on one.

        Parameters
        ----------
        first : int
            Batches to leave out at the start, when resuming.
        """
        device = self.images.device
        generator = torch.Generator().manual_seed(epoch_seed(seed, epoch))
        order = torch.randperm(len(self), generator=generator).to(device)
        changes = None
        if augmentation.active:
            changes = augment.draw(augmentation, len(self), generator).to(device)
        for index in list(order.split(batch_sizes(len(self), batch_size)))[first:]:
            yield self.batch(index, None if changes is None else changes[index])


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


def epoch_seed(seed: int, epoch: int, purpose: int = 0) -> int:
    """Return a seed that depends on (seed, epoch, purpose) alone; purposes do not correlate."""
    state = np.random.SeedSequence([seed, epoch, purpose]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
