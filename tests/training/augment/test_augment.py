"""Each change on real images: exact where it can be, and against another implementation."""

from __future__ import annotations

import colorsys
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from torch import Tensor

import trained
from convlens.training.augment import Draws, augment, mix, partners
from convlens.training.augment import colour as colours
from convlens.training.augment.affine import input_places, resample
from convlens.training.augment.crop import crop
from convlens.training.augment.mix import larger_shares
from convlens.training.recipe import Augmentation
from convlens.training.targets import Targets

DRAWS = Draws(seed=2, epoch=4)
INDEX = torch.arange(32) * 7


@cache
def digits(count: int = 32) -> Tensor:
    return torch.from_numpy(trained.digits().train.images[:count]).float()


@cache
def coloured() -> Tensor:
    """Real digits as colour images: three different ones as red, green and blue."""
    return digits(96).view(32, 3, 28, 28)


def test_no_settings_leave_every_pixel_as_it_was() -> None:
    assert augment(digits(), INDEX, Augmentation(), DRAWS) is digits()
    assert not Augmentation().active


@pytest.mark.parametrize("padding", ["reflect", "zero"])
def test_a_crop_without_padding_is_the_image(padding: str) -> None:
    found = crop(digits(), INDEX, Augmentation(crop=0, padding=padding), DRAWS)
    assert torch.equal(found, digits())


