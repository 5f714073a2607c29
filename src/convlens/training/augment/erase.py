"""Covering a part of each image, so that no single part can be relied on."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from convlens.training.augment.box import boxes
from convlens.training.augment.draw import Draws, Purpose
from convlens.training.recipe import Augmentation

AREA = (0.02, 0.33)
"""Least and largest area that random erasing covers, as a share of the image."""
ASPECT = (0.3, 1 / 0.3)
"""Flattest and tallest of its boxes, height over width."""


def erase(
    images: Tensor,
    index: Tensor,
    settings: Augmentation,
    draws: Draws,
    fill: Tensor | float = 0.0,
) -> Tensor:
    """Cover a square of every image (cutout), and a box of some images (random erasing).

    Parameters
    ----------
    images : Tensor, float (B, C, H, W)
        A batch.
    index : Tensor, int64 (B,)
        Each image's number in its set.
    settings : Augmentation
        The side of the square; the share of images that lose a box.
    draws : Draws
        The seed and the epoch.
    fill : Tensor (C, 1, 1) or float
        What covers them: the mean of the training images says nothing.

    References
    ----------
    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
    arXiv:1708.04552. Zhong et al., "Random Erasing Data Augmentation", AAAI 2020; its areas and
    shapes as torchvision's `RandomErasing` has them.
    """
    height, width = images.shape[-2:]
    covered = torch.zeros((), dtype=torch.bool, device=images.device)
    if settings.cutout:
        centre = draws.uniform(index, Purpose.CUTOUT_Y, Purpose.CUTOUT_X)
        side = torch.full_like(centre, settings.cutout * min(height, width))
        covered = boxes(centre, side, height, width)
    if settings.erase:
        chosen, area, aspect, *place = draws.uniform(
            index,
            *(Purpose.ERASE, Purpose.ERASE_AREA, Purpose.ERASE_ASPECT),
            *(Purpose.ERASE_Y, Purpose.ERASE_X),
        )
        pixels = (AREA[0] + area * (AREA[1] - AREA[0])) * (height * width)
        low, high = math.log(ASPECT[0]), math.log(ASPECT[1])
        shape = torch.exp(low + aspect * (high - low))
        size = torch.stack([(pixels * shape).sqrt(), (pixels / shape).sqrt()])
        size = size * (chosen < settings.erase)
        covered = covered | boxes(torch.stack(place), size, height, width)
    return torch.where(covered, torch.as_tensor(fill).to(images), images)
