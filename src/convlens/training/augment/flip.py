"""Mirroring left and right, at random or in turns."""

from __future__ import annotations

import torch
from torch import Tensor

from convlens.training.augment.draw import Draws, Purpose
from convlens.training.recipe import Augmentation


def flip(images: Tensor, index: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    """Mirror about half of the images, exactly.

    "random" decides anew in every epoch, so that an image is the same in two epochs half of the
    time. "alternating" decides once per image and then takes turns: any two neighbouring epochs
    show both sides of each image.

    Parameters
    ----------
    images : Tensor, float (B, C, H, W)
        A batch.
    index : Tensor, int64 (B,)
        Each image's number in its set.
    settings : Augmentation
        Says which.
    draws : Draws
        The seed and the epoch.

    References
    ----------
    Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv:2404.00498, section 3.6.
    """
    if settings.flip == "alternating":
        side = Draws(draws.seed, 0).below(2, index, Purpose.FLIP)[0]
        mirrored = (side + draws.epoch) % 2 == 1
    else:
        mirrored = draws.below(2, index, Purpose.FLIP)[0] == 1
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(-1), images)
