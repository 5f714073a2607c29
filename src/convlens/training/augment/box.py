"""One box per image, as a boolean mask."""

from __future__ import annotations

import torch
from torch import Tensor


def boxes(centre: Tensor, size: Tensor, height: int, width: int) -> Tensor:
    """Return which pixels lie in each image's box; what would lie outside is cut off.

    Parameters
    ----------
    centre : Tensor, float32 (2, B)
        y and x, from 0 to 1 over the image.
    size : Tensor, float32 (2, B)
        Height and width in pixels, rounded to whole ones.
    height, width : int
        H and W of the images.

    Returns
    -------
    Tensor, bool (B, 1, H, W)
        True in the box.
    """
    down = _span(centre[0], size[0], height)
    across = _span(centre[1], size[1], width)
    return (down[:, :, None] & across[:, None, :]).unsqueeze(1)


def _span(centre: Tensor, length: Tensor, side: int) -> Tensor:
    """Return bool (B, side): a span of whole pixels around a pixel."""
    length = length.round()
    start = ((centre * side).floor() - (length / 2).floor())[:, None]
    places = torch.arange(side, device=centre.device, dtype=centre.dtype)
    return (places >= start) & (places < start + length[:, None])
