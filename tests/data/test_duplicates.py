"""Duplicates: copies are found however they were saved; what is only alike is not one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import photos
import trained
from convlens import data
from convlens.data import Split, duplicates
from convlens.data.duplicates import (
    SAME,
    SAME_AMONG_ALIKE,
    across_note,
    constant,
    dct_hash,
    exact_groups,
    near_pairs,
)

Images = NDArray[np.uint8]


def as_jpeg(image: Images, quality: int) -> Images:
    """Save an image (C, H, W) as JPEG and read it again."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    again = np.asarray(Image.open(file))
    return again[None] if len(image) == 1 else again.transpose(2, 0, 1)


def photo_tiles() -> Images:
    """Return the 60 tiles of two photos with the most contrast, (60, 3, 64, 64).

    In empty sky there is nothing but what JPEG changes.
    """
    both = [tile for name in photos.CLASSES for tile in photos.tiles(name)]
    both.sort(key=lambda tile: -tile.std())
    return np.stack(both[:60]).transpose(0, 3, 1, 2)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_exact_groups_are_those_of_equal_pixels(values: list[int]) -> None:
    images = np.zeros((len(values), 2, 3, 3), np.uint8)
    images[:, 1, 2, 0] = values
    expected = [
        [i for i, value in enumerate(values) if value == wanted]
        for wanted in dict.fromkeys(values)
        if values.count(wanted) > 1
    ]
    assert [group.tolist() for group in exact_groups(images)] == expected


def test_a_hash_survives_jpeg_and_brightness_and_tells_pictures_apart() -> None:
    images = photo_tiles()
    hashes = dct_hash(images)
    darker = (images * 0.8).astype(np.uint8)
    saved = np.stack([as_jpeg(image, 75) for image in images])
    for changed in (darker, saved):
        assert np.bitwise_count(dct_hash(changed) ^ hashes).mean() < 3
    apart = np.bitwise_count(hashes[:30, None] ^ hashes[None, 30:])
    assert apart.mean() > 20  # of unrelated bits, half of 63
    assert not (hashes & np.uint64(1)).any()


def test_near_hashes_are_all_found_without_comparing_all_pairs() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, 400).astype(np.uint64)
    for number in range(0, 400, 4):  # neighbours that differ in 0 to 9 bits
        turned = rng.choice(64, number // 4 % 10, replace=False)
        mask = sum(1 << int(bit) for bit in turned)
        hashes[number + 1] = hashes[number] ^ np.uint64(mask)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None])
    expected = {(i, j) for i, j in np.argwhere(distance <= 7).tolist() if i < j}
    found = {
        pair
        for left, right in duplicates._near_hashes(hashes)
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    }
    assert found == expected
    assert len(found) == 80


def test_no_digit_is_called_a_copy_of_another_but_saved_copies_are() -> None:
    digits = trained.digits()
    images = np.concatenate([digits.train.images, digits.validation.images, digits.test.images])
    alone = near_pairs(images)
    assert (len(alone), alone.threshold, alone.complete) == (0, SAME_AMONG_ALIKE, True)
    copies = np.stack([as_jpeg(image, 75) for image in images[:100]])
    found = near_pairs(np.concatenate([images, copies]))
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert len(pairs & {(i, 5000 + i) for i in range(100)}) >= 98
    assert all(second - first == 5000 for first, second in pairs)


def test_saved_photos_are_found_at_the_lower_threshold() -> None:
    images = photo_tiles()
    copies = np.stack([as_jpeg(image, 75) for image in images[20:60:2]])
    found = near_pairs(np.concatenate([images, copies]))
    assert found.threshold == SAME
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    expected = {(20 + 2 * i, 60 + i) for i in range(20)}
    assert len(pairs & expected) >= 18
    assert len(pairs - expected) <= 2


def test_cifars_known_near_duplicates_are_found_and_nothing_else(shared_data: Path) -> None:
    found = data.load(shared_data / "cifar10-subset" / "cifar10_subset.npz")
    parts = [found.part(split).images for split in ("train", "validation", "test")]
    pairs = near_pairs(np.concatenate(parts))
    # looked at one by one: each is one photo, recoloured or cut a little differently
    assert (len(pairs), pairs.threshold) == (8, SAME)


@pytest.mark.slow
def test_mnist_has_three_near_pairs_among_70_000_digits(shared_data: Path) -> None:
    mnist = data.load(shared_data / "mnist")
    parts = [mnist.part(split).images for split in ("train", "validation", "test")]
    found = near_pairs(np.concatenate(parts))
    assert (len(found), found.threshold, found.complete) == (3, SAME_AMONG_ALIKE, True)


def test_constant_images_pair_with_none_and_small_sets_do_not_fail() -> None:
    images = np.full((5, 3, 8, 8), 7, np.uint8)
    assert constant(images).all()
    assert len(near_pairs(images)) == 0
    images[0, 1, 2, 3] = 9
    assert constant(images).tolist() == [False, True, True, True, True]
    assert len(near_pairs(images)) == 0
    for shape in ((1, 1), (1, 9), (3, 2)):
        noise = np.random.default_rng(0).integers(0, 256, (30, 1, *shape)).astype(np.uint8)
        near_pairs(noise)
        assert (len(near_pairs(np.repeat(noise[:1], 2, 0))) == 1) == (shape != (1, 1))


def test_the_search_ends_where_one_picture_has_too_many_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplicates, "MAX_CANDIDATES", 1000)
    copies = np.repeat(photo_tiles()[:1], 300, axis=0)
    assert not near_pairs(copies).complete


def test_a_note_names_the_splits_of_near_duplicates_and_big_sets_are_not_searched() -> None:
    images = photo_tiles()

    def part(pictures: Images) -> Split:
        return Split(pictures, np.zeros(len(pictures), np.int64))

    train, held = part(images[:50]), part(images[50:52])
    test = part(np.stack([as_jpeg(images[30], 90), images[55]]))
    (note,) = across_note(train, held, test)
    assert "1 pair of nearly the same picture" in note
    assert "one in train and one in test" in note
    assert across_note(train, held, test, most=10) == []
    assert across_note(train, held, part(images[55:])) == []
