"""How an image becomes what the network was trained on; carried by the run, never retyped.

Training folders, prediction and the server call the same `prepare`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data.decode import MAX_PIXELS, ImageSource, decode_with_pixels
from convlens.foundation.errors import DataError

Framing = Literal["none", "mnist"]
Background = Literal["dark", "light", "mixed"]
Fit = Literal["crop", "pad", "stretch", "exact"]
Interpolation = Literal["bilinear", "bicubic"]

PLAIN_SPREAD = 0.1
"""A set has a plain background when its border pixels spread less than this (scale 0 to 1)."""
FRAMED_PIXELS = 2**20
"""Most pixels of an image in which strokes are looked for."""

UNKNOWN = (
    "it is not known how images were prepared for this model: pixels are scaled to 0..1 and "
    "nothing more, which may give wrong answers; import it again with `mean` and `std`"
)
"""The note on each image of a model that does not say it."""


@dataclass(frozen=True)
class Preprocessing:
    """Size, channels and statistics that every image is brought to.

    Parameters
    ----------
    input : (int, int, int)
        `(channels, height, width)`; 1 channel is grey, 3 are RGB.
    mean, std : tuple of float
        Per channel, of pixels scaled to 0..1.
    framing : {"none", "mnist"}
        "mnist" brings a digit of any size to a 20x20 box in the middle of 28x28, as the set
        itself was made (LeCun, http://yann.lecun.com/exdb/mnist/).
    background : {"dark", "light", "mixed"}
        What the borders of the training images are; an image with the opposite plain
        background is inverted.
    fit : {"crop", "pad", "stretch", "exact"}
        How an image of another size is brought to this one. "crop": resize until it covers the
        input and cut the middle; "pad": resize until it lies inside and fill the rest with the
        median of its own border; "stretch": resize each side by itself; "exact": all training
        images had the size, others are cropped.
    resize : int, optional
        With "crop": what the shorter side is resized to before the middle is cut, in pixels; larger
        than the input, it leaves a margin out. By default the image just covers the input.
    interpolation : {"bilinear", "bicubic"}
        How pixels are weighed when an image is resized; both average over what is made smaller.
    draft : bool
        Whether JPEGs of over a million pixels are decoded at a part of their size, never below what
        the resize needs; see `convlens.data.jpeg`. Runs from before do not.
    known : bool
        False for a model from elsewhere that does not say how its images were prepared: every
        image prepared for it then comes with a note.
    """

    input: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    framing: Framing = "none"
    background: Background = "mixed"
    fit: Fit = "crop"
    known: bool = True
    resize: int | None = None
    interpolation: Interpolation = "bilinear"
    draft: bool = False

    def normalise(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return `(x/255 - mean)/std`, float32 `(N, C, H, W)`, of uint8 images `(N, C, H, W)`."""
        mean = np.asarray(self.mean, np.float32).reshape(1, -1, 1, 1)
        std = np.asarray(self.std, np.float32).reshape(1, -1, 1, 1)
        normalised = images.astype(np.float32)
        # in place: a step that makes a new array of each batch costs as much as the step
        normalised /= np.float32(255)
        normalised -= mean
        normalised /= std
        return normalised

    def prepare(
        self, source: ImageSource, *, max_pixels: int = MAX_PIXELS
    ) -> tuple[NDArray[np.uint8], list[str]]:
        """Decode one image file and bring it to the network's input.

        Parameters
        ----------
        source : path or bytes
            The file, or its content.
        max_pixels : int
            Largest width * height that is decoded.

        Returns
        -------
        uint8 array (C, H, W)
            The image as the network sees it, before normalisation.
        list of str
            What was changed on the way.

        Raises
        ------
        DataError
            Where the file is not a readable image.
        """
        needed = self.needed if self.draft else None
        picture = decode_with_pixels(source, needed=needed, max_pixels=max_pixels)
        brought = self.bring(picture.image, picture.notes, size=picture.size)
        return np.ascontiguousarray(brought), picture.notes

    def needed(self, width: int, height: int) -> tuple[int, int]:
        """Return the least width and height that an image's resize works with.

        >>> preparing = Preprocessing((3, 224, 224), (0.5,) * 3, (0.5,) * 3)
        >>> preparing.needed(4000, 3000)
        (299, 224)
        """
        _, high, wide = self.input
        if max(width, height) > 64 * min(width, height):
            return width, height  # a strip is cut before it is resized
        if self.fit == "stretch":
            return wide, high
        if self.resize is not None:
            margin = self.resize / min(wide, high)
            wide, high = max(wide, round(wide * margin)), max(high, round(high * margin))
        choose = min if self.fit == "pad" else max
        # as a fraction: 224 / 3000 * 3000 is a little more than 224
        target, whole = choose((wide, width), (high, height), key=lambda pair: pair[0] / pair[1])
        return max(1, -(-width * target // whole)), max(1, -(-height * target // whole))

    def bring(
        self,
        image: Image.Image,
        notes: list[str],
        pixels: NDArray[np.uint8] | None = None,
        size: tuple[int, int] | None = None,
    ) -> NDArray[np.uint8]:
        """Bring a decoded image (mode L or RGB) to the network's input, uint8 `(C, H, W)`.

        Parameters
        ----------
        image : PIL.Image.Image
            From `decode`.
        notes : list of str
            Takes what is changed on the way.
        pixels : uint8 array (H, W) or (H, W, 3), optional
            The image's pixels, where they are at hand: used if nothing has to be changed.
        size : (int, int), optional
            Width and height of the whole picture, where a part of them was decoded.
        """
        unchanged, (channels, height, width) = image, self.input
        if not self.known:
            notes.append(UNKNOWN)
        if channels == 1 and image.mode != "L":
            image = image.convert("L")
            notes.append("colour made grey")
        elif channels == 3 and image.mode != "RGB":
            image = image.convert("RGB")
        if self._opposite(image):
            image = Image.eval(image, lambda value: 255 - value)
            strokes, ground = ("dark", "light") if self.background == "dark" else ("light", "dark")
            notes.append(
                f"{strokes} strokes on a {ground} ground: inverted, because the run's images "
                f"are {ground} on {strokes}"
            )
        if image.size != (width, height) or self.resize is not None:
            whole = size or image.size
            notes.append(f"{whole[0]}x{whole[1]} brought to {width}x{height}")
            if self.framing == "mnist":
                image = _framed(image, width, height)
            else:
                image = self._fitted(image)
        if pixels is None or image is not unchanged:
            pixels = np.asarray(image, np.uint8)
        # a view: whoever keeps it copies it into place
        return pixels.reshape(height, width, channels).transpose(2, 0, 1)

    def _fitted(self, image: Image.Image) -> Image.Image:
        """Return the image at the input's size."""
        _, height, width = self.input
        resample = _RESAMPLING[self.interpolation]
        if self.fit == "pad":
            return letterbox(image, width, height, resample)
        if self.fit == "stretch":
            return stretch(image, width, height, resample)
        if self.resize is None:
            return cover(image, width, height, resample)
        margin = self.resize / min(width, height)
        wide, high = max(width, round(width * margin)), max(height, round(height * margin))
        covered = cover(image, wide, high, resample)
        left, top = (wide - width) // 2, (high - height) // 2
        return covered.crop((left, top, left + width, top + height))

    def _opposite(self, image: Image.Image) -> bool:
        """Say whether the image's plain background is the opposite of the run's."""
        if self.background == "mixed":
            return False
        border = _border(np.asarray(image.convert("L"), np.uint8)[None, None])
        light = float(np.median(border)) > 127
        return light == (self.background == "dark")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        written = {
            **asdict(self),
            "input": list(self.input),
            "mean": list(self.mean),
            "std": list(self.std),
        }
        rare = {"known": True, "resize": None, "interpolation": "bilinear", "draft": False}
        for key, usual in rare.items():
            if written[key] == usual:  # files from before do not mention it either
                del written[key]
        return written

    @classmethod
    def from_dict(cls, written: object) -> Preprocessing:
        """Read the JSON form, which comes from a disk and is not trusted.

        Raises
        ------
        DataError
            Where anything is missing or out of range.
        """
        if not isinstance(written, Mapping):
            raise _damaged("it is not an object")
        try:
            shape = tuple(int(n) for n in written["input"])
            mean = tuple(float(x) for x in written["mean"])
            std = tuple(float(x) for x in written["std"])
            words = [written["framing"], written["background"], written["fit"]]
            words.append(written.get("interpolation", "bilinear"))
            resize = None if written.get("resize") is None else int(written["resize"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise _damaged(f"{type(error).__name__} {error}") from None
        kinds = [get_args(kind) for kind in (Framing, Background, Fit, Interpolation)]
        if any(word not in kind for word, kind in zip(words, kinds, strict=True)):
            raise _damaged(f"framing, background, fit or interpolation is none of {kinds}")
        if len(shape) != 3 or shape[0] not in (1, 3) or not all(1 <= n <= 16_384 for n in shape):
            raise _damaged(f"the input is {shape}")
        if len(mean) != shape[0] or len(std) != shape[0]:
            raise _damaged("mean and std need one value per channel")
        if not all(map(math.isfinite, mean + std)) or min(std) <= 0:
            raise _damaged("mean and std must be finite, and std above 0")
        if resize is not None and not min(shape[1:]) <= resize <= 16_384:
            raise _damaged(f"resize is {resize}")
        framing, background, fit, interpolation = words
        known = written.get("known") is not False
        draft = written.get("draft") is True
        return cls(shape, mean, std, framing, background, fit, known, resize, interpolation, draft)


def _damaged(reason: str) -> DataError:
    return DataError(
        f"the run's preprocessing is damaged: {reason}",
        "input, mean, std, framing, background and fit",
        "restore data.json, or train again",
    )


_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def cover(
    image: Image.Image,
    width: int,
    height: int,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
) -> Image.Image:
    """Resize so that the image covers width x height, and cut the middle; antialiased."""
    if max(image.size) > 64 * min(image.size):
        # a strip of one pixel by a million would be resized to billions: its middle is enough
        long = 64 * min(image.size)
        image = image.crop(
            (
                max(0, (image.width - long) // 2),
                max(0, (image.height - long) // 2),
                min(image.width, (image.width + long) // 2),
                min(image.height, (image.height + long) // 2),
            )
        )
    scale = max(width / image.width, height / image.height)
    size = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    resized = image.resize(size, resample)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return resized.crop((left, top, left + width, top + height))


def letterbox(
    image: Image.Image,
    width: int,
    height: int,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
) -> Image.Image:
    """Resize so that the image lies inside width x height, in the middle of its border's median.

    The fill is the image's own, so that a scan on white paper gets no black bars.
    """
    scale = min(width / image.width, height / image.height)
    size = (
        min(width, max(1, round(image.width * scale))),
        min(height, max(1, round(image.height * scale))),
    )
    resized = image.resize(size, resample)
    pixels = np.asarray(resized).reshape(size[1], size[0], -1)
    edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    fill = tuple(int(value) for value in np.median(edges, axis=0))
    ground = Image.new(image.mode, (width, height), fill if len(fill) > 1 else fill[0])
    ground.paste(resized, ((width - size[0]) // 2, (height - size[1]) // 2))
    return ground


def stretch(
    image: Image.Image,
    width: int,
    height: int,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
) -> Image.Image:
    """Resize each side by itself; antialiased."""
    return image.resize((width, height), resample)


def _framed(image: Image.Image, width: int, height: int) -> Image.Image:
    """Frame light strokes on a dark ground as MNIST's digits are framed.

    The paper's grey is taken off, contrast is stretched, the strokes' bounding box scaled into
    20/28 of the side, and the centre of mass put in the middle.
    """
    image = image.convert("L")
    # A photo may have millions of pixels; the digit keeps its shape at a few hundred. A strip
    # that is long and thin is brought to a million too.
    area = image.width * image.height
    shrink = max(1, min(image.size) // 256, math.isqrt(area // FRAMED_PIXELS))
    if shrink > 1:
        image = image.reduce(shrink)
    values = np.asarray(image, np.float64)
    border = _border(values[None, None])
    ground = float(np.median(border)) + 2 * float(np.median(np.abs(border - np.median(border))))
    strokes = np.clip(values - ground, 0, None)
    if strokes.max() < 16:  # no strokes to frame: an empty sheet stays one
        return cover(image, width, height)
    strokes *= 255 / strokes.max()
    strokes[strokes < 48] = 0  # paper grain and compression noise
    rows, columns = np.flatnonzero(strokes.any(1)), np.flatnonzero(strokes.any(0))
    box = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = min(width * 20 / 28 / box.shape[1], height * 20 / 28 / box.shape[0])
    size = max(1, round(box.shape[1] * scale)), max(1, round(box.shape[0] * scale))
    small = Image.fromarray(box.astype(np.uint8)).resize(
        size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    )
    digit = np.asarray(small, np.float64)
    mass = digit.sum()
    centre_x = float((digit.sum(0) * np.arange(size[0])).sum() / mass) + 0.5
    centre_y = float((digit.sum(1) * np.arange(size[1])).sum() / mass) + 0.5
    left = min(max(0, round(width / 2 - centre_x)), width - size[0])
    top = min(max(0, round(height / 2 - centre_y)), height - size[1])
    canvas = Image.new("L", (width, height), 0)
    canvas.paste(small, (left, top))
    return canvas


def mean_std(images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std per channel of uint8 images `(N, C, H, W)`, on the scale 0 to 1.

    Exact, from the histogram of each channel; a channel of one value gets std 1.

    >>> mean_std(np.array([0, 255, 0, 255], np.uint8).reshape(1, 1, 2, 2))
    ((0.5,), (0.5,))
    """
    levels = np.arange(256) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        histogram = np.zeros(256, np.int64)
        for part in np.array_split(images[:, channel], max(1, len(images) // 4096)):
            histogram += np.bincount(part.ravel(), minlength=256)
        mean = float((histogram * levels).sum() / histogram.sum())
        variance = float((histogram * (levels - mean) ** 2).sum() / histogram.sum())
        means.append(mean)
        stds.append(math.sqrt(variance) or 1.0)
    return tuple(means), tuple(stds)


def pixel_sums(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return each image's sum of pixels and of their squares, int64 `(N, 2, C)`.

    They are exact, and those of any part of a set give its mean and std without its pixels.

    >>> pixel_sums(np.array([1, 2, 3, 4], np.uint8).reshape(1, 1, 2, 2)).tolist()
    [[[10], [30]]]
    """
    flat = images.reshape(*images.shape[:2], -1)
    # the narrower, the faster: the square of a pixel fits 16 bits, their sum often 32
    wide = np.uint32 if flat.shape[2] * 255**2 < 2**32 else np.uint64
    squares = np.square(flat, dtype=np.uint16)
    sums = [values.sum(2, dtype=wide) for values in (flat, squares)]
    return np.stack(sums, axis=1).astype(np.int64)


def mean_std_of_sums(
    sums: NDArray[np.int64], pixels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what `mean_std` would for the images whose `pixel_sums` these are.

    Parameters
    ----------
    sums : int64 array (N, 2, C)
        Sums and sums of squares of the images that count.
    pixels : int
        Height times width.

    Examples
    --------
    >>> images = np.array([0, 255, 0, 255], np.uint8).reshape(1, 1, 2, 2)
    >>> mean_std_of_sums(pixel_sums(images), 4) == mean_std(images)
    True
    """
    count = len(sums) * pixels
    means, stds = [], []
    for first, second in sums.sum(0).T.tolist():
        # whole numbers of any length: no digit is lost before the one division
        means.append(first / (255 * count))
        variance = (count * second - first * first) / (255 * count) ** 2
        stds.append(math.sqrt(variance) or 1.0)
    return tuple(means), tuple(stds)


def background_of(images: NDArray[np.uint8]) -> Background:
    """Say whether a set has a plain dark or light ground, from the border pixels of its images."""
    border = _border(images[:: max(1, len(images) // 2000)]) / 255
    if float(border.std()) > PLAIN_SPREAD:
        return "mixed"
    return "light" if float(border.mean()) > 0.5 else "dark"


def _border(images: NDArray[Any]) -> NDArray[np.float64]:
    """Return the outermost pixels of images `(N, C, H, W)` as one vector."""
    edges = (images[:, :, 0], images[:, :, -1], images[:, :, :, 0], images[:, :, :, -1])
    return np.concatenate([edge.astype(np.float64).ravel() for edge in edges])
