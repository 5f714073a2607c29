"""The one image decoder: training, prediction and the server all read files through it.

An image file is untrusted input. What is allowed is listed (`FORMATS`), the size is read from
the header before a pixel is decoded, and whatever goes wrong becomes a `DataError` that names
the file and the reason. The rules that turn every kind of pixel into 8 bits:

=====================  ======================================================================
in the file            becomes
=====================  ======================================================================
1 bit                  0 and 255
16-bit grey            the value / 257, rounded (65535 -> 255)
palette                the colours it stands for
alpha, transparency    laid on white
CMYK, YCbCr            RGB by Pillow's formula, without a colour profile
EXIF orientation       applied
three equal channels   one grey channel (nothing is lost)
=====================  ======================================================================

Animations, pages, cut files, floating-point pixels and unknown formats are refused.
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from convlens.data import jpeg
from convlens.data.jpeg import Needed
from convlens.foundation.errors import DataError, ImageTooLarge

T = TypeVar("T")

ImageSource = str | os.PathLike[str] | bytes | Image.Image
"""A path to an image file, the bytes of one, or a picture that PIL has opened or made."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
MAX_PIXELS = 64_000_000
MAX_SIDE = 32_768
"""Most pixels along one side: a strip of one pixel by millions costs far more than its pixels."""
MAX_FILE_BYTES = 256 * 2**20
SMALL_FILE = 2**20
"""A file of at most so many bytes is read at once."""

DECODER_VERSION = 1
"""Raised whenever the same file would decode to other pixels: what was cached is then stale."""

# `warnings.catch_warnings` changes the state of the whole process; two threads of a server
# inside it at once could leave the filters changed for good.
_LOCK = threading.Lock()
_WITHIN = threading.local()

_READ_ONLY = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_ORIENTATION_TAG = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})
_SAVE_AGAIN = "save it again as PNG or JPEG"


def shown(source: ImageSource) -> str:
    r"""Return a name that any terminal and any file can hold.

    File names may hold newlines and bytes that are not UTF-8; both would break a message.

    Examples
    --------
    >>> shown("cat\n1.png"), shown("caf\udce9.png"), shown(b"...")
    ('cat\\n1.png', 'caf\\udce9.png', 'the image')
    """
    if isinstance(source, Image.Image):
        source = getattr(source, "filename", "") or b""
    if isinstance(source, bytes):
        return "the image"
    text = os.fspath(source)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def decode(
    source: ImageSource, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_FILE_BYTES
) -> tuple[Image.Image, list[str]]:
    """Decode one image to 8 bits, grey (mode `L`) or colour (mode `RGB`).

    Parameters
    ----------
    source : path or bytes
        The file, or its content.
    max_pixels : int
        Largest width * height; checked in the header, before decoding.
    max_bytes : int
        Largest file.

    Returns
    -------
    PIL.Image.Image
        Mode `L` if the picture has no colour, else `RGB`; upright.
    list of str
        What was changed on the way, for the reader ("transparent parts laid on white").

    Raises
    ------
    DataError
        If the file is missing, not an image of an allowed format, cut, animated or too large.
    """
    picture = decode_with_pixels(source, max_pixels=max_pixels, max_bytes=max_bytes)
    return picture.image, picture.notes


class Picture(NamedTuple):
    """A decoded image, with what was looked at on the way."""

    image: Image.Image
    """Mode `L` or `RGB`, upright."""
    pixels: NDArray[np.uint8]
    """Its pixels, `(H, W)` or `(H, W, 3)`."""
    size: tuple[int, int]
    """Width and height of the whole picture, upright, whatever part of them was decoded."""
    coded: bytes
    """Digest of a large JPEG's coded picture, where it may be decoded smaller; else empty."""
    notes: list[str]
    """What was changed on the way."""


def decode_with_pixels(
    source: ImageSource,
    *,
    needed: Needed | None = None,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_FILE_BYTES,
) -> Picture:
    """Decode as `decode` does; the pixels are returned too, since they were looked at.

    Parameters
    ----------
    source, max_pixels, max_bytes
        As `decode` takes them.
    needed : callable, optional
        Says what size the image is needed at: a large JPEG is then decoded at a part of its size,
        never below that one. What comes out depends on the file and on that size alone.
    """
    notes: list[str] = []
    coded, size = b"", (0, 0)

    def work(image: Image.Image) -> tuple[Image.Image, NDArray[np.uint8]]:
        nonlocal coded, size
        sideways = _orientation(image) in _SIDEWAYS
        size = image.size[::-1] if sideways else image.size
        if needed is not None and jpeg.is_large(image):
            least = needed(*size)
            jpeg.reduce(image, least[::-1] if sideways else least)
            stream = getattr(image, "fp", None)
            if stream is not None:
                position = stream.tell()
                coded = jpeg.digest(stream) + bytes([_orientation(image)])
                stream.seek(position)
        image.load()
        upright: Image.Image = image
        if _orientation(image) > 1:
            upright = ImageOps.exif_transpose(image)
            notes.append("turned upright by its EXIF orientation")
        return _without_idle_colour(_to_eight_bits(upright, shown(source), notes))

    image, pixels = _opened(source, max_pixels, max_bytes, work)
    return Picture(image, pixels, size, coded, notes)


