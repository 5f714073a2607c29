"""Fixed kernels: against PyTorch, SciPy and sums by hand, and each does what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from convlens.data.digits import read
from convlens.foundation.errors import InputError
from convlens.inside.image_filters import GALLERY, Kernel, apply_kernel, as_picture, find_kernel

DIGIT = read()[1].images[3, 0]
EVERY = pytest.mark.parametrize("kernel", GALLERY.values(), ids=GALLERY)


def torch_result(image: np.ndarray, kernel: np.ndarray, padding: tuple[int, ...]) -> np.ndarray:
    """Correlate with PyTorch; padding is (top, bottom, left, right)."""
    top, bottom, left, right = padding
    channels = torch.from_numpy(image.astype(np.float64)).reshape(-1, 1, *image.shape[-2:])
    padded = F.pad(channels, (left, right, top, bottom))
    result = F.conv2d(padded, torch.from_numpy(kernel.copy())[None, None])
    return result.reshape(*image.shape[:-2], *result.shape[-2:]).numpy()


@EVERY
def test_every_kernel_gives_what_pytorch_gives(kernel: Kernel) -> None:
    expected = torch_result(DIGIT, kernel.array, (0, 0, 0, 0))
    np.testing.assert_allclose(apply_kernel(DIGIT, kernel), expected, atol=1e-10)


@EVERY
def test_with_same_padding_every_kernel_gives_what_scipy_gives(kernel: Kernel) -> None:
    # SciPy centres a kernel of even size one cell further to the lower right
    origin = [size % 2 - 1 for size in kernel.array.shape]
    expected = ndimage.correlate(
        DIGIT.astype(np.float64), kernel.array, mode="constant", origin=origin
    )
    np.testing.assert_allclose(apply_kernel(DIGIT, kernel, "same"), expected, atol=1e-10)


@given(data=st.data())
def test_any_kernel_size_and_padding_agrees_with_pytorch(data: Any) -> None:
    sizes = st.integers(1, 9)
    shape = data.draw(st.one_of(st.tuples(sizes, sizes), st.tuples(st.just(3), sizes, sizes)))
    padding = data.draw(st.tuples(*[st.integers(0, 3)] * 4))
    height, width = shape[-2] + sum(padding[:2]), shape[-1] + sum(padding[2:])
    size = data.draw(st.tuples(st.integers(1, min(5, height)), st.integers(1, min(5, width))))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    image, kernel = rng.integers(0, 256, shape, dtype=np.uint8), rng.normal(size=size)
    expected = torch_result(image, kernel, padding)
    np.testing.assert_allclose(apply_kernel(image, kernel, padding), expected, atol=1e-9)


def test_one_output_is_the_sum_of_products_done_by_hand() -> None:
    image = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]], np.uint8)
    # 5*50 - 20 - 40 - 60 - 80
    assert apply_kernel(image, find_kernel("sharpen")).tolist() == [[50]]
    # (30 + 2*60 + 90) - (10 + 2*40 + 70)
    assert apply_kernel(image, find_kernel("sobel-vertical")).tolist() == [[80]]
    # (70 + 2*80 + 90) - (10 + 2*20 + 30)
    assert apply_kernel(image, find_kernel("sobel-horizontal")).tolist() == [[240]]


def test_a_vertical_edge_is_seen_by_the_vertical_kernels_and_by_no_horizontal_one() -> None:
    edge = np.zeros((6, 8), np.uint8)
    edge[:, 4:] = 255
    for name, weight in (("sobel", 4), ("prewitt", 3)):
        seen = apply_kernel(edge, find_kernel(f"{name}-vertical"))
        assert seen[0].tolist() == [0, 0, weight * 255, weight * 255, 0, 0]
        assert not apply_kernel(edge, find_kernel(f"{name}-horizontal")).any()
        assert not apply_kernel(edge.T, find_kernel(f"{name}-vertical")).any()
        assert (apply_kernel(255 - edge, find_kernel(f"{name}-vertical")) == -seen).all()


def test_the_laplacians_give_zero_on_a_slope_and_opposite_signs_beside_an_edge() -> None:
    slope = np.add.outer(3 * np.arange(5), 7 * np.arange(6))
    edge = np.zeros((5, 6))
    edge[:, 3:] = 100
    for name in ("laplacian-4", "laplacian-8"):
        assert not apply_kernel(slope, find_kernel(name)).any()
        row = apply_kernel(edge, find_kernel(name))[0]
        assert row[1] == -row[2] > 0


def test_derivatives_ignore_brightness_and_the_others_keep_it() -> None:
    flat = np.full((7, 7), 93)
    for kernel in GALLERY.values():
        expected = 0 if kernel.signed else 93
        np.testing.assert_allclose(apply_kernel(flat, kernel), expected, atol=1e-10)


def test_gaussian_5_is_gaussian_3_applied_twice() -> None:
    three = find_kernel("gaussian-3")
    twice = apply_kernel(apply_kernel(DIGIT, three), three)
    np.testing.assert_allclose(twice, apply_kernel(DIGIT, find_kernel("gaussian-5")), atol=1e-10)


def test_identity_gives_the_image_and_corner_pick_moves_it() -> None:
    assert (apply_kernel(DIGIT, find_kernel("identity"), "same") == DIGIT).all()
    assert (apply_kernel(DIGIT, find_kernel("corner-pick")) == DIGIT[:-1, :-1]).all()


def test_colour_is_filtered_a_channel_at_a_time() -> None:
    colour = np.stack([DIGIT, DIGIT.T, 255 - DIGIT])
    kernel = find_kernel("emboss")
    result = apply_kernel(colour, kernel, "same")
    for channel, plane in zip(result, colour, strict=True):
        np.testing.assert_array_equal(channel, apply_kernel(plane, kernel, "same"))


def test_the_sums_are_not_clipped_and_the_picture_is() -> None:
    sharpen = find_kernel("sharpen")
    sums = apply_kernel(DIGIT, sharpen)
    assert sums.min() < 0
    assert sums.max() > 255
    picture = as_picture(sums, sharpen)
    assert picture.dtype == np.uint8
    assert (picture == np.clip(sums, 0, 255)).all()


def test_a_signed_picture_of_a_colour_image_is_that_of_its_mean_grey() -> None:
    colour = np.stack([DIGIT, DIGIT.T, 255 - DIGIT]).astype(np.float64)
    sobel = find_kernel("sobel-vertical")
    shown = as_picture(apply_kernel(colour, sobel), sobel)
    np.testing.assert_allclose(shown, apply_kernel(colour.mean(0), sobel), atol=1e-10)


def test_every_kernel_says_in_a_sentence_what_it_does_and_cannot_be_changed() -> None:
    for name, kernel in GALLERY.items():
        assert kernel.name == name
        assert kernel.about.endswith(".")
        with pytest.raises(ValueError, match="read-only"):
            kernel.array[0, 0] = 9


def test_what_does_not_exist_or_fit_is_refused() -> None:
    with pytest.raises(InputError, match='did you mean "sobel-vertical"'):
        find_kernel("sobel-vertikal")
    with pytest.raises(InputError, match="5x5 and the image 3x28"):
        apply_kernel(DIGIT[:3], find_kernel("gaussian-5"))
    with pytest.raises(InputError, match=r"\(1, 1, 28, 28\)"):
        apply_kernel(DIGIT[None, None], find_kernel("identity"))
    for padding in (-1, "full", (1, 2)):
        with pytest.raises(InputError, match="padding is"):
            apply_kernel(DIGIT, find_kernel("identity"), padding)  # type: ignore[arg-type]
