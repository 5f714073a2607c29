"""The reference engine: a network in NumPy float64, to check every other engine against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from convlens.engines import Floats
from convlens.engines.reference_layers import Float64, output
from convlens.errors import InputError
from convlens.layers import Layer, Residual, Softmax
from convlens.network import Network
from convlens.table import named, shape_text
from convlens.weights import check_arrays

_AT_ONCE = 64
"""Images a pass of `logits`: convolution lays out kernel-size times the input in memory."""


class ReferenceModel:
    """A network computed by the formulas of `reference_layers`, in the order they are written.

    Parameters
    ----------
    network : Network
        What to compute.
    seed : int
        Seed of the initial weights. They are the PyTorch engine's for the same seed: PyTorch
        draws them when they are first needed, and is not imported where `load_weights` comes
        before that.
    """

    def __init__(self, network: Network, seed: int = 0) -> None:
        network.table()
        self.network = network
        self._seed = seed
        self._loaded: dict[str, Float64] | None = None

    @property
    def _weights(self) -> dict[str, Float64]:
        if self._loaded is None:
            from convlens.engines.torch_engine import TorchModel

            initial = TorchModel(self.network, self._seed).weights()
            self._loaded = {name: array.astype(np.float64) for name, array in initial.items()}
        return self._loaded

    def logits(self, images: Floats) -> Float64:
        """Return logits `(N, classes)` for normalised images `(N, C, H, W)`, in float64.

        Raises
        ------
        InputError
            Where the images are not of the network's input shape.
        """
        values = self._checked(images)
        layers = tuple(layer for layer in self.network.layers if not isinstance(layer, Softmax))
        batches = [values[i : i + _AT_ONCE] for i in range(0, max(len(values), 1), _AT_ONCE)]
        return np.concatenate([self._through(layers, batch, "", _ignore) for batch in batches])

    def activations(
        self, images: Floats, layers: Sequence[str] | None = None
    ) -> dict[str, Float64]:
        """Return the named layers' outputs, batch first, in the order of computation.

        Parameters
        ----------
        images : float array (N, C, H, W)
            Normalised images.
        layers : sequence of str, optional
            Full layer names as in the table; all of them by default.

        Returns
        -------
        dict of str to float64 array (N, ...)

        Raises
        ------
        InputError
            Where a layer does not exist (gives the nearest name), or the images are not of the
            network's input shape.
        """
        table = self.network.table()
        wanted = {row.name for row in (table.rows if layers is None else map(table.row, layers))}
        found: dict[str, Float64] = {}

        def seen(name: str, values: Float64) -> None:
            if name in wanted:
                found[name] = values.copy()

        self._through(self.network.layers, self._checked(images), "", seen)
        return found

    def weights(self) -> dict[str, Float64]:
        """Return a copy of the weights, named and laid out neutrally, in float64.

        float32 weights that were loaded come back with the same values.
        """
        return {name: array.copy() for name, array in self._weights.items()}

    def load_weights(self, weights: Mapping[str, Floats]) -> None:
        """Replace the weights.

        Raises
        ------
        WeightsError
            Where names or shapes differ from the network's; nothing is changed then.
        """
        check_arrays(weights, self.network.table().weight_shapes())
        self._loaded = {name: np.array(array, np.float64) for name, array in weights.items()}

    def _through(
        self,
        layers: tuple[Layer, ...],
        values: Float64,
        prefix: str,
        seen: Callable[[str, Float64], None],
    ) -> Float64:
        """Compute a list of layers whose names begin with `prefix`, showing each output."""
        for name, layer in named(layers):
            place = prefix + name
            if isinstance(layer, Residual):
                main = self._through(layer.layers, values, f"{place}.", seen)
                shortcut = self._through(layer.shortcut, values, f"{place}.shortcut.", seen)
                values = main + shortcut
            else:
                values = output(layer, values, self._arrays(layer, place, values.shape[1:]))
            seen(place, values)
        return values

    def _arrays(self, layer: Layer, place: str, shape: tuple[int, ...]) -> dict[str, Float64]:
        names = [*layer.weights(shape), *layer.buffers(shape)]
        return {name: self._weights[f"{place}.{name}"] for name in names}

    def _checked(self, images: Floats) -> Float64:
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[1:] != self.network.input:
            raise InputError(
                f"the images have the shape {images.shape}",
                f"(N, {', '.join(map(str, self.network.input))}): any number of images "
                f"{shape_text(self.network.input)}",
                "add the batch axis with images[None] if it is one image; resize it otherwise",
            )
        return images.astype(np.float64)


def _ignore(name: str, values: Float64) -> None:
    """Watch nothing."""
