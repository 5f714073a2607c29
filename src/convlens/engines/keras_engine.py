"""The Keras engine: a network as a Keras model, with the neutral weights out and in.

Keras computes on `(N, H, W, C)`; what goes in and comes out here is `(N, C, H, W)`, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from convlens.engines import Float32, Floats, check_images, plan_of
from convlens.engines.keras_backend import keras
from convlens.engines.keras_layers import keras_name
from convlens.engines.keras_layers import layer as keras_layer
from convlens.engines.keras_weights import attribute, from_keras, to_keras
from convlens.network import Network
from convlens.network.arithmetic import Shape
from convlens.network.plan import IMAGE, Plan, Step
from convlens.weights import check_arrays

_AT_ONCE = 500
"""Images per pass of `logits`."""


class KerasModel:
    """A network computed by Keras.

    Parameters
    ----------
    network : Network or Plan
        What to compute: a network, or a part of one that `Plan.cut` gave.
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

    def __init__(self, network: Network | Plan, seed: int = 0) -> None:
        if isinstance(network, Network):
            self.network = network
        self.plan = plan = plan_of(network)
        self._seed = seed
        self._layers: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        name = keras_name(plan.name)
        images = keras.Input(_channels_last(plan.input), name="images", dtype="float32")
        in_line = all(step.inputs == (position - 1,) for position, step in enumerate(plan.steps))
        if plan.steps and in_line:
            chain = [layer for step in plan.steps for layer in self._built(step)]
            self.keras_model = keras.Sequential([images, *chain], name=name)
            images = self.keras_model.inputs[0]
            self._outputs = {name: layer.output for name, layer in self._layers.items()}
        else:
            self.keras_model = keras.Model(images, self._through(images), name=name)
        self._images = images
        kept = plan.logits.steps
        logits = self._outputs[kept[-1].name] if kept else images
        self.logits_model = keras.Model(images, logits, name=f"{name}-logits")
        self.load_weights(_initial(plan, seed))

    def _built(self, step: Step) -> list[Any]:
        """Return the Keras layers of one layer; the last is known by its name."""
        built = keras_layer(step.layer, step.input, step.name, self._seed + len(self._layers))
        if len(step.inputs) == 1:  # a join holds nothing and draws nothing
            self._layers[step.name] = built[-1]
        return built

    def _through(self, images: Any) -> Any:
        """Lead a symbolic tensor through all layers."""
        values = {IMAGE: images}
        for position, step in enumerate(self.plan.steps):
            inputs = [values[i] for i in step.inputs]
            value = inputs if len(inputs) > 1 else inputs[0]
            for layer in self._built(step):
                value = layer(value)
            values[position] = self._outputs[step.name] = value
        return values[len(self.plan.steps) - 1]

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
        steps = self.plan.steps if layers is None else map(self.plan.step, layers)
        wanted = {step.name for step in steps}
        outputs = {name: value for name, value in self._outputs.items() if name in wanted}
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
        check_arrays(weights, self.plan.weight_shapes())
        for name, variable, kind, _ in self.variables():
            variable.assign(to_keras(weights[name], kind, variable.shape))

    def variables(self) -> Iterator[tuple[str, Any, str, Shape]]:
        """Yield `(name, Keras variable, layer kind, neutral shape)` in the neutral order."""
        for step in self.plan.steps:
            shapes = {**step.layer.weights(step.input), **step.layer.buffers(step.input)}
            for array, shape in shapes.items():
                variable = getattr(self._layers[step.name], attribute(step.layer, array))
                yield f"{step.name}.{array}", variable, step.kind, shape

    def _batches(self, images: Floats) -> Iterator[Float32]:
        """Yield contiguous `(n, H, W, C)` parts of `(N, C, H, W)` images."""
        images = check_images(self.plan, images)
        for first in range(0, max(len(images), 1), _AT_ONCE):
            part = images[first : first + _AT_ONCE]
            part = part.transpose(0, 2, 3, 1) if part.ndim == 4 else part
            yield np.ascontiguousarray(part, dtype=np.float32)


def _channels_last(shape: Shape) -> Shape:
    """Return `(H, W, C)` of `(C, H, W)`; features stay as they are."""
    return (*shape[1:], shape[0])


def _initial(plan: Plan, seed: int) -> dict[str, Float32]:
    """Return the PyTorch engine's initial weights: one seed starts every engine alike."""
    from convlens.engines.torch_engine import TorchModel

    return TorchModel(plan, seed).weights()


def _array(values: Any) -> Float32:
    """Return a Keras tensor as `(N, C, H, W)` or `(N, F)`."""
    array = keras.ops.convert_to_numpy(values)
    return np.array(array.transpose(0, 3, 1, 2) if array.ndim == 4 else array, np.float32)
