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
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from convlens.errors import DataError

ImageSource = str | os.PathLike[str] | bytes
"""A path to an image file, or the bytes of one."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
MAX_PIXELS = 64_000_000
MAX_FILE_BYTES = 256 * 2**20

DECODER_VERSION = 1
"""Raised whenever the same file would decode to other pixels: what was cached is then stale."""

# `warnings.catch_warnings` changes the state of the whole process; two threads of a server
# inside it at once could leave the filters changed for good.
_LOCK = threading.Lock()
_WITHIN = threading.local()

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
    notes: list[str] = []
    with _opened(source, max_pixels, max_bytes) as image:
        image.load()
        upright: Image.Image = image
        if _orientation(image) > 1:
            upright = ImageOps.exif_transpose(image)
            notes.append("turned upright by its EXIF orientation")
        return _without_idle_colour(_to_eight_bits(upright, shown(source), notes)), notes


def size_of(
    source: ImageSource, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_FILE_BYTES
) -> tuple[int, int]:
    """Return (height, width) of the upright image from the header alone.

    Raises
    ------
    DataError
        As `decode`, for all that a header can tell.
    """
    with _opened(source, max_pixels, max_bytes) as image:
        width, height = image.size
        return (width, height) if _orientation(image) in _SIDEWAYS else (height, width)


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


@contextmanager
def _opened(source: ImageSource, max_pixels: int, max_bytes: int) -> Iterator[Image.Image]:
    """Open an image, look at its header, and turn every failure inside into a DataError."""
    name = shown(source)
    with strict_pillow():
        try:
            with (
                _stream(source, name, max_bytes) as stream,
                Image.open(stream, formats=FORMATS) as image,
            ):
                _check_header(image, name, max_pixels)
                yield image
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


@contextmanager
def _stream(source: ImageSource, name: str, max_bytes: int) -> Iterator[IO[bytes]]:
    """Open the bytes of a regular file (a pipe would hang) that is not empty and not too long."""
    if isinstance(source, bytes):
        _check_length(len(source), name, max_bytes)
        yield io.BytesIO(source)
        return
    try:
        status = os.stat(source)  # noqa: PTH116 - once an image: a Path costs more than the call
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{name} is not a file", "an image file", "give the path of a file")
        _check_length(status.st_size, name, max_bytes)
        stream = open(source, "rb")  # noqa: PTH123, SIM115 - as above; closed by the caller
    except (OSError, ValueError) as error:  # ValueError: a NUL inside the path
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise DataError(
            f"{name} cannot be opened: {reason}", "an image file", "check the path"
        ) from error
    with stream:
        yield stream


def _check_length(length: int, name: str, max_bytes: int) -> None:
    if length == 0:
        raise DataError(f"{name} is empty (0 bytes)", "an image", "remove it or replace it")
    if length > max_bytes:
        raise DataError(
            f"{name} has {length:,} bytes", f"at most {max_bytes:,} bytes", "make it smaller"
        )


def _check_header(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise _too_large(name, f" ({width} x {height})", max_pixels)
    # Phones store a preview or a depth map behind the photo (MPO): the photo comes first and
    # the rest is no animation.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise DataError(
            f"{name} is animated or has several pages",
            "a single image",
            "save the frame you mean as its own file",
        )


def _too_large(name: str, found: str, max_pixels: int) -> DataError:
    return DataError(
        f"{name} is refused from its header: too many pixels{found}",
        f"at most {max_pixels:,} pixels",
        "make the image smaller",
    )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; anything else counts as upright."""
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
        notes.append("transparent parts laid on white")
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    if image.mode in {"1", "L"}:
        return image.convert("L")
    if image.mode == "CMYK":
        notes.append("CMYK converted to RGB without a colour profile")
    return image.convert("RGB")


def _from_sixteen_bits(values: np.ndarray, name: str) -> Image.Image:
    # Pillow's mode I holds 32 bits, yet is also what some 16-bit files open as.
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"{name} has grey values outside 0..65535", "8 or 16 bits a pixel", _SAVE_AGAIN
        )
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _without_idle_colour(image: Image.Image) -> Image.Image:
    """Return a grey image if all three channels are equal: many grey files are saved as RGB."""
    if image.mode == "L":
        return image
    pixels = np.asarray(image)
    # one row in the middle tells most colour photos apart before all pixels are compared
    for part in (pixels[len(pixels) // 2], pixels):
        red = part[..., 0]
        if not (np.array_equal(red, part[..., 1]) and np.array_equal(red, part[..., 2])):
            return image
    return image.getchannel(0)
