"""Random affine changes of whole batches, on the device the images are on.

All random numbers of an epoch are drawn at its start, a row for each image of the set, so an
image's change depends on (seed, epoch, its index) alone: not on the order of the batches, the
point at which a run was resumed, or the number of processes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from convlens.training.recipe import Augmentation


def draw(settings: Augmentation, images: int, generator: torch.Generator) -> Tensor:
    """Draw one epoch's changes.

    Parameters
    ----------
    settings : Augmentation
        Largest changes.
    images : int
        N, the size of the set.
    generator : torch.Generator
        Seeded for this epoch, on the CPU.

    Returns
    -------
    Tensor, float32 (N, 2, 3)
        For each image the matrix that maps output to input positions, in `affine_grid`'s
        coordinates (-1 to 1 over each axis), for a square image.
    """
    uniform = torch.rand(images, 6, generator=generator) * 2 - 1
    angle = uniform[:, 0] * math.radians(settings.rotate)
    size = 1 + uniform[:, 1] * settings.scale
    shear = torch.tan(uniform[:, 2] * math.radians(settings.shear))
    mirror = torch.ones(images)
    if settings.flip:
        mirror = torch.where(uniform[:, 3] < 0, -1.0, 1.0)
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    matrix = torch.zeros(images, 2, 3)
    # rotation and scale times shear, then the mirror on the x axis of the output
    matrix[:, 0, 0] = cos * mirror
    matrix[:, 0, 1] = cos * shear - sin
    matrix[:, 1, 0] = sin * mirror
    matrix[:, 1, 1] = sin * shear + cos
    matrix[:, :, 2] = uniform[:, 4:6] * 2 * settings.shift
    return matrix


def apply(images: Tensor, matrices: Tensor) -> Tensor:
    """Resample a batch bilinearly; pixels from outside repeat the border.

    Parameters
    ----------
    images : Tensor, float (N, C, H, W)
        A batch.
    matrices : Tensor, float32 (N, 2, 3)
        The rows of `draw` for these images.
    """
    height, width = images.shape[-2:]
    if height != width:
        # a turn is a turn in pixels, not in the stretched coordinates of affine_grid
        stretch = width / height
        matrices = matrices.clone()
        matrices[:, 0, 1] /= stretch
        matrices[:, 1, 0] *= stretch
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
