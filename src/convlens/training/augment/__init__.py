"""Random changes of whole batches, on the device the images are on.

What happens to an image depends on (seed, epoch, its index in the set) alone: not on the order of
the batches, the point at which a run was resumed, or the number of processes. A batch needs
nothing but its indices, so a set that streams from a disk is augmented like one in memory:

>>> import torch
>>> from convlens.training.recipe import Augmentation
>>> images, index = torch.rand(4, 3, 8, 8) * 255, torch.tensor([7, 0, 3, 5])
>>> settings, draws = Augmentation(rotate=10, mixup=0.2), Draws(seed=0, epoch=2)
>>> whole = augment(images, index, settings, draws)
>>> alone = augment(images[2:3], index[2:3], settings, draws)
>>> torch.equal(whole[2:3], alone)
True

`augment` changes each image by itself. Mixing needs a second image: `partners` says which, and
`mix` puts the two together.
"""

from __future__ import annotations

from torch import Tensor

from convlens.training.augment.affine import turn_and_shift
from convlens.training.augment.colour import jitter
from convlens.training.augment.crop import crop
from convlens.training.augment.draw import Draws
from convlens.training.augment.erase import erase
from convlens.training.augment.flip import flip
from convlens.training.augment.mix import mix, partners
from convlens.training.augment.resized_crop import resized_crop
from convlens.training.recipe import Augmentation

__all__ = ["Draws", "augment", "mix", "partners"]


def augment(
    images: Tensor,
    index: Tensor,
    settings: Augmentation,
    draws: Draws,
    fill: Tensor | float = 0.0,
) -> Tensor:
    """Change each image of a batch by itself: all of the settings but mixup and cutmix.

    In this order: flip, cut a part out, rotate with scale, shear and shift, crop, colour, erase.

    Parameters
    ----------
    images : Tensor, float32 (B, C, H, W)
        Pixels from 0 to 255, not normalised; left as they are.
    index : Tensor, int64 (B,)
        Each image's number in its set.
    settings : Augmentation
        What to change, and how much at most. What is zero is not even computed.
    draws : Draws
        The seed and the epoch.
    fill : Tensor (C, 1, 1) or float
        What erased pixels become.

    Returns
    -------
    Tensor, float32 (B, C, H, W)
        Pixels from 0 to 255; the same tensor where nothing is to be changed.
    """
    if settings.flip:
        images = flip(images, index, settings, draws)
    if settings.area:
        images = resized_crop(images, index, settings, draws)
    if settings.moves:
        images = turn_and_shift(images, index, settings, draws)
    if settings.crop:
        images = crop(images, index, settings, draws)
    if settings.colours:
        images = jitter(images, index, settings, draws)
    if settings.cutout or settings.erase:
        images = erase(images, index, settings, draws, fill)
    return images
