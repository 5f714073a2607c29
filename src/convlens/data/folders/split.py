"""A split that follows each image's content, and that new images do not disturb.

The digest of a picture, mixed with a seed, is a number from 0 to 1; below the fraction it is held
out. So the part of an image depends on the image, the seed and the fraction alone: not on its
name, on the other images, or on the machine. Copies have one digest and lie on one side. Every
class gets the same chance, so its share differs from the fraction only by chance; a class that
chance would leave without an image on a side gives the one nearest to the border.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.data.decode import shown
from convlens.errors import DataError

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

    Returns
    -------
    bool array (N,)
        True where an image is held out.

    Raises
    ------
    DataError
        Where a class has fewer than two different images.
    """
    where = positions(contents, seed)
    held: Mask = where < fraction
    # in ascending order of the class, so that the outcome is one
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen = held[members]
        if chosen.any() and not chosen.all():
            continue
        low, high = float(where[members].min()), float(where[members].max())
        if low == high:
            raise DataError(
                f"the class {shown(classes[label])} has {len(members)} images and too few "
                "different ones to split",
                "at least two different images a class",
                "add images of that class",
            )
        # with all its copies, in whichever class they are
        if chosen.all():
            held &= where != high
        else:
            held |= where == low
    return held
