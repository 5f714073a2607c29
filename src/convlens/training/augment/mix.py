"""Two images as one: their weighted mean (mixup), or a box of one in the other (cutmix).

The labels are mixed in the same shares. Each image keeps at least half of its own picture and is
the larger part of exactly one mixture an epoch; the distributions are symmetric, so that no pair
is lost by it, and accuracy in training can be counted against an image's own label.

References
----------
Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers", ICCV 2019.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from convlens.training.augment.box import boxes
from convlens.training.augment.draw import Draws, Purpose
from convlens.training.recipe import Augmentation

_LEVELS = 4096


def partners(index: Tensor, images: int, draws: Draws) -> Tensor:
    """Return which image each image is mixed with: int64 (B,), numbers in the same set.

    Parameters
    ----------
    index : Tensor, int64 (B,)
        Numbers in the set.
    images : int
        N, the size of the whole set.
    draws : Draws
        The seed and the epoch.
    """
    return draws.below(images, index, Purpose.PARTNER)[0]


def mix(
    images: Tensor, others: Tensor, index: Tensor, settings: Augmentation, draws: Draws
) -> tuple[Tensor, Tensor]:
    """Mix each image with its partner. With both mixup and cutmix, each gets one of them.

    Parameters
    ----------
    images, others : Tensor, float (B, C, H, W)
        The images and their partners, each already changed by `augment`.
    index : Tensor, int64 (B,)
        The images' numbers in their set.
    settings : Augmentation
        The parameters of the two beta distributions.
    draws : Draws
        The seed and the epoch.

    Returns
    -------
    mixed : Tensor, float (B, C, H, W)
        The mixtures.
    share : Tensor, float32 (B,)
        How much of each is the image itself, at least a half.
    """
    height, width = images.shape[-2:]
    kind, level, *centre = draws.uniform(
        index, Purpose.MIX_KIND, Purpose.MIX_SHARE, Purpose.MIX_Y, Purpose.MIX_X
    )
    place = (level * _LEVELS).long()
    share = torch.ones_like(level)
    own = torch.ones_like(images[:, :1, :1, :1])
    if settings.cutmix:
        other = 1 - larger_shares(settings.cutmix, images.device)[place]
        size = torch.stack([height * other.sqrt(), width * other.sqrt()])
        box = boxes(torch.stack(centre), size, height, width)
        own = (~box).to(images)
        share = own.mean((1, 2, 3))  # what the border left of the box counts, not what was drawn
    if settings.mixup:
        ratio = larger_shares(settings.mixup, images.device)[place]
        blended = kind < (0.5 if settings.cutmix else 1.0)
        share = torch.where(blended, ratio, share)
        own = torch.where(blended.view(-1, 1, 1, 1), ratio.view(-1, 1, 1, 1), own)
    return torch.lerp(others, images, own), share


@lru_cache(maxsize=8)
def larger_shares(alpha: float, device: torch.device) -> Tensor:
    """Return evenly likely values of max(s, 1 - s) for s from Beta(alpha, alpha): float32 (4096,).

    A table of the distribution's quantiles turns one uniform number into one share.
    """
    from scipy.special import betaincinv

    levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
    quantiles = betaincinv(alpha, alpha, levels)
    larger = np.maximum(quantiles, 1 - quantiles).astype(np.float32)
    return torch.from_numpy(larger).to(device)
