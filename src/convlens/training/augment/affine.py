"""Turning, scaling, shearing and shifting in one resampling."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from convlens.training.augment.draw import Draws, Purpose
from convlens.training.recipe import Augmentation

_DRAWN = (Purpose.ROTATE, Purpose.SCALE, Purpose.SHEAR, Purpose.SHIFT_X, Purpose.SHIFT_Y)


def turn_and_shift(images: Tensor, index: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    """Draw each image's affine change and resample the batch.

    Parameters
    ----------
    images : Tensor, float (B, C, H, W)
        A batch.
    index : Tensor, int64 (B,)
        Each image's number in its set.
    settings : Augmentation
        Largest changes.
    draws : Draws
        The seed and the epoch.
    """
    return resample(images, matrices(index, settings, draws))


def matrices(index: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    """Draw the change of each image.

    Returns
    -------
    Tensor, float32 (B, 2, 3)
        For each image the matrix that maps output to input positions, in `affine_grid`'s
        coordinates (-1 to 1 over each axis), for a square image.
    """
    uniform = draws.uniform(index, *_DRAWN) * 2 - 1
    angle = uniform[0] * math.radians(settings.rotate)
    size = 1 + uniform[1] * settings.scale
    shear = torch.tan(uniform[2] * math.radians(settings.shear))
    shift = uniform[3:] * (2 * settings.shift)
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    # rotation and scale times shear
    rows = [cos, cos * shear - sin, shift[0], sin, sin * shear + cos, shift[1]]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


def resample(images: Tensor, matrices: Tensor) -> Tensor:
    """Resample a batch bilinearly; pixels from outside repeat the border.

    Parameters
    ----------
    images : Tensor, float (B, C, H, W)
        A batch.
    matrices : Tensor, float32 (B, 2, 3)
        One change an image, as `matrices` gives them.
    """
    height, width = images.shape[-2:]
    if height != width:
        # a turn is a turn in pixels, not in the stretched coordinates of affine_grid
        stretch = width / height
        matrices = matrices.clone()
        matrices[:, 0, 1] /= stretch
        matrices[:, 1, 0] *= stretch
    grid = input_places(matrices, height, width)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def input_places(matrices: Tensor, height: int, width: int) -> Tensor:
    """Return where in the input each output pixel comes from: float32 (B, H, W, 2), x then y.

    The same as `affine_grid` without aligned corners, whose matrix product over every pixel takes
    five times as long on a CPU as these two sums of a row and a column.
    """
    x = (2 * torch.arange(width, device=matrices.device) + 1) / width - 1
    y = (2 * torch.arange(height, device=matrices.device) + 1) / height - 1
    places = matrices.new_empty(len(matrices), height, width, 2)
    for axis in (0, 1):
        by_x, by_y, constant = matrices[:, axis].unbind(1)
        along = by_x[:, None] * x
        down = by_y[:, None] * y + constant[:, None]
        torch.add(along[:, None, :], down[:, :, None], out=places[..., axis])
    return places
