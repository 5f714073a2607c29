"""Batches: every image once, the same whenever an epoch is entered, normalised as said."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from convlens.data import Preprocessing, Split
from convlens.training import augment
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
    seen = torch.cat([y for _, y in numbered(count).shuffled(size, Augmentation(), 0, epoch)])
    assert sorted(seen.tolist()) == list(range(count))


def test_epochs_differ_and_repeat_with_their_seed() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        batches = numbered(50).shuffled(10, Augmentation(), seed, epoch)
        return torch.cat([y for _, y in batches]).tolist()

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
        assert torch.equal(y, labels)


def test_batches_are_normalised_per_channel() -> None:
    images, _ = next(numbered(10, channels=3).in_order(10))
    expected = (torch.arange(10) / 255 - 0.25) / 0.5
    torch.testing.assert_close(images[:, 2, 1, 1], expected)


def test_no_augmentation_settings_means_no_change() -> None:
    matrices = augment.draw(Augmentation(), 5, torch.Generator().manual_seed(0))
    images = torch.rand(5, 2, 6, 6)
    torch.testing.assert_close(augment.apply(images, matrices), images)


def test_a_flip_mirrors_left_and_right_about_half_the_time() -> None:
    matrices = augment.draw(Augmentation(flip=True), 400, torch.Generator().manual_seed(0))
    image = torch.rand(1, 1, 5, 5)
    changed = augment.apply(image.expand(400, 1, 5, 5), matrices)
    mirrored = [torch.allclose(c, image[0].flip(-1), atol=1e-5) for c in changed]
    kept = [torch.allclose(c, image[0], atol=1e-5) for c in changed]
    assert 150 < sum(mirrored) < 250
    assert sum(mirrored) + sum(kept) == 400


def test_a_quarter_turn_of_a_wide_image_turns_pixels_not_stretched_coordinates() -> None:
    image = torch.zeros(1, 1, 5, 9)
    image[0, 0, 2, 2:7] = 1  # a horizontal bar through the centre
    turn = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    turned = augment.apply(image, turn)[0, 0]
    expected = torch.zeros(5, 9)
    expected[:, 4] = 1  # a vertical bar of the same length
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)
