"""JPEG files read at a part of their size, and a digest of what they hold whatever size is read.

A JPEG keeps blocks of 8x8 pixels as frequencies. Decoding each block to 4x4, 2x2 or 1 pixel costs
a fraction of the whole and is what averaging the pixels would give, nearly. So photos that are much
larger than the input are decoded at the smallest such size that the resize still makes smaller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import IO

from PIL import Image

LARGE = 1_000_000
"""Pixels above which a photo is decoded at a part of its size: smaller ones cost little."""

Needed = Callable[[int, int], tuple[int, int]]
"""Takes the width and height of a picture; returns the least size that its resize works with."""

_MARKER = 0xFF
_START_OF_SCAN, _END, _COMMENT = 0xDA, b"\xff\xd9", 0xFE
_SAYS_COLOURS = 0xEE
"""Adobe's segment: it says which colours the channels are; the others are about the file."""
_ABOUT = {*range(0xE0, 0xF0), _COMMENT} - {_SAYS_COLOURS}


def is_large(image: Image.Image) -> bool:
    """Say whether an image, opened but not yet decoded, is a JPEG of many pixels.

    >>> is_large(Image.new("RGB", (4000, 3000)))
    False
    """
    return image.format in ("JPEG", "MPO") and image.width * image.height > LARGE


def reduce(image: Image.Image, needed: tuple[int, int]) -> None:
    """Let an opened JPEG be decoded at an eighth, a quarter or half of its size, or whole.

    Parameters
    ----------
    image : PIL.Image.Image
        Opened, not decoded; changed in place.
    needed : (int, int)
        Width and height, as the file stores them, that the decoded image must have at least.
    """
    image.draft(None, needed)  # None keeps the mode


def digest(stream: IO[bytes]) -> bytes:
    """Return a digest of a JPEG's coded picture, 16 bytes, from the start of the stream.

    What only tells about the picture (EXIF, profiles, comments) does not count, so that copies that
    a program has written a title into are copies.
    """
    stream.seek(0)
    content = stream.read()
    coded = hashlib.sha256()
    at = 2  # after the marker that starts an image
    while at + 4 <= len(content) and content[at] == _MARKER:
        kind = content[at + 1]
        if kind == _START_OF_SCAN:
            end = content.find(_END, at)
            coded.update(content[at : end if end >= 0 else len(content)])
            break
        length = 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if kind not in _ABOUT:
            coded.update(content[at : at + length])
        at += length
    return coded.digest()[:16]
