"""A network's layers as Keras layers, one for one, over `(N, H, W, C)`.

Where Keras's own layer is the same function it is used; where it is not, a subclass says what it
adds. Keras pads with zeros or in its own "same" way, has no padding on four sides, no stride
together with dilation, and counts nothing as PyTorch does in a padded average.
"""

from __future__ import annotations

from typing import Any, assert_never

from convlens.engines.keras_backend import keras
from convlens.network import layers
from convlens.network.arithmetic import Shape, Window, same_window

Pads = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]

_register = keras.saving.register_keras_serializable(package="convlens")
_PLAIN: dict[str, Any] = {"dtype": "float32"}
_MAPS: dict[str, Any] = {**_PLAIN, "data_format": "channels_last"}


def keras_name(place: str) -> str:
    """Return the name of a network's layer in Keras, where a dot is not allowed everywhere.

    A network's own names have no hyphen, so that no two layers can meet.

    >>> keras_name("residual1.conv2")
    'residual1-conv2'
    """
    return place.replace(".", "-")


def layer(spec: layers.AnyLayer, shape: Shape, place: str, seed: int) -> list[Any]:
    """Build the Keras layers of one layer of a network.

    Parameters
    ----------
    spec : Layer
        Any kind.
    shape : tuple of int
        Its input, `(C, H, W)` or `(F,)`.
    place : str
        Its full name; the last of the Keras layers gets it, by way of `keras_name`.
    seed : int
        Of what dropout draws.

    Returns
    -------
    list of keras.layers.Layer
        One layer; two where zeros are padded as Keras's own padding does not, and where maps are
        flattened, because the order is channel by channel.
    """
    name = keras_name(place)
    match spec:
        case layers.Conv():
            windows = spec.windows(shape)
            settings = {"groups": spec.groups, "use_bias": spec.bias, "name": name, **_MAPS}
            if _strided_and_dilated(windows):
                return [Conv2D(spec.filters, **_slides_apart(windows), **settings)]
            zeros, slides = _slides(windows, shape, name)
            return [*zeros, keras.layers.Conv2D(spec.filters, **slides, **settings)]
        case layers.Depthwise():
            windows = spec.windows(shape)
            settings = {"use_bias": spec.bias, "name": name, **_MAPS}
            settings["depth_multiplier"] = spec.multiplier
            # TensorFlow's depthwise convolution has one stride for both axes on a CPU
            if _strided_and_dilated(windows) or windows[0].stride != windows[1].stride:
                return [DepthwiseConv2D(**_slides_apart(windows), **settings)]
            zeros, slides = _slides(windows, shape, name)
            return [*zeros, keras.layers.DepthwiseConv2D(**slides, **settings)]
        case layers.MaxPool() | layers.AvgPool():
            windows = spec.windows(shape)
            size, padding = _pair(windows, "kernel"), _padding(windows)
            settings = {"strides": _pair(windows, "stride"), "name": name, **_MAPS}
            if isinstance(spec, layers.MaxPool):
                if _native(windows, shape):
                    return [keras.layers.MaxPooling2D(size, padding=padding, **settings)]
                return [MaxPooling2D(size, pads=_pads(windows), **settings)]
            if padding == "valid":
                return [keras.layers.AveragePooling2D(size, **settings)]
            # on the torch backend Keras's "same" divides by the padding too
            settings["counted"] = ((0, 0), *spec.counted(shape), (0, 0))
            return [AveragePooling2D(size, pads=_pads(windows), **settings)]
        case layers.GlobalMaxPool():
            return [keras.layers.GlobalMaxPooling2D(keepdims=True, name=name, **_MAPS)]
        case layers.GlobalAvgPool():
            return [keras.layers.GlobalAveragePooling2D(keepdims=True, name=name, **_MAPS)]
        case layers.Described():
            call = spec.keras(shape)
            kind = getattr(keras.layers, call.name, None) or _OWN[call.name]
            settings = {**call.settings, "name": name, **_PLAIN}
            if call.name == "Dropout":
                settings["seed"] = seed
            return [kind(*call.arguments, **settings)]
        case layers.Flatten():
            flatten = keras.layers.Flatten(name=name, **_MAPS)
            if len(shape) == 1 or shape[1:] == (1, 1):
                return [flatten]
            return [keras.layers.Permute((3, 1, 2), name=f"{name}-permute", **_PLAIN), flatten]
        case layers.Linear():
            return [keras.layers.Dense(spec.features, use_bias=spec.bias, name=name, **_PLAIN)]
        case layers.Softmax():
            return [keras.layers.Softmax(name=name, **_PLAIN)]
        case layers.Add():
            return [keras.layers.Add(name=name, **_PLAIN)]
        case layers.Concat():
            return [keras.layers.Concatenate(axis=-1, name=name, **_PLAIN)]
        case layers.Multiply():
            return [keras.layers.Multiply(name=name, **_PLAIN)]
        case _:
            assert_never(spec)


