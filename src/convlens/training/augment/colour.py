"""Changing brightness, contrast, saturation and hue, each by its usual definition.

Factors blend the image with black, with its mean grey, and with its own grey copy, as Pillow's
`ImageEnhance` does; the hue turns in HSV, as in Python's `colorsys`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from convlens.training.augment.draw import Draws, Purpose
from convlens.training.recipe import Augmentation

_DRAWN = (Purpose.BRIGHTNESS, Purpose.CONTRAST, Purpose.SATURATION, Purpose.HUE)
LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601), as in Pillow."""


def jitter(images: Tensor, index: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    """Draw each image's changes and apply them: brightness, contrast, saturation, hue.

    Parameters
    ----------
    images : Tensor, float (B, C, H, W)
        Pixels from 0 to 255; grey images have no saturation and hue to change.
    index : Tensor, int64 (B,)
        Each image's number in its set.
    settings : Augmentation
        Largest changes.
    draws : Draws
        The seed and the epoch.
    """
    drawn = draws.uniform(index, *_DRAWN) * 2 - 1
    if settings.brightness:
        images = brightness(images, 1 + drawn[0] * settings.brightness)
    if settings.contrast:
        images = contrast(images, 1 + drawn[1] * settings.contrast)
    if images.shape[1] == 3:
        if settings.saturation:
            images = saturation(images, 1 + drawn[2] * settings.saturation)
        if settings.hue:
            images = hue(images, drawn[3] * settings.hue)
    return images


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply by a factor an image; 0 is black, 1 no change."""
    return (images * _each(factor)).clamp(0, 255)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Stretch around the image's mean grey; 0 is all of that grey, 1 no change."""
    mean = grey(images).mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, _each(factor)).clamp(0, 255)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Stretch around the grey of each pixel; 0 is a grey image, 1 no change."""
    return torch.lerp(grey(images), images, _each(factor)).clamp(0, 255)


def hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of RGB images; 1 is a whole turn: red, green, blue, red.

    Parameters
    ----------
    images : Tensor, float (B, 3, H, W)
        Pixels.
    turn : Tensor, float32 (B,)
        One an image.
    """
    red, green, blue = images.unbind(1)
    value, spread = images.amax(1), images.amax(1) - images.amin(1)
    divisor = torch.where(spread > 0, spread, 1)
    sixth = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    sixth = sixth + 6 * turn.view(-1, 1, 1)
    # a channel is the value, less the spread by how far the hue lies from it on the circle
    start = 5.0 - 2.0 * torch.arange(3, device=images.device).view(1, 3, 1, 1)
    way = torch.remainder(sixth[:, None] + start, 6)
    far = torch.minimum(way, 4 - way).clamp(0, 1)
    turned: Tensor = value[:, None] - spread[:, None] * far
    return turned


def grey(images: Tensor) -> Tensor:
    """Return the grey of each pixel, (B, 1, H, W)."""
    if images.shape[1] != 3:
        return images
    red, green, blue = images.split(1, dim=1)
    weighed: Tensor = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return weighed


def _each(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
