"""The images of a request, in any of the three forms they come in, brought to a network's input.

- multipart: files, decoded by the one decoder of training and prediction;
- JSON: nested lists of whole numbers 0 to 255;
- safetensors: one tensor of bytes, which costs nearly nothing to read.

Arrays of exactly the network's input shape are used as they are; others are brought to it as
image files are. Nothing else is an image: no address, no path, no pickle.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data import Preprocessing
from convlens.data.decode import MAX_SIDE, size_of
from convlens.network.arithmetic import shape_text
from convlens.serve.http.bodies import SAFETENSORS, Call, parse_json, unsupported
from convlens.serve.http.limits import Limits
from convlens.serve.http.multipart import Form, read_form
from convlens.serve.http.problems import Problem, wrong
from convlens.serve.models.work_queue import WorkQueue

Pixels = NDArray[np.uint8]

Shape = tuple[int, int, int]

_JSON = "application/json"
_MULTIPART = "multipart/form-data"
ARRAYS = (_JSON, SAFETENSORS)
"""What a body of numbers is called."""
_LONGEST_HEADER = 64 * 2**10
_USUAL_HEADER = 256


@dataclass(frozen=True)
class ImageRequest:
    """What a request asks about.

    Parameters
    ----------
    images : uint8 array (N, C, H, W)
        As the network sees them, before normalisation.
    notes : tuple of list of str
        What was changed on the way, an entry an image.
    fields : mapping
        Everything else that the request says: texts, or JSON values.
    """

    images: Pixels
    notes: tuple[list[str], ...]
    fields: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        """Return a field that is one text; None where it is not there."""
        value = self.fields.get(name)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is not None and not isinstance(value, str):
            raise wrong(name, f"{name} is not a text", "one text")
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a field that is a list of texts, or one text with commas between them."""
        value = self.fields.get(name)
        if value is None:
            return None
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in items):
            raise wrong(name, f"{name} is not a list of texts", "a list of texts")
        return [part.strip() for item in items for part in item.split(",") if part.strip()]

    def whole_numbers(self, name: str) -> list[int]:
        """Return a field that is a list of whole numbers, or a text with commas between them."""
        value = self.fields.get(name)
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
            value = value[0]
        if isinstance(value, str):
            value = value.split(",")
        elif isinstance(value, int):
            value = [value]
        try:
            if not isinstance(value, list) or not 1 <= len(value) <= 8:
                raise ValueError
            return [int(n) if isinstance(n, str) else operator.index(n) for n in value]
        except (TypeError, ValueError):
            raise wrong(
                name, f"{name} is not made of whole numbers", "such as [2, 5, 7], or 2,5,7"
            ) from None


async def read_images(
    call: Call, preprocessing: Preprocessing, limits: Limits, decoding: WorkQueue, *, one: bool
) -> ImageRequest:
    """Read the image or the images of a request.

    Parameters
    ----------
    call : Call
        The request.
    preprocessing : Preprocessing
        What each image is brought to.
    limits : Limits
        How many and how large.
    decoding : WorkQueue
        Where image files are decoded.
    one : bool
        The request is about exactly one image, called "image"; otherwise about one or several,
        called "images" (in multipart always "image").

    Raises
    ------
    Problem, DataError
        Where there is no such image in the body.
    """
    kind, shape = call.media_type, preprocessing.input
    if kind in ARRAYS:
        arrays, fields = read_arrays(kind, await call.body(), shape, limits, one=one)
        if isinstance(arrays, np.ndarray) and arrays.shape[1:] == shape:
            return ImageRequest(arrays, tuple([] for _ in arrays), fields)
        return await decoding.run(_bring, list(arrays), preprocessing, limits, fields)
    if kind == _MULTIPART:
        form = read_form(call.header(b"content-type"), await call.body(), limits.parts)
        files = _files(form, limits, one=one)
        return await decoding.run(_decode, files, preprocessing, limits, dict(form.texts))
    raise unsupported(kind, _JSON, _MULTIPART, SAFETENSORS)


