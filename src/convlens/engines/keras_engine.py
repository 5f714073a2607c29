"""The Keras engine: a network as a Keras model, with the neutral weights out and in.

Keras computes on `(N, H, W, C)`; what goes in and comes out here is `(N, C, H, W)`, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from convlens.arithmetic import Shape
from convlens.engines import Float32, Floats
from convlens.engines.keras_backend import keras
from convlens.engines.keras_layers import keras_name
from convlens.engines.keras_layers import layer as keras_layer
from convlens.engines.keras_weights import VARIABLES, from_keras, to_keras
from convlens.errors import InputError
from convlens.layers import Layer, Residual, Softmax
from convlens.network import Network
from convlens.table import named, shape_text
from convlens.weights import check_arrays

_AT_ONCE = 500
"""Images a pass of `logits`."""


class KerasModel:
    """A network computed by Keras.

    Parameters
    ----------
    network : Network
        What to compute.
    seed : int
        Seed of the initial weights, which are the PyTorch engine's of the same seed, and of what
        dropout draws.

    Attributes
    ----------
    keras_model : keras.Model
        Maps `(N, H, W, C)` float images to the network's output: probabilities where it ends in
        softmax. A `keras.Sequential` unless the network has residual blocks; its layers are
        named as the network's, with a hyphen for a dot. `keras_model.summary()` prints it.
    logits_model : keras.Model
        The same layers without a final softmax: what is trained and evaluated.
    """

    def __init__(self, network: Network, seed: int = 0) -> None:
        table = network.table()
        self.network = network
        self._seed = seed
        self._layers: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        channels, height, width = network.input
        images = keras.Input((height, width, channels), name="images", dtype="float32")
        if any(isinstance(spec, Residual) for spec in network.layers):
            output = self._through(network.layers, images, network.input, "")
            self.keras_model = keras.Model(images, output, name=keras_name(network.name))
        else:
            chain = self._chain()
            self.keras_model = keras.Sequential([images, *chain], name=keras_name(network.name))
            images = self.keras_model.inputs[0]
            self._outputs = {name: found.output for name, found in self._layers.items()}
        kept = [row.name for row in table.rows if not isinstance(row.layer, Softmax)]
        self._images = images
        logits = self._outputs[kept[-1]] if kept else images
        self.logits_model = keras.Model(images, logits, name=f"{keras_name(network.name)}-logits")
        self.load_weights(_initial(network, seed))

    def _built(self, spec: Layer, shape: Shape, place: str) -> list[Any]:
        """Return the Keras layers of one layer; the last is known by its name."""
        built = keras_layer(spec, shape, place, self._seed + len(self._layers))
        self._layers[place] = built[-1]
        return built

    def _chain(self) -> Iterator[Any]:
        floor = self.network.rounding == "floor"
        shape: Shape = self.network.input
        for name, spec in named(self.network.layers):
            yield from self._built(spec, shape, name)
            shape = spec.output(shape, floor=floor)

    def _through(self, specs: tuple[Layer, ...], values: Any, shape: Shape, prefix: str) -> Any:
        """Lead a symbolic tensor through a list of layers whose names begin with `prefix`."""
        for name, spec in named(specs):
            place = prefix + name
            if isinstance(spec, Residual):
                main = self._through(spec.layers, values, shape, f"{place}.")
                shortcut = self._through(spec.shortcut, values, shape, f"{place}.shortcut.")
                values = keras.layers.Add(name=keras_name(place), dtype="float32")([main, shortcut])
            else:
                for built in self._built(spec, shape, place):
                    values = built(values)
            shape = self.network.table().row(place).output
            self._outputs[place] = values
        return values

    def logits(self, images: Floats) -> Float32:
        """Return logits `(N, classes)` for normalised images `(N, C, H, W)`, in evaluation mode.

        Raises
        ------
        InputError
            Where the images are not of the network's input shape.
        """
        batches = self._batches(images)
        return np.concatenate([_array(self.logits_model(b, training=False)) for b in batches])

    def activations(
        self, images: Floats, layers: Sequence[str] | None = None
    ) -> dict[str, Float32]:
        """Return the named layers' outputs, batch first, in the order of computation.

        Parameters
        ----------
        images : float array (N, C, H, W)
            Normalised images; float64 ones are rounded to float32.
        layers : sequence of str, optional
            Full layer names as in the table; all of them by default.

        Returns
        -------
        dict of str to float32 array
            `(N, C, H, W)` or `(N, F)` by layer name.

        Raises
        ------
        InputError
            Where a layer does not exist; gives the nearest name.
        """
        table = self.network.table()
        wanted = {row.name for row in (table.rows if layers is None else map(table.row, layers))}
        outputs = {row.name: self._outputs[row.name] for row in table.rows if row.name in wanted}
        if not outputs:
            return {}
        traced = keras.Model(self._images, outputs)
        parts = [traced(batch, training=False) for batch in self._batches(images)]
        return {name: np.concatenate([_array(part[name]) for part in parts]) for name in outputs}

    def weights(self) -> dict[str, Float32]:
        """Return a copy of the weights in the neutral layout."""
        return {
            name: from_keras(keras.ops.convert_to_numpy(variable), kind, shape)
            for name, variable, kind, shape in self.variables()
        }

    def load_weights(self, weights: Mapping[str, Floats]) -> None:
        """Replace the weights.

        Raises
        ------
        WeightsError
            Where names or shapes differ from the network's; nothing is changed then.
        """
        check_arrays(weights, self.network.table().weight_shapes())
        for name, variable, kind, _ in self.variables():
            variable.assign(to_keras(weights[name], kind, variable.shape))

    def variables(self) -> Iterator[tuple[str, Any, str, Shape]]:
        """Yield `(name, Keras variable, layer kind, neutral shape)` in the neutral order."""
        for row in self.network.table().rows:
            shapes = {**row.layer.weights(row.input), **row.layer.buffers(row.input)}
            for array, shape in shapes.items():
                variable = getattr(self._layers[row.name], VARIABLES[row.kind][array])
                yield f"{row.name}.{array}", variable, row.kind, shape

    def _batches(self, images: Floats) -> Iterator[Float32]:
        """Yield contiguous `(n, H, W, C)` parts of `(N, C, H, W)` images."""
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[1:] != self.network.input:
            raise InputError(
                f"the images have the shape {images.shape}",
                f"(N, {', '.join(map(str, self.network.input))}): any number of images "
                f"{shape_text(self.network.input)}",
                "add the batch axis with images[None] if it is one image; resize it otherwise",
            )
        for first in range(0, max(len(images), 1), _AT_ONCE):
            part = images[first : first + _AT_ONCE].transpose(0, 2, 3, 1)
            yield np.ascontiguousarray(part, dtype=np.float32)


def _initial(network: Network, seed: int) -> dict[str, Float32]:
    """Return the PyTorch engine's initial weights: one seed starts every engine alike."""
    from convlens.engines.torch_engine import TorchModel

    return TorchModel(network, seed).weights()


def _array(values: Any) -> Float32:
    """Return a Keras tensor as `(N, C, H, W)` or `(N, F)`."""
    array = keras.ops.convert_to_numpy(values)
    return np.array(array.transpose(0, 3, 1, 2) if array.ndim == 4 else array, np.float32)
