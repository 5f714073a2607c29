"""A split that follows each image's content.

The digest of a picture, mixed with a seed, is a number from 0 to 1; those with the lowest numbers
of each class are held out. So names, order and machine do not matter, every class gives its exact
share, copies lie on one side, and a new image changes the side of few others: those that it pushes
across the border of its class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.data.decode import shown
from convlens.data.split import share
from convlens.foundation.errors import DataError

Mask = NDArray[np.bool_]
_MASK = (1 << 64) - 1


def positions(contents: NDArray[np.uint8], seed: int) -> NDArray[np.float64]:
    """Return where between 0 and 1 each digest falls for a seed.

    Parameters
    ----------
    contents : uint8 array (N, 16)
        Digests; their bits are already random.
    seed : int
        Which of the many orders.

    References
    ----------
    Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators": the finaliser
    of SplitMix64, which mixes the seed in.

    Examples
    --------
    >>> digest = np.arange(16, dtype=np.uint8)[None]
    >>> positions(digest, 0).tolist() == positions(digest, 0).tolist() != positions(digest, 1)
    array([ True])
    """
    words = np.ascontiguousarray(contents).view("<u8")
    mixed = words[:, 0] ^ np.uint64(_mix(seed + 1))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    # the 53 bits that a float64 holds exactly
    place: NDArray[np.float64] = (mixed >> np.uint64(11)).astype(np.float64) / 2**53
    return place


def _mix(seed: int) -> int:
    """Return a seed's 64 random bits, the first of SplitMix64."""
    state = seed * 0x9E3779B97F4A7C15 & _MASK
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> shift)) * factor & _MASK
    return state ^ (state >> 31)


def hold_out_by_content(
    contents: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    fraction: float,
    seed: int,
    *,
    every_class: bool = True,
) -> Mask:
    """Choose the images to hold out.

    Parameters
    ----------
    contents : uint8 array (N, 16)
        Digests of the pictures.
    labels : int64 array (N,)
        Their classes.
    classes : tuple of str
        Names, for the message.
    fraction : float
        Share to hold out, above 0 and below 1.
    seed : int
        Fixes the choice.
    every_class : bool
        Whether each class must give an image; otherwise one with a single picture keeps it.

    Returns
    -------
    bool array (N,)
        True where an image is held out.

    Raises
    ------
    DataError
        Where each class must give an image and one has fewer than two different ones.
    """
    where = positions(contents, seed)
    held: Mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        places = np.sort(where[labels == label])
        border = _border(places, share(len(places), fraction))
        if border == 0 and every_class:
            raise DataError(
                f"the class {shown(classes[label])} has {len(places)} images and too few "
                "different ones to split",
                "at least two different images per class",
                "add images of that class",
            )
        held |= (labels == label) & (where < places[border])
    # a copy under another label goes where the first is: both sides must not have the picture
    return held | np.isin(where, where[held])


def _border(places: NDArray[np.float64], wanted: int) -> int:
    """Return how many of the sorted places to hold out: as wanted, but between two pictures.

    Copies have one place. Where they fill all that lies above, the border moves down, to 0 where
    there is but one picture.

    >>> _border(np.array([0.1, 0.2, 0.2, 0.2, 0.5]), 2)
    4
    >>> _border(np.array([0.1, 0.5, 0.5]), 2), _border(np.array([0.5, 0.5]), 1)
    (1, 0)
    """
    inner = np.flatnonzero(np.diff(places)) + 1
    above = inner[inner >= wanted]
    return int(above[0]) if len(above) else int(inner[-1]) if len(inner) else 0
