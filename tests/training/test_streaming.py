"""A streamed set trains as a set in memory does: every image once, the same order for a seed."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convlens import data
from convlens.data import Preprocessing, Split, StoredImages
from convlens.data.stored import PixelFile
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import DataError
from convlens.network import zoo
from convlens.training.batches import TensorSet, batch_sizes
from convlens.training.compute_settings import ComputeSettings
from convlens.training.loop import fit
from convlens.training.recipe import Augmentation, Recipe
from convlens.training.streaming import StreamedSet, image_set
from convlens.training.torch_training import TorchTraining, predict
from pictures import digit_folder

CPU = torch.device("cpu")
PREPARING = Preprocessing(input=(1, 4, 4), mean=(0.25,), std=(0.5,))
CHANGES = Augmentation(shift=0.2, rotate=20, scale=0.1, shear=10, flip=True)


def numbered(count: int) -> Split:
    """Images whose every pixel is their own number modulo 256, labelled with the number."""
    pixels = (np.arange(count) % 256).astype(np.uint8).reshape(-1, 1, 1, 1)
    return Split(np.broadcast_to(pixels, (count, 1, 4, 4)).copy(), np.arange(count))


def streamed(count: int, memory: int, rank: int = 0, world_size: int = 1) -> StreamedSet:
    return StreamedSet(
        numbered(count), PREPARING, CPU, memory=memory, rank=rank, world_size=world_size
    )


def labels(found: StreamedSet, size: int, epoch: int = 0, seed: int = 0) -> list[int]:
    batches = found.shuffled(size, Augmentation(), seed, epoch)
    return torch.cat([y.labels for _, y in batches]).tolist()


@given(st.integers(2, 300), st.integers(1, 40), st.integers(1, 20_000), st.integers(0, 3))
def test_an_epoch_has_every_image_once_in_batches_of_the_size(
    count: int, size: int, memory: int, epoch: int
) -> None:
    batches = list(streamed(count, memory).shuffled(size, Augmentation(), 0, epoch))
    assert [len(x) for x, _ in batches] == batch_sizes(count, size)
    assert sorted(torch.cat([y.labels for _, y in batches]).tolist()) == list(range(count))
    for x, y in batches[:2]:
        expected = ((y.labels % 256) / 255 - 0.25) / 0.5
        torch.testing.assert_close(x[:, 0, 2, 2], expected.float())


@given(st.integers(2, 100), st.integers(1, 30), st.integers(1, 5_000), st.integers(0, 12))
def test_an_epoch_entered_late_goes_on_with_the_same_batches(
    count: int, size: int, memory: int, first: int
) -> None:
    whole = list(streamed(count, memory).shuffled(size, CHANGES, 3, 2))
    late = list(streamed(count, memory).shuffled(size, CHANGES, 3, 2, first=first))
    assert len(late) == max(0, len(whole) - first)
    for (x, y), (images, numbers) in zip(whole[first:], late, strict=True):
        assert torch.equal(x, images)
        assert torch.equal(y.labels, numbers.labels)


def test_epochs_and_seeds_differ_and_repeat() -> None:
    found = streamed(500, 3_000)
    assert labels(found, 16) == labels(found, 16)
    assert labels(found, 16) != labels(found, 16, epoch=1)
    assert labels(found, 16) != labels(found, 16, seed=1)


def test_shuffling_mixes_near_and_far() -> None:
    order = np.asarray(labels(streamed(8_000, 3 * 16 * 800), 16))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    assert abs(first.mean() - second.mean()) < 2_000  # 4,000 in file order
    # neighbours in the file are far apart in the epoch
    places = np.argsort(order)
    assert np.median(np.abs(np.diff(places))) > 100


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_processes_of_a_world_share_the_batches_of_one(world_size: int) -> None:
    alone = streamed(100, 2_000).shuffled(12, CHANGES, 0, 0)
    world = [
        streamed(100, 2_000, rank, world_size).shuffled(12, CHANGES, 0, 0)
        for rank in range(world_size)
    ]
    for (images, numbers), *shares in zip(alone, *world, strict=True):
        for rank, (x, y) in enumerate(shares):
            torch.testing.assert_close(x, images[rank::world_size])
            assert torch.equal(y.labels, numbers.labels[rank::world_size])


def test_in_order_is_what_a_set_in_memory_gives() -> None:
    whole = TensorSet(numbered(77), PREPARING, CPU)
    for memory in (1, 1_000, 10**6):
        for (x, y), (images, numbers) in zip(
            streamed(77, memory).in_order(10), whole.in_order(10), strict=True
        ):
            assert torch.equal(x, images)
            assert torch.equal(y, numbers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digit_folder(tmp_path_factory.mktemp("set") / "digits", 100, classes=3)


def test_the_loop_trains_on_a_streamed_folder(folder: Path) -> None:
    dataset = data.load(folder, memory=60_000)
    assert isinstance(dataset.train.images, StoredImages)
    network = zoo.load("fast-mnist").adapted((1, 28, 28), 3)
    recipe = Recipe(epochs=4, batch_size=16, precision="float32", memory_format="contiguous")
    training = TorchTraining(
        TorchModel(network, 0),
        recipe,
        len(dataset.train),
        CPU,
        ComputeSettings("float32", "contiguous"),
    )
    train, validation, test = (
        image_set(dataset.part(part), dataset.preprocessing, CPU, memory=dataset.memory)
        for part in ("train", "validation", "test")
    )
    assert isinstance(train, StreamedSet)
    assert fit(training, train, validation, lambda event: None)
    right = predict(training.module, test).argmax(1) == test.labels
    assert right.double().mean() > 0.9


def test_a_reading_error_reaches_the_loop_and_no_thread_stays(tmp_path: Path) -> None:
    path = tmp_path / "pixels.npy"
    np.save(path, numbered(1000).images)
    images = StoredImages(PixelFile(path), np.arange(1000))
    found = StreamedSet(Split(images, np.arange(1000)), PREPARING, CPU, memory=3_000)  # type: ignore[arg-type]
    batches = found.shuffled(10, Augmentation(), 0, 0)
    next(batches)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="shorter"):
        list(batches)
    left = found.in_order(10)
    with pytest.raises(DataError):
        next(left)
    del batches, left
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read")]