def test_a_part_of_the_image_has_the_area_and_the_shape_that_were_asked_for() -> None:
    """On an image whose pixels are their own places, the part can be read off its corners."""
    side = 100
    ramp = torch.arange(side).float().add(0.5)
    places = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side)])
    images = places.expand(500, -1, -1, -1)
    found = augment(images, torch.arange(500), Augmentation(area=0.25), DRAWS)
    middle, step = found[:, :, side // 2, side // 2], 10
    wide = (found[:, 0, 50, 50 + step] - middle[:, 0]) / step
    high = (found[:, 1, 50 + step, 50] - middle[:, 1]) / step
    area, ratio = wide * high, wide / high
    assert area.min() >= 0.24
    assert area.max() <= 1.001
    assert area.min() < 0.3
    assert area.max() > 0.9
    assert 3 / 4 - 0.01 <= ratio.min() < 0.8
    assert 1.25 < ratio.max() <= 4 / 3 + 0.01
    left, right = found[:, 0, 50, 0], found[:, 0, 50, -1]
    assert left.min() >= 0
    assert right.max() <= side
    assert left.std() > 5


CHANGES = [
    {"shift": 0.2}, {"rotate": 20}, {"scale": 0.3}, {"shear": 20}, {"flip": True},
    {"flip": "alternating"}, {"crop": 4}, {"crop": 4, "padding": "zero"}, {"cutout": 0.4},
    {"erase": 1.0}, {"area": 0.3}, {"brightness": 0.5}, {"contrast": 0.5}, {"saturation": 0.5},
    {"hue": 0.3},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_depends_on_seed_epoch_and_index_alone(change: dict[str, object]) -> None:
    settings = Augmentation(**change)
    assert settings.active
    whole = augment(coloured(), INDEX, settings, DRAWS)
    assert whole.shape == coloured().shape
    order = torch.randperm(32)
    shuffled = augment(coloured()[order], INDEX[order], settings, DRAWS)
    assert torch.equal(shuffled, whole[order])
    # a single image may take another path through vectorised code: equal to the last bits
    alone = augment(coloured()[5:6], INDEX[5:6], settings, DRAWS)
    torch.testing.assert_close(alone, whole[5:6], atol=1e-3, rtol=1e-6)
    for other in (Draws(2, 5), Draws(3, 4)):
        again = augment(coloured(), INDEX, settings, other)
        changed = [not torch.equal(a, b) for a, b in zip(whole, again, strict=True)]
        assert sum(changed) > 5
    assert whole.min() >= 0
    assert whole.max() <= 255.001


def test_flips_are_exact_and_hit_about_half_the_images() -> None:
    images = digits(400)
    found = augment(images, torch.arange(400), Augmentation(flip=True), DRAWS)
    mirrored = [torch.equal(a, b.flip(-1)) for a, b in zip(found, images, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(found, images, strict=True)]
    assert all(a or b for a, b in zip(mirrored, kept, strict=True))
    assert 150 < sum(mirrored) < 250


def test_alternating_flips_show_both_sides_in_any_two_neighbouring_epochs() -> None:
    settings = Augmentation(flip="alternating")
    epochs = [augment(digits(), INDEX, settings, Draws(2, epoch)) for epoch in range(4)]
    assert torch.equal(epochs[0], epochs[1].flip(-1))
    assert torch.equal(epochs[0], epochs[2])
    assert torch.equal(epochs[1], epochs[3])
    kept = [torch.equal(a, b) for a, b in zip(epochs[0], digits(), strict=True)]
    assert 6 < sum(kept) < 26


@pytest.mark.parametrize(("padding", "mode"), [("reflect", "reflect"), ("zero", "constant")])
def test_a_crop_is_a_window_of_the_padded_image(padding: str, mode: str) -> None:
    images = coloured()
    found = crop(images, INDEX, Augmentation(crop=3, padding=padding), DRAWS)
    windows = F.pad(images, (3, 3, 3, 3), mode=mode).unfold(2, 28, 1).unfold(3, 28, 1)
    for number, image in enumerate(found):
        same = (windows[number].movedim(0, 2) == image).flatten(2).all(2)
        assert same.any()
    shifted = [not torch.equal(a, b) for a, b in zip(found, images, strict=True)]
    assert sum(shifted) > 20


def test_a_crop_may_be_wider_than_the_image() -> None:
    assert crop(digits(), INDEX, Augmentation(crop=100), DRAWS).shape == digits().shape
    pixel = torch.full((3, 1, 1, 1), 9.0)
    assert torch.equal(crop(pixel, torch.arange(3), Augmentation(crop=2), DRAWS), pixel)


def test_places_in_the_input_are_those_of_affine_grid() -> None:
    matrices = torch.eye(2, 3) + 0.3 * torch.randn(5, 2, 3)
    expected = F.affine_grid(matrices, [5, 1, 7, 12], align_corners=False)
    torch.testing.assert_close(input_places(matrices, 7, 12), expected)


def test_a_quarter_turn_of_a_wide_image_turns_pixels_not_stretched_coordinates() -> None:
    image = torch.zeros(1, 1, 5, 9)
    image[0, 0, 2, 2:7] = 1  # a horizontal bar through the centre
    turn = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    turned = resample(image, turn)[0, 0]
    expected = torch.zeros(5, 9)
    expected[:, 4] = 1  # a vertical bar of the same length
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)


def test_cutout_covers_a_square_that_the_border_may_cut() -> None:
    found = augment(torch.ones(500, 1, 20, 30), torch.arange(500), Augmentation(cutout=0.4), DRAWS)
    covered = (found == 0).sum((1, 2, 3))
    assert covered.max() == 8 * 8
    assert covered.min() >= 4 * 4  # centred inside, so at least a quarter is
    assert (covered == 64).float().mean() > 0.3


def test_erasing_hits_its_share_of_the_images_and_areas_of_2_to_33_percent() -> None:
    images, index = torch.ones(2000, 3, 40, 40), torch.arange(2000)
    fill = torch.tensor([0.2, 0.4, 0.6]).view(3, 1, 1)
    found = augment(images, index, Augmentation(erase=0.3), DRAWS, fill)
    covered = (found[:, 0] == 0.2).float().mean((1, 2))
    assert 0.25 < (covered > 0).float().mean() < 0.35
    assert covered.max() < 0.35
    assert torch.equal(found[:, 0] == 0.2, found[:, 2] == 0.6)


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
@pytest.mark.parametrize("change", ["brightness", "contrast", "saturation"])
def test_brightness_contrast_and_saturation_are_pillows(change: str, factor: float) -> None:
    enhance = {
        "brightness": ImageEnhance.Brightness,
        "contrast": ImageEnhance.Contrast,
        "saturation": ImageEnhance.Color,
    }[change]
    found = getattr(colours, change)(coloured(), torch.full((32,), factor))
    for ours, image in zip(found, coloured(), strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy().astype(np.uint8))
        expected = np.asarray(enhance(picture).enhance(factor), np.float32)
        # Pillow rounds: the grey it blends with, and then the result down
        np.testing.assert_allclose(ours.permute(1, 2, 0).numpy(), expected, atol=1.6)


@given(st.floats(-0.5, 0.5, width=32))
def test_the_hue_turns_as_in_colorsys(turn: float) -> None:
    image = coloured()[:1]
    found = colours.hue(image, torch.tensor([turn]))[0].permute(1, 2, 0)
    for ours, pixel in zip(found[10:18, 14], image[0, :, 10:18, 14].T, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255).tolist())
        expected = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
        np.testing.assert_allclose(ours / 255, expected, atol=2e-5)


def test_grey_images_have_no_hue_and_saturation_to_change() -> None:
    settings = Augmentation(hue=0.5, saturation=1.0)
    assert torch.equal(augment(digits(), INDEX, settings, DRAWS), digits())


@pytest.mark.parametrize("settings", [{"mixup": 0.2}, {"cutmix": 1.0}, {"mixup": 1, "cutmix": 1}])
def test_mixtures_keep_at_least_half_of_their_own_and_shares_sum_to_one(
    settings: dict[str, float],
) -> None:
    images = digits(200)
    index = torch.arange(200)
    second = partners(index, 200, DRAWS)
    mixed, share = mix(images, images[second], index, Augmentation(**settings), DRAWS)
    assert mixed.shape == images.shape
    assert share.min() >= 0.5 - 0.02  # a box is rounded to whole pixels
    assert share.max() <= 1
    labels = torch.from_numpy(trained.digits().train.labels[:200])
    soft = Targets(labels, labels[second], share).probabilities(10)
    torch.testing.assert_close(soft.sum(1), torch.ones(200))
    assert (soft >= 0).all()
    order = torch.randperm(200)
    again, shares = mix(
        images[order], images[second][order], index[order], Augmentation(**settings), DRAWS
    )
    assert torch.equal(again, mixed[order])
    assert torch.equal(shares, share[order])


def test_a_cutmix_has_each_pixel_from_one_of_the_two_in_the_share_it_says() -> None:
    ones, zeros, index = torch.ones(300, 2, 28, 28), torch.zeros(300, 2, 28, 28), torch.arange(300)
    mixed, share = mix(ones, zeros, index, Augmentation(cutmix=1.0), DRAWS)
    assert set(mixed.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(mixed.mean((1, 2, 3)), share)
    assert share.std() > 0.1


def test_with_both_about_half_the_images_are_blended_and_half_have_a_box() -> None:
    ones, zeros, index = torch.ones(400, 1, 28, 28), torch.zeros(400, 1, 28, 28), torch.arange(400)
    mixed, _ = mix(ones, zeros, index, Augmentation(mixup=1.0, cutmix=1.0), DRAWS)
    blended = ((mixed > 0) & (mixed < 1)).flatten(1).any(1).sum()
    assert 150 < blended < 250


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_follow_the_larger_half_of_a_beta_distribution(alpha: float) -> None:
    drawn = np.random.default_rng(0).beta(alpha, alpha, 200_000)
    expected = np.quantile(np.maximum(drawn, 1 - drawn), [0.1, 0.5, 0.9])
    found = np.quantile(larger_shares(alpha, torch.device("cpu")).numpy(), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(found, expected, atol=0.005)