def read_arrays(
    kind: str, body: bytes, shape: Shape, limits: Limits, *, one: bool
) -> tuple[Pixels | list[Pixels], dict[str, Any]]:
    """Read a body of one of the `ARRAYS`: its images, of one shape or of several, and its fields.

    Raises
    ------
    Problem
        Where there is no such image in it.
    """
    if kind == SAFETENSORS:
        return _from_tensor(body, shape, limits, one=one)
    fields = parse_json(body)
    key = "image" if one else "images"
    if key not in fields:
        raise wrong(key, f'"{key}" is missing', "nested lists of whole numbers 0 to 255")
    if not one and b"true" not in body and b"false" not in body:  # which Python takes for 1 and 0
        usual = _usual(fields[key], shape)
        if usual is not None:
            _check_count(len(usual), key, limits)
            del fields[key]
            return usual, fields
    return _from_lists(fields.pop(key), key, shape, limits, one=one), fields


def _files(form: Form, limits: Limits, *, one: bool) -> list[bytes]:
    files = [content for name, content in form.files if name in ("image", "images", "file")]
    if not files:
        names = ", ".join(sorted({name[:40] for name, _ in form.files} | form.texts.keys()))
        parts_text = f"the body has {names[:200]}" if names else "the body has no parts"
        raise wrong("image", f'there is no file "image": {parts_text}', 'a file called "image"')
    if one and len(files) > 1:
        raise wrong("image", f"there are {len(files)} images", "exactly one")
    _check_count(len(files), "image", limits)
    return files


def _decode(
    files: list[bytes], preprocessing: Preprocessing, limits: Limits, fields: dict[str, Any]
) -> ImageRequest:
    sizes = [size_of(content, max_pixels=limits.pixels) for content in files]
    _check_pixels(sizes, limits)
    prepared = [preprocessing.prepare(content, max_pixels=limits.pixels) for content in files]
    images, notes = zip(*prepared, strict=True)
    return ImageRequest(np.stack(images), notes, fields)


def _from_lists(
    value: object, key: str, shape: tuple[int, int, int], limits: Limits, *, one: bool
) -> Pixels | list[Pixels]:
    if not isinstance(value, list):
        kind = {str: "a text", dict: "an object", type(None): "null"}.get(type(value), "a number")
        raise wrong(key, f"{key} is {kind}", "nested lists of whole numbers 0 to 255")
    if not one:
        _check_count(len(value), key, limits)
    try:
        # usual: all of one shape, read in one go
        whole = _bytes_of(value, key)
        return _with_axes(whole[None] if one else whole, key, shape)
    except ValueError:
        if one:
            raise wrong(key, f"{key} is not a rectangle", "rows of one length") from None
    images = []
    for number, item in enumerate(value):
        where = f"{key}[{number}]"
        try:
            image = _bytes_of(item, where)
        except ValueError:
            raise wrong(where, f"{where} is not a rectangle", "rows of one length") from None
        images.append(_with_axes(image[None], where, shape)[0])
    return images


def _usual(value: object, shape: Shape) -> Pixels | None:
    """Read lists of exactly (N, C, H, W), or (N, H, W) where C is 1, in half of NumPy's time.

    None stands for everything else: another shape, other values, or what is no image at all.
    """
    channels, height, width = shape
    try:
        planes: Any = value
        if isinstance(planes[0][0][0], list):
            if any(len(image) != channels for image in planes):
                return None
            planes = list(chain.from_iterable(planes))
        elif channels != 1:
            return None
        rows = list(chain.from_iterable(planes))
        if any(len(plane) != height for plane in planes) or any(len(row) != width for row in rows):
            return None
        pixels = bytes(chain.from_iterable(rows))
    except (TypeError, ValueError, LookupError):
        return None
    return np.frombuffer(pixels, np.uint8).reshape(-1, *shape)


def _bytes_of(value: object, key: str) -> Pixels:
    """Return nested lists as uint8; ValueError where they are ragged."""
    array = np.array(value)
    if array.dtype.kind not in "iu" or array.size == 0:
        what = {"f": "fractions", "U": "texts", "b": "truth values", "O": "other values"}
        held = what.get(array.dtype.kind, "no numbers") if array.size else "no numbers"
        raise wrong(key, f"{key} holds {held}", "whole numbers 0 to 255")
    if array.min() < 0 or array.max() > 255:
        worst = int(array.min() if array.min() < 0 else array.max())
        raise wrong(key, f"{key} holds {worst}", "whole numbers 0 to 255")
    return array.astype(np.uint8)


