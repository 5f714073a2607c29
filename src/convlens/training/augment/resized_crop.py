"""Cutting a part out of the image and bringing it to the whole size: photos nearer and aside."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from convlens.training.augment.affine import resample
from convlens.training.augment.draw import Draws, Purpose
from convlens.training.recipe import Augmentation

WIDEST = 4 / 3
"""Largest ratio of a part's width to its height, and of its height to its width."""

_DRAWN = (Purpose.AREA, Purpose.AREA_ASPECT, Purpose.AREA_X, Purpose.AREA_Y)


def resized_crop(images: Tensor, index: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    """Draw a part of each image, of `settings.area` of its area at least, and resample the batch.

    Parameters
    ----------
    images : Tensor, float (B, C, H, W)
        A batch.
    index : Tensor, int64 (B,)
        Each image's number in its set.
    settings : Augmentation
        The smallest part.
    draws : Draws
        The seed and the epoch.

    References
    ----------
    Szegedy et al. 2015, "Going deeper with convolutions", arXiv:1409.4842, section 6: parts of 8 to
    100% of the area, with a ratio of the sides from 3/4 to 4/3.
    """
    drawn = draws.uniform(index, *_DRAWN)
    area = 1 - drawn[0] * (1 - settings.area)
    aspect = torch.exp((2 * drawn[1] - 1) * math.log(WIDEST))
    # shares of the sides; a part that would stand out is as large as the side
    wide, high = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    left, top = (2 * drawn[2] - 1) * (1 - wide), (2 * drawn[3] - 1) * (1 - high)
    zero = torch.zeros_like(wide)
    rows = [wide, zero, left, zero, high, top]
    return resample(images, torch.stack(rows, dim=1).view(-1, 2, 3))
