"""Keras optimizers and a learning-rate schedule that do what `optimise` does with PyTorch's.

Keras's Adam adds its epsilon before the bias correction and PyTorch's after it; with the same
1e-8 the steps differ where a gradient is as small as that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from convlens.engines.keras_backend import keras
from convlens.training import muon
from convlens.training.recipe import Recipe

ops = keras.ops

_register = keras.saving.register_keras_serializable(package="convlens")


def optimizer(trained: list[Any], recipe: Recipe, steps: int, filters: Sequence[Any] = ()) -> Any:
    """Build the recipe's optimizer; weight decay leaves biases and batch norm alone.

    Parameters
    ----------
    trained : list of keras.Variable
        The trainable variables of the model.
    recipe : Recipe
        Says which optimizer, its settings and its schedule.
    steps : int
        Steps of the whole training.
    filters : sequence of keras.Variable
        The variables that Muon moves; see `optimise.has_filters`.

    Returns
    -------
    keras.optimizers.Optimizer
        Built, with state for every variable.
    """
    rate = Schedule(recipe.learning_rate, recipe.schedule, recipe.warmup, steps)
    if recipe.optimizer == "sgd":
        built = SGD(rate, momentum=recipe.momentum, decay=recipe.weight_decay)
    else:
        first, second = recipe.betas
        moments: dict[str, Any] = {"beta_1": first, "beta_2": second, "epsilon": 1e-8}
        if recipe.optimizer == "adam":
            built = Adam(rate, decay=recipe.weight_decay, **moments)
        else:
            if recipe.optimizer == "muon":
                paths = [variable.path for variable in filters]
                moments |= {"momentum": recipe.momentum, "filters": paths}
                built = Muon(rate, weight_decay=recipe.weight_decay, **moments)
            else:
                built = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, **moments)
            built.exclude_from_weight_decay([v for v in trained if len(v.shape) <= 1])
    built.build(trained)
    return built


@_register
class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """`optimise.rate_factor` times the peak, as tensor operations on the step number.

    Parameters
    ----------
    peak : float
        The recipe's learning rate.
    kind : {"one_cycle", "cosine", "constant"}
        The form.
    warmup : float
        Share of the steps in which `one_cycle` rises.
    steps : int
        Of the whole training.
    """

    def __init__(self, peak: float, kind: str, warmup: float, steps: int) -> None:
        super().__init__()
        self.peak, self.kind, self.warmup, self.steps = peak, kind, warmup, steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, counted from 0."""
        if self.kind == "constant":
            return ops.convert_to_tensor(self.peak, "float32")
        step = ops.cast(step, "float32")
        warm = self.warmup * self.steps if self.kind == "one_cycle" else 0.0
        falling = ops.minimum(1.0, (step - warm) / max(1.0, self.steps - warm))
        factor = (1 + ops.cos(math.pi * falling)) / 2
        if warm:
            rising = 1 / 25 + (1 - 1 / 25) * (1 - ops.cos(math.pi * step / warm)) / 2
            factor = ops.where(step < warm, rising, factor)
        return self.peak * factor

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        names = ("peak", "kind", "warmup", "steps")
        return {name: getattr(self, name) for name in names}


class _Decayed:
    """Weight decay as an addition to the gradient, which is what PyTorch's Adam and SGD do.

    Keras's own `weight_decay` shrinks the weights beside the step, as AdamW does.
    """

    def __init__(self, *args: Any, decay: float = 0.0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.decay = decay

    def decayed(self, gradient: Any, variable: Any) -> Any:
        """Return the gradient with the decay of a weight that has more than one axis."""
        if self.decay and len(variable.shape) > 1:
            return gradient + self.decay * variable
        return gradient

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "decay": self.decay}  # type: ignore[misc]


@_register
class Adam(_Decayed, keras.optimizers.Adam):  # type: ignore[misc]
    """Keras's Adam with PyTorch's weight decay."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        super().update_step(self.decayed(gradient, variable), variable, learning_rate)


@_register
class Muon(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW, and what `muon.Muon` does for some filters, by the paths of their variables.

    Keras's own Muon leaves everything that is not a matrix to AdamW.
    """

    def __init__(
        self, *args: Any, momentum: float = 0.9, filters: Sequence[str] = (), **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self.momentum, self.filters = momentum, frozenset(filters)

    def build(self, variables: Sequence[Any]) -> None:
        """Make the state of all variables."""
        super().build(variables)
        self._moved = {i for i, v in enumerate(variables) if v.path in self.filters}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable; its weights have decayed already."""
        index = self._get_variable_index(variable)
        if index not in self._moved:
            super().update_step(gradient, variable, learning_rate)
            return
        kept = self._momentums[index]
        self.assign(kept, self.momentum * kept + (1 - self.momentum) * gradient)
        ahead = (1 - self.momentum) * gradient + self.momentum * kept
        matrix = orthogonal(ops.reshape(ahead, (-1, ahead.shape[-1])))
        step = ops.cast(learning_rate, variable.dtype) * muon.step_length(matrix.shape)
        self.assign_sub(variable, step * ops.reshape(matrix, variable.shape))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "momentum": self.momentum, "filters": sorted(self.filters)}


def orthogonal(matrix: Any) -> Any:
    """Return what `muon.orthogonal` does."""
    a, b, c = muon.COEFFICIENTS
    rows, columns = matrix.shape
    wide = matrix if rows <= columns else ops.transpose(matrix)
    wide = wide / ops.maximum(ops.norm(wide), 1e-7)
    for _ in range(muon.ROUNDS):
        gram = wide @ ops.transpose(wide)
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if rows <= columns else ops.transpose(wide)


@_register
class SGD(_Decayed, keras.optimizers.SGD):  # type: ignore[misc]
    """PyTorch's SGD: `m = momentum * m + g`, then `w -= rate * (g + momentum * m)` (Nesterov).

    Keras keeps `rate * g` in its momentum, so that a rate that changes acts one step late.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        gradient = self.decayed(gradient, variable)
        if self.momentum:
            moment = self.momentums[self._get_variable_index(variable)]
            self.assign(moment, self.momentum * moment + gradient)
            gradient = gradient + self.momentum * moment
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * gradient)
