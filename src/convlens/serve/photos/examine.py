"""A file that somebody sends as a photo, looked at before it is kept."""

from __future__ import annotations

import hashlib
import io

from convlens.data.decode import decode
from convlens.foundation.errors import DataError
from convlens.serve.http.limits import Limits
from convlens.serve.photos.collection import Photo

THUMBNAIL = 192
"""The longer side of a small picture, pixels."""
SMALLEST = 16
"""The shorter side, in pixels, below which nothing can be seen in a picture."""

_ENDINGS = {
    b"\x89PNG": ".png",
    b"\xff\xd8": ".jpg",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"RIFF": ".webp",
    b"II": ".tif",
    b"MM": ".tif",
}
MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
    ".tif": "image/tiff",
}


def examine(content: bytes, limits: Limits, recording: str | None) -> tuple[Photo, bytes, bytes]:
    """Decode a file as training will, to the last pixel.

    Returns
    -------
    Photo
        What is known of it.
    bytes
        The file, as it came.
    bytes
        A small picture, JPEG.

    Raises
    ------
    DataError
        Where it is no image of an allowed format, damaged, animated, too large or too small.
    """
    image, _ = decode(content, max_pixels=limits.pixels, max_bytes=limits.body_bytes)
    if min(image.size) < SMALLEST:
        raise DataError(
            f"the image has {image.width} x {image.height} pixels",
            f"at least {SMALLEST} along each side",
            "take a larger one",
        )
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    small = io.BytesIO()
    image.convert("RGB").save(small, "JPEG", quality=82)
    digest = hashlib.sha256(content).hexdigest()[:20]
    return Photo(digest, _ending(content), len(content), recording), content, small.getvalue()


def _ending(content: bytes) -> str:
    """Return what a file of one of the decoder's formats is called at its end."""
    return next(end for magic, end in _ENDINGS.items() if content.startswith(magic))
