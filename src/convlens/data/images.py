"""Images as a caller has them: a path or several, arrays, PIL images, or the bytes of a file.

Each becomes one `NamedImage`, which goes the way of an image file from there on: the same pixels
give the same answer in whatever form they come.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data.decode import EXTENSIONS, ImageSource, shown
from convlens.foundation.errors import DataError, InputError

AnImage = ImageSource | NDArray[np.uint8]
"""One image: a path, the bytes of a file, a PIL image, or uint8 `(H, W)` or `(H, W, C)`."""

Images = AnImage | Iterable[AnImage]
"""One image or several; an array of several is `(N, H, W)`, `(N, H, W, C)` or `(N, C, H, W)`."""

_CHANNELS_LAST = {1, 3, 4}
_CHANNELS_FIRST = {1, 3}


@dataclass(frozen=True)
class NamedImage:
    """An image, and what it is called in answers and messages."""

    name: str
    source: ImageSource


def named_images(images: Images) -> list[NamedImage]:
    """Return a list of images, each with its name: its path, or "image 3" of several.

    Parameters
    ----------
    images : path, bytes, PIL image, array, or an iterable of these
        Arrays are uint8; see `Images` for their shapes.

    Raises
    ------
    InputError
        Where there is no image, or something is none.
    DataError
        Where an array has another type or shape.

    Examples
    --------
    >>> [image.name for image in named_images(["cat.png", np.zeros((8, 8), np.uint8)])]
    ['cat.png', 'image 1']
    >>> [image.name for image in named_images(np.zeros((2, 8, 8), np.uint8))]
    ['image 0', 'image 1']
    """
    if is_one_image(images):
        return [_named(images, "the image")]
    several: list[Any]
    if _is_array(images):
        several = _apart(_checked(images))
    elif isinstance(images, Iterable):
        several = list(images)
    else:
        raise _no_image(images)
    if not several:
        raise InputError("there is no image", "at least one")
    return [_named(image, f"image {number}") for number, image in enumerate(several)]


def is_one_image(images: Any) -> bool:
    """Say whether this is one image rather than several."""
    if isinstance(images, str | bytes | os.PathLike | Image.Image):
        return True
    if not _is_array(images):
        return False
    shape = np.shape(images)
    return len(shape) == 2 or (len(shape) == 3 and _axis(shape) is not None)


def looks_like_an_image(value: Any) -> bool:
    """Say whether this can be an image or images, and nothing else: no name, no folder.

    >>> looks_like_an_image("seven.PNG"), looks_like_an_image("last")
    (True, False)
    """
    if isinstance(value, str | os.PathLike):
        return os.path.splitext(os.fspath(value))[1].lower() in EXTENSIONS  # noqa: PTH122
    return isinstance(value, bytes | Image.Image | list | tuple) or _is_array(value)


def _named(image: Any, name: str) -> NamedImage:
    if isinstance(image, str | os.PathLike):
        return NamedImage(os.fspath(image), image)
    if isinstance(image, bytes):
        return NamedImage(name, image)
    if isinstance(image, Image.Image):
        return NamedImage(str(getattr(image, "filename", "") or name), image)
    if _is_array(image):
        return NamedImage(name, picture_of(image, name))
    raise _no_image(image)


def picture_of(image: Any, name: str = "the image") -> Image.Image:
    """Return one array as a picture, mode L, RGB or RGBA.

    Parameters
    ----------
    image : uint8 array (H, W), (H, W, C) or (C, H, W)
        Grey, RGB or RGBA; channels first are 1 or 3.
    name : str
        What errors call it.

    Raises
    ------
    DataError
        Where it has another type or shape.
    """
    pixels = _checked(image)
    axis = _axis(pixels.shape) if pixels.ndim == 3 else None
    if (pixels.ndim != 2 and axis is None) or not pixels.size:
        raise DataError(
            f"{name} is an array of shape {pixels.shape}",
            "(H, W) or (H, W, C), C = 1, 3 or 4",
            "pass one image, or several as (N, H, W, C)",
        )
    if axis == 0:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return Image.fromarray(np.ascontiguousarray(pixels))


def _apart(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return the images of an array of several."""
    if pixels.ndim == 3 and pixels.shape[0] in _CHANNELS_FIRST:
        raise DataError(
            f"an array of shape {pixels.shape} can be {pixels.shape[0]} grey images, or one image "
            "of three channels",
            "(N, H, W, C) for several images, (H, W, C) for one",
            "write images[..., None] for grey images, image.transpose(1, 2, 0) for one in colour",
        )
    if pixels.ndim == 3:
        return list(pixels)
    if pixels.ndim == 4 and (
        pixels.shape[3] in _CHANNELS_LAST or pixels.shape[1] in _CHANNELS_FIRST
    ):
        first = pixels.shape[3] not in _CHANNELS_LAST
        return list(pixels.transpose(0, 2, 3, 1) if first else pixels)
    raise DataError(
        f"the images are an array of shape {pixels.shape}",
        "(N, H, W), (N, H, W, C) or (N, C, H, W), C = 1 or 3",
    )


def _axis(shape: tuple[int, ...]) -> int | None:
    """Return which axis of one image's three holds the channels; None where it is several images.

    >>> _axis((28, 28, 3)), _axis((1, 28, 28)), _axis((3, 28, 28)), _axis((50, 28, 28))
    (2, 0, None, None)
    """
    if shape[2] in _CHANNELS_LAST:
        return 2
    return 0 if shape[0] == 1 else None


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and not isinstance(value, Image.Image)


def _checked(value: Any) -> NDArray[np.uint8]:
    array: NDArray[Any] = np.asarray(value)
    if array.dtype != np.uint8:
        raise DataError(
            f"the image is an array of {array.dtype}",
            "uint8, 0 (black) to 255 (white)",
            "write (255 * image).round().astype('uint8') where the values run from 0 to 1",
        )
    return array


def _no_image(value: object) -> InputError:
    text = shown(repr(value))
    return InputError(
        f"{text[:80]} is no image",
        "a path, a PIL image, a uint8 array (H, W) or (H, W, C), or several of these",
    )
