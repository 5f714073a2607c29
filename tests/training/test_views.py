"""Views: what each shows, and that their mean is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from convlens.foundation.errors import InputError
from convlens.training.views import VIEWS, mean_over_views, views_of


def test_a_shift_moves_by_one_pixel_and_repeats_the_border() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    rolls = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    for view, (down, right) in zip(VIEWS["shift"], rolls, strict=True):
        expected = torch.roll(image, (down, right), (2, 3))
        if down:
            edge = 0 if down > 0 else -1
            expected[:, :, edge] = image[:, :, edge]
        else:
            edge = 0 if right > 0 else -1
            expected[..., edge] = image[..., edge]
        assert torch.equal(view(image), expected)


def test_a_mirrored_image_is_mirrored() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    (mirror,) = VIEWS["mirror"]
    assert np.array_equal(mirror(image).numpy(), np.fliplr(image[0, 0].numpy())[None, None])


def test_the_mean_is_over_all_views_and_the_image_itself() -> None:
    seen: list[Tensor] = []

    def logits_of(images: Tensor) -> Tensor:
        seen.append(images)
        return torch.full((1, 2), float(len(seen)))

    found = mean_over_views(logits_of, torch.rand(1, 1, 3, 3), views_of(["mirror", "shift"]))
    assert len(seen) == 6
    assert found.tolist() == [[3.5, 3.5]]


def test_an_unknown_view_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r'no view "miror".*mirror'):
        views_of(["miror"])
