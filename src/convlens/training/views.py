"""Test-time views: an image is judged as it is and slightly changed, and the logits are averaged.

The network stays one network; an answer costs as many passes as there are views. Its accuracy is
reported beside that of the images as they are, never instead of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor

from convlens.foundation.errors import InputError, nearest

View = Callable[[Tensor], Tensor]


def _shifted(down: int, right: int) -> View:
    """Return a shift by whole pixels that repeats the border."""

    def view(images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
        return padded[..., 1 - down : 1 - down + height, 1 - right : 1 - right + width]

    return view


def as_it_is(images: Tensor) -> Tensor:
    """Return the images themselves: the view that changes nothing."""
    return images


VIEWS: dict[str, tuple[View, ...]] = {
    "mirror": (lambda images: images.flip(-1),),
    "shift": tuple(_shifted(*step) for step in ((1, 0), (-1, 0), (0, 1), (0, -1))),
}
"""Views by name: mirrored left and right (never for digits or letters), and shifted by one pixel
up, down, left and right."""


def views_of(names: Sequence[str]) -> list[View]:
    """Return the image as it is, and every view asked for.

    Raises
    ------
    InputError
        Where a name is not one of `VIEWS`.
    """
    views: list[View] = [as_it_is]
    for name in names:
        if name not in VIEWS:
            raise InputError(
                f'there is no view "{name}"{nearest(name, VIEWS)}',
                "one or several of " + ", ".join(VIEWS),
            )
        views.extend(VIEWS[name])
    return views


def mean_over_views(
    logits_of: Callable[[Tensor], Tensor], images: Tensor, views: Sequence[View]
) -> Tensor:
    """Return the mean of the views' logits.

    Parameters
    ----------
    logits_of : callable
        Takes images, returns logits (B, classes).
    images : Tensor, float (B, C, H, W)
        Normalised.
    views : sequence
        From `views_of`.

    Examples
    --------
    >>> import torch
    >>> images = torch.arange(4.0).view(1, 1, 2, 2)
    >>> mean_over_views(lambda seen: seen[:, 0, 0], images, views_of(["mirror"])).tolist()
    [[0.5, 0.5]]
    """
    total = logits_of(views[0](images))
    for view in views[1:]:
        total = total + logits_of(view(images))
    return total / len(views)
