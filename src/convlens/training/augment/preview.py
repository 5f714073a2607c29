"""What training would see of a few images in several epochs, by the numbers it would draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from convlens.data import Preprocessing, Split
from convlens.training.augment import Draws, augment, mix, partners
from convlens.training.recipe import Augmentation


@dataclass(frozen=True)
class Preview:
    """Images before and after.

    Parameters
    ----------
    before : uint8 array (K, C, H, W)
        The images.
    after : uint8 array (K, E, C, H, W)
        As epochs 1 to E see them.
    partners : int64 array (K, E)
        Which image each was mixed with; -1 where images are not mixed.
    shares : float32 array (K, E)
        How much of each is the image itself.
    """

    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    partners: NDArray[np.int64]
    shares: NDArray[np.float32]


def preview(
    split: Split,
    preprocessing: Preprocessing,
    index: NDArray[np.int64],
    settings: Augmentation,
    *,
    seed: int = 0,
    epochs: int = 6,
) -> Preview:
    """Change a few images of a training part as the epochs of a training with this seed do.

    Parameters
    ----------
    split : Split
        The training part.
    preprocessing : Preprocessing
        Whose mean covers what is erased.
    index : int64 array (K,)
        Numbers of the images.
    settings : Augmentation
        The recipe's.
    seed : int
        The recipe's.
    epochs : int
        E, from the first.
    """
    fill = 255 * torch.tensor(preprocessing.mean).view(-1, 1, 1)
    chosen = torch.from_numpy(index)

    def pixels(numbers: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(split.images[numbers.numpy()]).float()

    after, others, shares = [], [], []
    for epoch in range(epochs):
        draws = Draws(seed, epoch)
        images = augment(pixels(chosen), chosen, settings, draws, fill)
        second, share = torch.full_like(chosen, -1), torch.ones(len(chosen))
        if settings.mixes:
            second = partners(chosen, len(split), draws)
            other = augment(pixels(second), second, settings, draws, fill)
            images, share = mix(images, other, chosen, settings, draws)
        after.append(images.round().clamp(0, 255).to(torch.uint8).numpy())
        others.append(second.numpy())
        shares.append(share.numpy())
    return Preview(
        split.images[index], np.stack(after, 1), np.stack(others, 1), np.stack(shares, 1)
    )
