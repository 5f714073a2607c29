"""Batches: every image once, the same whenever an epoch is entered, normalised as said."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from convlens.data import Preprocessing, Split
from convlens.training.augment import Draws
from convlens.training.batches import TensorSet, batch_sizes
from convlens.training.recipe import Augmentation

CPU = torch.device("cpu")


def numbered(count: int, channels: int = 1) -> TensorSet:
    """Images whose every pixel is their own number, labelled with it."""
    images = np.zeros((count, channels, 4, 4), np.uint8) + np.arange(count, dtype=np.uint8).reshape(
        -1, 1, 1, 1
    )
    split = Split(images=images, labels=np.arange(count, dtype=np.int64))
    mean, std = (0.25,) * channels, (0.5,) * channels
    return TensorSet(split, Preprocessing(input=(channels, 4, 4), mean=mean, std=std), CPU)


@given(st.integers(1, 500), st.integers(1, 60))
def test_batch_sizes_cover_the_set_and_leave_no_image_alone(images: int, size: int) -> None:
    sizes = batch_sizes(images, size)
    assert sum(sizes) == images
    assert all(n == size for n in sizes[:-1])
    assert len(sizes) == 1 or sizes[-1] > 1 or size == 1


@given(st.integers(2, 60), st.integers(1, 20), st.integers(0, 5))
def test_an_epoch_has_every_image_once(count: int, size: int, epoch: int) -> None:
    batches = numbered(count).shuffled(size, Augmentation(), 0, epoch)
    seen = torch.cat([y.labels for _, y in batches])
    assert sorted(seen.tolist()) == list(range(count))


def test_epochs_differ_and_repeat_with_their_seed() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        batches = numbered(50).shuffled(10, Augmentation(), seed, epoch)
        return torch.cat([y.labels for _, y in batches]).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_an_epoch_entered_late_goes_on_with_the_same_batches() -> None:
    settings = Augmentation(shift=0.2, rotate=20, scale=0.1, shear=10, flip=True)
    whole = list(numbered(50).shuffled(8, settings, 3, 2))
    late = list(numbered(50).shuffled(8, settings, 3, 2, first=4))
    assert len(late) == len(whole) - 4
    for (x, y), (images, labels) in zip(whole[4:], late, strict=True):
        assert torch.equal(x, images)
        assert torch.equal(y.labels, labels.labels)


def test_batches_are_normalised_per_channel() -> None:
    images, _ = next(numbered(10, channels=3).in_order(10))
    expected = (torch.arange(10) / 255 - 0.25) / 0.5
    torch.testing.assert_close(images[:, 2, 1, 1], expected)


def test_a_batch_of_a_set_stored_channels_last_has_the_same_numbers() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (9, 3, 6, 5)).astype(np.uint8)
    split = Split(pixels, np.arange(9, dtype=np.int64))
    preparing = Preprocessing((3, 6, 5), (0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    index = torch.tensor([4, 0, 7])
    plain = TensorSet(split, preparing, CPU).batch(index)[0]
    last = TensorSet(split, preparing, CPU, torch.channels_last).batch(index)[0]
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(plain, last)
    torch.testing.assert_close(plain, torch.from_numpy(preparing.normalise(pixels[index])))


def test_making_a_batch_leaves_the_set_as_it_was() -> None:
    images = numbered(20)
    before = images.images.clone()
    first = images.batch(torch.arange(20))[0]
    images.augmented(torch.arange(20), Augmentation(rotate=20, mixup=1, erase=1), Draws(0, 0))
    assert torch.equal(images.images, before)
    assert torch.equal(images.batch(torch.arange(20))[0], first)


EVERYTHING = Augmentation(
    **{"shift": 0.2, "rotate": 20, "scale": 0.1, "shear": 10, "flip": True, "crop": 1},
    **{"cutout": 0.3, "erase": 0.5, "mixup": 0.4, "cutmix": 1.0},
    **{"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1},
)


def seen(batch_size: int, seed: int, epoch: int, first: int = 0) -> dict[int, torch.Tensor]:
    """Return every image of an epoch by its number in the set, which is its label."""
    batches = numbered(30, channels=3).shuffled(batch_size, EVERYTHING, seed, epoch, first)
    return {
        int(own): image
        for images, targets in batches
        for image, own in zip(images, targets.labels, strict=True)
    }


def test_an_image_is_changed_the_same_whatever_the_batch_size_and_the_point_of_resuming() -> None:
    expected = seen(30, 3, 2)
    for found in (seen(8, 3, 2), seen(7, 3, 2, first=2)):
        assert all(torch.equal(image, expected[number]) for number, image in found.items())
    other_epoch, other_seed = seen(30, 3, 3), seen(30, 4, 2)
    same = [torch.equal(expected[n], other_epoch[n]) for n in range(30)]
    assert not any(same)
    assert not any(torch.equal(expected[n], other_seed[n]) for n in range(30))


def test_a_mixed_image_has_its_own_and_its_partners_label_and_pixels() -> None:
    images = numbered(40)
    settings, draws = Augmentation(mixup=1.0), Draws(1, 0)
    mixed, targets = images.augmented(torch.arange(40), settings, draws)
    assert targets.others is not None
    assert targets.labels.tolist() == list(range(40))
    assert len(set(targets.others.tolist())) > 15
    # each image's pixels are its number, so the mixture says how it was made
    expected = targets.shares * targets.labels + (1 - targets.shares) * targets.others
    torch.testing.assert_close(mixed[:, 0, 2, 2], (expected / 255 - 0.25) / 0.5)
