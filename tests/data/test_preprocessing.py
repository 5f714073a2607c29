"""One preparation for training, prediction and the server: fits, and statistics."""

from __future__ import annotations

import io
import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from convlens.data.decode import MAX_SIDE
from convlens.data.preprocessing import (
    Fit,
    Preprocessing,
    letterbox,
    mean_std,
    mean_std_of_sums,
    pixel_sums,
)
from convlens.foundation.errors import DataError
from pictures import photo_pieces


def preparing(fit: Fit, side: int = 32) -> Preprocessing:
    return Preprocessing((3, side, side), (0.5,) * 3, (0.5,) * 3, fit=fit)


def marked() -> Image.Image:
    """A white picture, twice as wide as high, its outer quarters red and blue."""
    pixels = np.full((64, 128, 3), 255, np.uint8)
    pixels[:, :32], pixels[:, 96:] = (255, 0, 0), (0, 0, 255)
    return Image.fromarray(pixels)


def prepared(image: Image.Image, fit: Fit) -> np.ndarray:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return preparing(fit).prepare(buffer.getvalue())[0].transpose(1, 2, 0)


def test_cropping_keeps_the_middle_padding_and_stretching_keep_all() -> None:
    cropped, padded, stretched = (prepared(marked(), fit) for fit in ("crop", "pad", "stretch"))
    assert (cropped[:, 2:-2] == 255).all()
    assert padded[16, 2].tolist() == stretched[16, 2].tolist() == [255, 0, 0]
    assert padded[16, -3].tolist() == stretched[16, -3].tolist() == [0, 0, 255]
    # height 64 becomes 16 of 32 rows; the rest is the median of the border
    assert (padded[:8] == padded[0, 0]).all()
    assert (padded[24:] == padded[0, 0]).all()
    assert stretched[0, 2].tolist() == [255, 0, 0]


def test_a_picture_on_white_is_padded_with_white() -> None:
    page = Image.new("L", (40, 20), 255)
    page.paste(0, (15, 5, 25, 15))
    padded = np.asarray(letterbox(page, 28, 28))
    assert (padded[:6] == 255).all()
    assert padded.min() < 30


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch", "exact"])
def test_pieces_of_photographs_of_any_shape_come_out_at_the_size(fit: Fit) -> None:
    for _, piece in photo_pieces(6):
        image = prepared(piece, fit)
        assert image.shape == (32, 32, 3)
        assert abs(image.mean() - np.asarray(piece).mean()) < 40


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_the_longest_strip_of_one_pixel_takes_little_memory(fit: Fit) -> None:
    buffer = io.BytesIO()
    Image.new("L", (MAX_SIDE, 1), 200).save(buffer, "PNG")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pixels, _ = preparing(fit).prepare(buffer.getvalue())
    assert (pixels == 200).all()
    # resized as a whole, it would have 32 by a million pixels
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_the_fit_is_written_and_read() -> None:
    for fit in ("crop", "pad", "stretch", "exact"):
        one = preparing(fit)
        assert Preprocessing.from_dict(one.to_dict()) == one
    with pytest.raises(DataError, match="fit"):
        Preprocessing.from_dict({**preparing("pad").to_dict(), "fit": "squeeze"})


@given(
    hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 6), st.just(3), st.integers(1, 5), st.integers(1, 5))
    )
)
def test_mean_and_std_from_sums_are_those_from_pixels(images: np.ndarray) -> None:
    sums = pixel_sums(images)
    assert sums[:, 0].tolist() == images.astype(int).sum((2, 3)).tolist()
    assert sums[:, 1].tolist() == (images.astype(int) ** 2).sum((2, 3)).tolist()
    found, expected = mean_std_of_sums(sums, images[0, 0].size), mean_std(images)
    # the histogram's rounding may leave 1e-17 of variance where there is none
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    flat = images.transpose(1, 0, 2, 3).reshape(3, -1)
    constant = (flat == flat[:, :1]).all(1)
    for channel in range(3):
        if constant[channel]:
            assert found[1][channel] == 1.0
        else:
            assert found[1][channel] == pytest.approx(expected[1][channel], rel=1e-9)


@pytest.mark.parametrize("size", [(300, 200), (224, 224), (97, 500)])
def test_published_preparation_resizes_the_shorter_side_and_cuts_the_middle(
    size: tuple[int, int],
) -> None:
    half = (0.5, 0.5, 0.5)
    preparing = Preprocessing((3, 224, 224), half, half, resize=256, interpolation="bicubic")
    assert Preprocessing.from_dict(preparing.to_dict()) == preparing
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    image = Image.fromarray(noise)
    # as torchvision's Resize(256) and CenterCrop(224) do
    width, height = (round(side * 256 / min(size)) for side in size)
    resized = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    top, left = (height - 224) // 2, (width - 224) // 2
    expected = resized[top : top + 224, left : left + 224].transpose(2, 0, 1)
    np.testing.assert_array_equal(preparing.bring(image, []), expected)


@pytest.mark.parametrize("change", [{"resize": 20}, {"resize": 10**9}, {"interpolation": "magic"}])
def test_damaged_sizes_and_interpolations_are_refused(change: dict[str, object]) -> None:
    half = (0.5, 0.5, 0.5)
    written = Preprocessing((3, 32, 32), half, half, resize=40).to_dict()
    with pytest.raises(DataError, match="damaged"):
        Preprocessing.from_dict({**written, **change})
