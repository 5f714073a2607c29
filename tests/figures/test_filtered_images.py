"""The gallery drawn: each kernel's numbers, and what a picture's colours stand for."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from convlens.data.digits import read
from convlens.figures.filtered_images import gallery_svg
from convlens.foundation.errors import InputError
from convlens.inside.image_filters import GALLERY, apply_kernel, find_kernel

DIGIT = read()[1].images[3]


def words(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith("}text")]


def test_every_kernel_is_named_beside_its_numbers() -> None:
    drawn = words(gallery_svg(DIGIT))
    assert set(GALLERY) <= set(drawn)
    assert {"all / 9", "all / 16", "all / 256", "36"} <= set(drawn)
    assert drawn.count("-2") == 3  # one in each Sobel, one in emboss


def test_a_signed_picture_states_the_ends_of_its_scale() -> None:
    sobel = find_kernel("sobel-vertical")
    limit = np.abs(apply_kernel(DIGIT, sobel)).max()
    assert f"blue {-limit:.4g}, white 0, orange {limit:.4g}" in words(gallery_svg(DIGIT, [sobel]))


def test_a_clipped_picture_states_how_much_was_clipped() -> None:
    image = np.zeros((1, 3, 6), np.uint8)
    image[0, 1, 1], image[0, 1, 3] = 100, 10  # sums 500, -110, 50, -10 inside
    assert "scale 0 to 255, 75.0% clipped" in words(gallery_svg(image, [find_kernel("sharpen")]))
    assert "scale 0 to 255" in words(gallery_svg(image, [find_kernel("box-blur")]))


def test_colour_images_and_padding_are_drawn() -> None:
    colour = np.concatenate([DIGIT, DIGIT[:, ::-1], 255 - DIGIT])
    kernels = [find_kernel("emboss"), find_kernel("laplacian-8")]
    drawn = words(gallery_svg(colour, kernels, padding="same"))
    assert "cross-correlation of the 3x28x28 image; padded with zeros" in drawn


def test_without_a_kernel_or_an_image_nothing_is_drawn() -> None:
    with pytest.raises(InputError, match="0 kernels"):
        gallery_svg(DIGIT, [])
    with pytest.raises(InputError, match=r"\(28, 28\)"):
        gallery_svg(DIGIT[0])
