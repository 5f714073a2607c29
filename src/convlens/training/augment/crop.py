"""Cutting the image out of a padded copy: a shift by whole pixels, without any resampling."""

from __future__ import annotations

import torch
from torch import Tensor

from convlens.training.augment.draw import Draws, Purpose
from convlens.training.recipe import Augmentation


def crop(images: Tensor, index: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    """Pad every side by `settings.crop` pixels and cut the old size out at random.

    Parameters
    ----------
    images : Tensor, float (B, C, H, W)
        A batch.
    index : Tensor, int64 (B,)
        Each image's number in its set.
    settings : Augmentation
        How much, and what lies outside: "reflect" mirrors the image at its border pixels,
        "zero" is black.
    draws : Draws
        The seed and the epoch.

    References
    ----------
    He et al., "Deep Residual Learning", CVPR 2016, section 4.2: 4 pixels on CIFAR-10.
    """
    (count, channels, height, width), most = images.shape, settings.crop
    shifts = draws.below(2 * most + 1, index, Purpose.CROP_Y, Purpose.CROP_X) - most
    rows = shifts[0, :, None] + torch.arange(height, device=images.device)
    columns = shifts[1, :, None] + torch.arange(width, device=images.device)
    # one gather instead of a padded copy: the places in the image that each pixel comes from
    places = _inside(rows, height)[:, :, None] * width + _inside(columns, width)[:, None, :]
    places = places.view(count, 1, -1).expand(count, channels, -1)
    cut = images.reshape(count, channels, -1).gather(2, places).view(images.shape)
    if settings.padding == "zero":
        known = ((rows >= 0) & (rows < height))[:, :, None]
        known = known & ((columns >= 0) & (columns < width))[:, None, :]
        cut = cut * known[:, None]
    return cut


def _inside(places: Tensor, size: int) -> Tensor:
    """Reflect places at 0 and `size` - 1, the border itself not repeated, however far outside."""
    period = max(1, 2 * (size - 1))
    places = places % period
    return torch.minimum(places, period - places) if size > 1 else places
