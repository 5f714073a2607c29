"""The reference engine: a network in NumPy float64, to check every other engine against."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from convlens.engines import Floats, check_images, plan_of
from convlens.engines.reference_layers import Float64, output
from convlens.network import Network
from convlens.network.plan import IMAGE, Plan
from convlens.weights import check_arrays

_AT_ONCE = 64
"""Images per pass of `logits`: a convolution copies the input once per cell of its kernel."""


class ReferenceModel:
    """A network computed by the formulas of `reference_layers`, in the order they are written.

    Parameters
    ----------
    network : Network or Plan
        What to compute: a network, or a part of one that `Plan.cut` gave.
    seed : int
        Seed of the initial weights. They are the PyTorch engine's for the same seed: PyTorch
        draws them when they are first needed, and is not imported where `load_weights` comes
        before that.
    """

    def __init__(self, network: Network | Plan, seed: int = 0) -> None:
        if isinstance(network, Network):
            self.network = network
        self.plan = plan_of(network)
        self._seed = seed
        self._loaded: dict[str, Float64] | None = None

    @property
    def _weights(self) -> dict[str, Float64]:
        if self._loaded is None:
            from convlens.engines.torch_engine import TorchModel

            initial = TorchModel(self.plan, self._seed).weights()
            self._loaded = {name: array.astype(np.float64) for name, array in initial.items()}
        return self._loaded

    def logits(self, images: Floats) -> Float64:
        """Return logits `(N, classes)` for normalised images `(N, C, H, W)`, in float64.

        Raises
        ------
        InputError
            Where the images are not of the network's input shape.
        """
        values = check_images(self.plan, images).astype(np.float64)
        batches = [values[i : i + _AT_ONCE] for i in range(0, max(len(values), 1), _AT_ONCE)]
        return np.concatenate([self._last(batch) for batch in batches])

    def _last(self, images: Float64) -> Float64:
        last = deque([images], maxlen=1)
        last.extend(values for _, values in self._computed(self.plan.logits, images))
        return last.pop()

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
        steps = self.plan.steps if layers is None else map(self.plan.step, layers)
        wanted = {step.name for step in steps}
        values = check_images(self.plan, images).astype(np.float64)
        computed = self._computed(self.plan, values)
        return {name: values.copy() for name, values in computed if name in wanted}

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
        check_arrays(weights, self.plan.weight_shapes())
        self._loaded = {name: np.array(array, np.float64) for name, array in weights.items()}

    def _computed(self, plan: Plan, images: Float64) -> Iterator[tuple[str, Float64]]:
        """Yield each layer's name and output, in the order of computation."""
        values = {IMAGE: images}
        for position, step in enumerate(plan.steps):
            names = [*step.layer.weights(step.input), *step.layer.buffers(step.input)]
            arrays = {name: self._weights[f"{step.name}.{name}"] for name in names}
            values[position] = output(step.layer, [values[i] for i in step.inputs], arrays)
            for read in plan.released[position]:
                del values[read]
            yield step.name, values[position]