def size_of(
    source: ImageSource, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_FILE_BYTES
) -> tuple[int, int]:
    """Return (height, width) of the upright image from the header alone.

    Raises
    ------
    DataError
        As `decode`, for all that a header can tell.
    """

    def work(image: Image.Image) -> tuple[int, int]:
        width, height = image.size
        return (width, height) if _orientation(image) in _SIDEWAYS else (height, width)

    return _opened(source, max_pixels, max_bytes, work)


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Turn what Pillow only warns about (bombs, damaged metadata) into a reason to refuse.

    Every decoding does this for itself; around many of them it is entered once, because it
    costs as much as decoding a small image.
    """
    if getattr(_WITHIN, "now", False):
        yield
        return
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("error")
        # news about Pillow's own future is no reason
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        _WITHIN.now = True
        try:
            yield
        finally:
            _WITHIN.now = False


def _opened(
    source: ImageSource, max_pixels: int, max_bytes: int, work: Callable[[Image.Image], T]
) -> T:
    """Open an image, look at its header, work on it; every failure becomes a DataError."""
    if not getattr(_WITHIN, "now", False):
        with strict_pillow():
            return _opened(source, max_pixels, max_bytes, work)
    name = shown(source)
    try:
        if isinstance(source, Image.Image):
            _check_header(source, name, max_pixels)
            return work(source)
        with _stream(source, name, max_bytes) as stream:
            image = Image.open(stream, formats=FORMATS)
            _check_header(image, name, max_pixels)
            return work(image)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, "", max_pixels) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{name} is not an image that can be read",
            f"a file of one of these formats: {', '.join(FORMATS)}",
            _SAVE_AGAIN,
        ) from error
    except Exception as error:  # a decoder given hostile bytes may raise anything
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{name} cannot be decoded: {reason}", "a whole, undamaged image", _SAVE_AGAIN
        ) from error


def _stream(source: str | os.PathLike[str] | bytes, name: str, max_bytes: int) -> IO[bytes]:
    """Open the bytes of a regular file that is not empty and not too long."""
    if isinstance(source, bytes):
        _check_length(len(source), name, max_bytes)
        return io.BytesIO(source)
    try:
        # a pipe would hang without O_NONBLOCK, which a regular file ignores
        descriptor = os.open(source, _READ_ONLY)
    except (OSError, ValueError) as error:  # ValueError: a NUL inside the path
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise DataError(f"{name} cannot be opened: {reason}", "an image file") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{name} is not a file", "an image file")
        _check_length(status.st_size, name, max_bytes)
        if status.st_size <= SMALL_FILE:  # one call instead of many small ones
            return io.BytesIO(os.read(descriptor, status.st_size))
        kept, descriptor = descriptor, -1
        return open(kept, "rb")  # noqa: PTH123 - a descriptor, not a path
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _check_length(length: int, name: str, max_bytes: int) -> None:
    if length == 0:
        raise DataError(f"{name} is empty (0 bytes)", "an image", "remove it or replace it")
    if length > max_bytes:
        raise DataError(f"{name} has {length:,} bytes", f"at most {max_bytes:,} bytes")


def _check_header(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise _too_large(name, f" ({width} x {height})", max_pixels)
    # Phones store a preview or a depth map behind the photo (MPO): the photo comes first and
    # the rest is no animation.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise DataError(
            f"{name} is animated or has several pages",
            "a single image",
            "save the frame you mean as its own file",
        )


def _too_large(name: str, size: str, max_pixels: int) -> DataError:
    return ImageTooLarge(
        f"{name} is refused from its header: too many pixels{size}",
        f"at most {max_pixels:,} pixels, and {MAX_SIDE:,} along a side",
    )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; anything else counts as upright."""
    if image.format == "PNG" and not image.info:
        return 1  # a PNG without any metadata: most small ones, and looking costs a twentieth
    value = image.getexif().get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_eight_bits(image: Image.Image, name: str, notes: list[str]) -> Image.Image:
    """Apply the table at the top of this file; the answer has mode L or RGB."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        notes.append("16-bit grey values divided by 257")
        return _from_sixteen_bits(np.asarray(image), name)
    if image.mode == "F":
        raise DataError(
            f"{name} has floating-point pixels",
            "whole numbers of 1, 8 or 16 bits, whose range is known",
            "scale it to 0..255 and save it again as PNG",
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() == (255, 255):  # nothing of it is transparent
            return image.convert("RGB")
        notes.append("transparent parts laid on white")
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, image).convert("RGB")
    if image.mode in {"L", "RGB"}:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "CMYK":
        notes.append("CMYK converted to RGB without a colour profile")
    return image.convert("RGB")


def _from_sixteen_bits(values: np.ndarray, name: str) -> Image.Image:
    # Pillow's mode I holds 32 bits, yet is also what some 16-bit files open as.
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"{name} has grey values outside 0..65535", "8 or 16 bits per pixel", _SAVE_AGAIN
        )
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _without_idle_colour(image: Image.Image) -> tuple[Image.Image, NDArray[np.uint8]]:
    """Return a grey image if all three channels are equal: many grey files are saved as RGB."""
    width, height = image.size
    content = image.tobytes()
    if image.mode == "L":
        return image, np.frombuffer(content, np.uint8).reshape(height, width)
    pixels = np.frombuffer(content, np.uint8).reshape(height, width, 3)
    # one row in the middle tells most colour photos apart before all pixels are compared
    row = content[height // 2 * width * 3 :][: width * 3] if len(content) < SMALL_FILE else b""
    if row[0::3] != row[1::3] or row[0::3] != row[2::3]:
        return image, pixels
    red = pixels[..., 0]
    if (red != pixels[..., 1]).any() or (red != pixels[..., 2]).any():
        return image, pixels
    return image.getchannel(0), np.ascontiguousarray(pixels[..., 0])