def _with_axes(images: Pixels, key: str, shape: tuple[int, int, int]) -> Pixels:
    """Return `(N, H, W)` or `(N, C, H, W)` with four axes, C being 1 or 3."""
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise wrong(
            key,
            f"an image of {key} has the shape {images.shape[1:]}",
            f"(C, H, W) with C 1 or 3, or (H, W); the network takes {shape_text(shape)}",
        )
    return images


def _from_tensor(
    body: bytes, shape: tuple[int, int, int], limits: Limits, *, one: bool
) -> tuple[Pixels, dict[str, Any]]:
    """Read a safetensors body of one uint8 tensor; its metadata are the request's fields."""
    length = int.from_bytes(body[:8], "little")
    if len(body) < 8 or length > min(_LONGEST_HEADER, len(body) - 8):
        raise wrong("body", "the body is not safetensors", "a header of at most 64 KiB")
    name = "image" if one else "images"
    read = _layout if length <= _USUAL_HEADER else _layout.__wrapped__
    sizes, metadata = read(body[8 : 8 + length], name)
    end = math.prod(sizes)
    if end != len(body) - 8 - length:
        raise wrong(name, "the tensor is not as long as its shape says", f"{end:,} bytes")
    pixels = np.frombuffer(body, np.uint8, end, 8 + length).reshape(sizes)
    if not one:
        _check_count(len(pixels), name, limits)
    return _with_axes(pixels[None] if one else pixels, name, shape), dict(metadata)


@lru_cache(maxsize=256)  # a program sends the same few headers again and again
def _layout(header: bytes, name: str) -> tuple[tuple[int, ...], dict[str, str]]:
    """Return the shape that a safetensors header gives its only tensor, and its metadata."""
    tensors = parse_json(header)
    metadata = tensors.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise wrong("__metadata__", "the metadata are not texts", "an object of texts")
    match tensors.get(name) if len(tensors) == 1 else None:
        case {"dtype": "U8", "shape": list(written), "data_offsets": [0, int(end)]}:
            sizes = tuple(n for n in written if type(n) is int and n >= 0)
        case _:
            raise wrong(name, "the body holds other tensors", f'one U8 tensor "{name}"')
    if len(sizes) != len(written) or not 2 <= len(sizes) <= 4 or math.prod(sizes) != end:
        raise wrong(
            name, f"the tensor has the shape {str(written)[:80]}", "(N, C, H, W) or (N, H, W)"
        )
    return sizes, metadata


def _check_count(count: int, key: str, limits: Limits) -> None:
    if not 1 <= count <= limits.images:
        raise wrong(key, f"there are {count} images", f"1 to {limits.images} in one request")


def _check_pixels(sizes: list[tuple[int, int]], limits: Limits) -> None:
    """Refuse images `(height, width)` that are too large one by one, or all together."""
    if any(max(size) > MAX_SIDE or math.prod(size) > limits.pixels for size in sizes):
        raise Problem(
            *(413, "too_large", "an image has too many pixels"),
            f"at most {limits.pixels:,} pixels, and {MAX_SIDE:,} along a side",
        )
    total = sum(math.prod(size) for size in sizes)
    if total > limits.request_pixels:
        raise Problem(
            *(413, "too_large", f"the images have {total:,} pixels together"),
            f"at most {limits.request_pixels:,} pixels in one request",
            "send fewer or smaller images at once",
        )


def _bring(
    arrays: list[Pixels], preprocessing: Preprocessing, limits: Limits, fields: dict[str, Any]
) -> ImageRequest:
    _check_pixels([array.shape[1:] for array in arrays], limits)
    images, notes = [], []
    for array in arrays:
        said: list[str] = []
        if array.shape == preprocessing.input:
            images.append(array)
        else:
            plane = array[0] if len(array) == 1 else array.transpose(1, 2, 0)
            picture = Image.fromarray(np.ascontiguousarray(plane))
            images.append(np.ascontiguousarray(preprocessing.bring(picture, said)))
        notes.append(said)
    return ImageRequest(np.stack(images), tuple(notes), fields)