def _pair(windows: tuple[Window, Window], attribute: str) -> tuple[int, int]:
    return (getattr(windows[0], attribute), getattr(windows[1], attribute))


def _slides(
    windows: tuple[Window, Window], shape: Shape, name: str
) -> tuple[list[Any], dict[str, Any]]:
    """Return the padding that is a layer of its own, if any, and how Keras's convolution slides."""
    slides = {
        "kernel_size": _pair(windows, "kernel"),
        "strides": _pair(windows, "stride"),
        "dilation_rate": _pair(windows, "dilation"),
    }
    if _native(windows, shape):
        return [], {**slides, "padding": _padding(windows)}
    zeros = keras.layers.ZeroPadding2D(_pads(windows)[1:3], name=f"{name}-pad", **_MAPS)
    return [zeros], {**slides, "padding": "valid"}


def _slides_apart(windows: tuple[Window, Window]) -> dict[str, Any]:
    """Return the same for a convolution that takes padding and stride out of Keras's own."""
    return {
        "kernel_size": _pair(windows, "kernel"),
        "strides": (1, 1),
        "dilation_rate": _pair(windows, "dilation"),
        "padding": "valid",
        "pads": _pads(windows),
        "steps": _pair(windows, "stride"),
    }


def _pads(windows: tuple[Window, Window]) -> Pads:
    rows, columns = windows
    return ((0, 0), (rows.before, rows.after), (columns.before, columns.after), (0, 0))


def _padding(windows: tuple[Window, Window]) -> str:
    padded = any(window.before or window.after for window in windows)
    return "same" if padded else "valid"


def _native(windows: tuple[Window, Window], shape: Shape) -> bool:
    """Say whether Keras's "valid" or "same" is exactly this padding."""
    if _padding(windows) == "valid":
        return True
    return all(
        window == same_window(size, window.kernel, window.stride, window.dilation)
        for window, size in zip(windows, shape[1:], strict=True)
    )


def _strided_and_dilated(windows: tuple[Window, Window]) -> bool:
    return max(_pair(windows, "stride")) > 1 and max(_pair(windows, "dilation")) > 1


