"""Sets larger than memory: read from their file a buffer at a time, while the last one trains.

A file is fast when it is read in long pieces, and training needs images in random order. Both
are had by shuffling twice: pieces of the file (shards) are drawn at random, and the images of a
buffer of many shards are shuffled among themselves. The images of a folder lie in a mixed order
already, so that a shard is a sample of all classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from convlens.data import Preprocessing, Split, StoredImages
from convlens.training.augment import Draws
from convlens.training.batches import Change, PixelSet, TensorSet, batch_sizes, epoch_seed
from convlens.training.recipe import Augmentation
from convlens.training.targets import Targets

BUFFERS = 3
"""Parts of the memory: a buffer in use, one that is ready, and one being read."""

SHARD_BYTES = 4 * 2**20
SHARDS = 8
"""Fewest shards in a buffer: fewer would shuffle too little."""

MEMORY = 256 * 10**6
"""Bytes of memory when nothing is said."""


def image_set(
    split: Split,
    preprocessing: Preprocessing,
    device: torch.device,
    memory_format: torch.memory_format = torch.contiguous_format,
    *,
    memory: int | None = None,
) -> PixelSet:
    """Return a split as the training takes it: whole in memory, or streamed from its file.

    Parameters
    ----------
    split, preprocessing, device, memory_format
        See `TensorSet`.
    memory : int, optional
        Bytes that a streamed set may take.
    """
    if isinstance(split.images, StoredImages):
        return StreamedSet(split, preprocessing, device, memory_format, memory=memory)
    return TensorSet(split, preprocessing, device, memory_format)


class StreamedSet:
    """A set whose images stay in their file; to the training it is a `TensorSet`.

    The order of an epoch follows from (seed, epoch), the batch size and the memory, so that an
    epoch can be entered at any batch. With several processes each takes its share of every batch
    of that one order.

    Parameters
    ----------
    split : Split
        Images `(N, C, H, W)`, `StoredImages` or any array, and labels `(N,)`.
    preprocessing : Preprocessing
        Gives the mean and std, in pixels of 0 to 1.
    device : torch.device
        Where the batches are made.
    memory_format : torch.memory_format
        Of the batches.
    memory : int, optional
        Bytes that the images may take; one batch at least is held, whatever it says.
    rank, world_size : int
        Which of how many processes this is.
    """

    def __init__(
        self,
        split: Split,
        preprocessing: Preprocessing,
        device: torch.device,
        memory_format: torch.memory_format = torch.contiguous_format,
        *,
        memory: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.split, self.preprocessing, self.device = split, preprocessing, device
        self.memory_format = memory_format
        self.labels = torch.from_numpy(split.labels).to(device)
        self.rank, self.world_size = rank, world_size
        self.image_bytes = int(np.prod(split.images.shape[1:]))
        self.buffer = max(1, (MEMORY if memory is None else memory) // BUFFERS // self.image_bytes)

    def __len__(self) -> int:
        return len(self.split.labels)

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the whole set once, unchanged and in its own order."""
        size = self._buffer_of(batch_size)
        for index, images in self._read(torch.arange(len(self)).split(size)):
            for local in torch.arange(len(index)).split(batch_size):
                yield images.batch(local.to(self.device))

    def some(
        self, index: Tensor, batch_size: int, change: Change | None = None
    ) -> Iterator[Tensor]:
        """Yield the images of an index in batches; see `PixelSet`."""
        size = self._buffer_of(batch_size)
        for numbers, images in self._read(index.cpu().split(size)):
            places = torch.from_numpy(np.argsort(np.argsort(numbers.numpy())))
            own = None if change is None else change.of(numbers.sort().values.to(self.device))
            yield from images.some(places, batch_size, own)

    def shuffled(
        self,
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
        epoch: int,
        first: int = 0,
    ) -> Iterator[tuple[Tensor, Targets]]:
        """Yield one epoch of shuffled, augmented batches, as `TensorSet.shuffled` does.

        An image is mixed with one of its own buffer.

        Parameters
        ----------
        first : int
            Batches to leave out at the start, when resuming.
        """
        generator = torch.Generator().manual_seed(epoch_seed(seed, epoch))
        buffers = self.order(batch_size, generator)
        draws = Draws(seed, epoch)
        before = 0
        while buffers and before + len(batch_sizes(len(buffers[0]), batch_size)) <= first:
            before += len(batch_sizes(len(buffers.pop(0)), batch_size))
        for index, images in self._read(buffers):
            places = torch.from_numpy(np.argsort(np.argsort(index.numpy())))
            batches = places.split(batch_sizes(len(index), batch_size))
            for number, batch in enumerate(batches, start=before):
                if number < first:
                    continue
                share = batch[self.rank :: self.world_size].to(self.device)
                if augmentation.active:
                    yield images.augmented(share, augmentation, draws)
                else:
                    pixels, labels = images.batch(share)
                    yield pixels, Targets(labels)
            before += len(batch_sizes(len(index), batch_size))

    def order(self, batch_size: int, generator: torch.Generator) -> list[Tensor]:
        """Draw the order of an epoch: the image numbers of each buffer, shuffled.

        Every image is in it once. All buffers but the last hold whole batches.
        """
        size = self._buffer_of(batch_size)
        shard = max(1, min(SHARD_BYTES // self.image_bytes, size // SHARDS))
        shards = torch.arange(len(self)).split(shard)
        drawn = torch.randperm(len(shards), generator=generator).tolist()
        buffers = list(torch.cat([shards[number] for number in drawn]).split(size))
        if len(buffers) > 1 and len(buffers[-1]) == 1:
            # batch normalisation cannot work on one image: it joins the last batch
            buffers[-2:] = [torch.cat(buffers[-2:])]
        return [buffer[torch.randperm(len(buffer), generator=generator)] for buffer in buffers]

    def _buffer_of(self, batch_size: int) -> int:
        """Return the images of a buffer: whole batches, at least one."""
        return max(1, self.buffer // batch_size) * batch_size

    def _read(self, buffers: Iterable[Tensor]) -> Iterator[tuple[Tensor, TensorSet]]:
        """Yield each buffer's image numbers and its images in ascending order of these.

        The next buffer is read by a thread while the caller works on this one.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
            waiting = None
            for index in chain(buffers, (None,)):
                following = None if index is None else (index, reader.submit(self._load, index))
                if waiting is not None:
                    yield waiting[0], waiting[1].result()
                waiting = following

    def _load(self, index: Tensor) -> TensorSet:
        numbers = np.sort(index.numpy())
        part = Split(self.split.images[numbers], self.split.labels[numbers])
        return TensorSet(part, self.preprocessing, self.device, self.memory_format, numbers=numbers)