class _Padded:
    """Padding on four sides of `(N, H, W, C)`; mixed into a Keras layer that pads nothing.

    `pads` are the cells added before and after each of the four axes.
    """

    def __init__(self, *args: Any, pads: Pads, **settings: Any) -> None:
        self.pads = tuple(tuple(pair) for pair in pads)
        super().__init__(*args, **settings)

    def padded(self, images: Any, value: float = 0.0) -> Any:
        """Return the images with the cells added."""
        return keras.ops.pad(images, self.pads, constant_values=value)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Return the output's shape as the layer's own arithmetic has it on the padded input."""
        grown = tuple(
            size if size is None else size + before + after
            for size, (before, after) in zip(input_shape, self.pads, strict=True)
        )
        return super().compute_output_shape(grown)  # type: ignore[misc]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "pads": self.pads}  # type: ignore[misc]


class _Subsampled(_Padded):
    """A padded convolution of whose output every `steps`-th row and column is kept.

    Keras has no stride together with dilation, and TensorFlow no depthwise convolution of two
    strides on a CPU. The cells kept of the convolution at stride 1 are exactly the strided one's.
    """

    def __init__(self, *args: Any, steps: tuple[int, int], **settings: Any) -> None:
        self.steps = tuple(steps)
        super().__init__(*args, **settings)

    def call(self, images: Any) -> Any:
        """Pad, convolve with stride 1, and keep the cells of the stride."""
        dense = super().call(self.padded(images))  # type: ignore[misc]
        return dense[:, :: self.steps[0], :: self.steps[1], :]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Return `(N, H, W, C)` of the cells kept."""
        images, height, width, channels = super().compute_output_shape(input_shape)
        return (images, -(-height // self.steps[0]), -(-width // self.steps[1]), channels)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "steps": self.steps}


@_register
class Conv2D(_Subsampled, keras.layers.Conv2D):  # type: ignore[misc]
    """Keras's convolution with stride and dilation at once."""


@_register
class DepthwiseConv2D(_Subsampled, keras.layers.DepthwiseConv2D):  # type: ignore[misc]
    """Keras's depthwise convolution with stride and dilation at once, and with two strides."""


@_register
class MaxPooling2D(_Padded, keras.layers.MaxPooling2D):  # type: ignore[misc]
    """Keras's max pooling with padding of minus infinity, which is never the largest."""

    def call(self, images: Any) -> Any:
        """Pad and pool."""
        return super().call(self.padded(images, float("-inf")))


@_register
class AveragePooling2D(_Padded, keras.layers.AveragePooling2D):  # type: ignore[misc]
    """Keras's average pooling over each window's real cells.

    Padding is not counted but for the cells in `counted`, a part of `pads`.
    """

    def __init__(self, *args: Any, counted: Pads, **settings: Any) -> None:
        self.counted = tuple(tuple(pair) for pair in counted)
        super().__init__(*args, **settings)

    def call(self, images: Any) -> Any:
        """Return the mean with zeros for padding, divided by the share of cells that count."""
        real = keras.ops.ones_like(images[:1, :, :, :1])
        real = keras.ops.pad(real, self.counted, constant_values=1.0)
        uncounted = tuple(
            (before - b, after - a)
            for (before, after), (b, a) in zip(self.pads, self.counted, strict=True)
        )
        share = super().call(keras.ops.pad(real, uncounted))
        return super().call(self.padded(images)) / share

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "counted": self.counted}


class _OnMaps(keras.layers.Layer):  # type: ignore[misc]
    """A layer on `(N, H, W, C)` without weights, with settings that are written as they came."""

    def __init__(self, *settings: Any, **usual: Any) -> None:
        super().__init__(**usual)
        self.settings = settings

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "settings": self.settings}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make the layer again."""
        settings = config.pop("settings")
        return cls(*settings, **config)


@_register
class Channels(_OnMaps):
    """The maps from one number to before another."""

    def call(self, images: Any) -> Any:
        """Leave the other maps out."""
        start, stop = self.settings
        return images[..., start:stop]


@_register
class ChannelShuffle(_OnMaps):
    """The first map of each group, then the second of each, and so on."""

    def call(self, images: Any) -> Any:
        """Write the maps in rows of a group each, and read them by columns."""
        (groups,) = self.settings
        _, height, width, channels = images.shape
        parted = keras.ops.reshape(images, (-1, height, width, groups, channels // groups))
        mixed = keras.ops.transpose(parted, (0, 1, 2, 4, 3))
        return keras.ops.reshape(mixed, (-1, height, width, channels))


@_register
class BorderPadding2D(_OnMaps):
    """A mirror image of what is beside the border ("reflect"), or its cells again ("replicate")."""

    def call(self, images: Any) -> Any:
        """Take rows and columns again: Keras's backends do not have the same ways to pad."""
        sides, mode = self.settings
        for axis, (before, after) in enumerate(sides, start=1):
            last = images.shape[axis] - 1
            taken = [
                last - abs(last - abs(i)) if mode == "reflect" else min(max(i, 0), last)
                for i in range(-before, last + 1 + after)
            ]
            images = keras.ops.take(images, taken, axis=axis)
        return images


@_register
class AdaptiveAveragePooling2D(_OnMaps):
    """The mean of each part of a map; Keras has this layer itself since version 3.13."""

    def call(self, images: Any) -> Any:
        """Multiply with each row's and each column's share in the parts."""
        (size,) = self.settings
        parts = layers.AdaptiveAvgPool(size=size)
        _, height, width, channels = images.shape
        rows, columns = parts.shares((channels, height, width))
        means = keras.ops.einsum("nhwc,ih->niwc", images, rows.astype("float32"))
        return keras.ops.einsum("niwc,jw->nijc", means, columns.astype("float32"))


@_register
class LocalResponseNormalization(_OnMaps):
    """`x / (k + alpha * squares / size) ^ beta`, with the squares of `size` maps around each."""

    def call(self, images: Any) -> Any:
        """Sum the squares of neighbouring maps, map by map."""
        size, alpha, beta, k = self.settings
        half, count = size // 2, images.shape[-1]
        squares = keras.ops.pad(images * images, ((0, 0), (0, 0), (0, 0), (half, half)))
        total = sum(squares[..., i : i + count] for i in range(size))
        return images / (k + alpha * total / size) ** beta


_OWN = {
    kind.__name__: kind
    for kind in (
        Channels,
        ChannelShuffle,
        BorderPadding2D,
        AdaptiveAveragePooling2D,
        LocalResponseNormalization,
    )
}
"""What Keras does not have of the kinds that say how Keras writes them."""
