"""Record the kernels while they are learned: before training, every k-th epoch, and the last."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from convlens.inside.learned_kernels import kernel_layers
from convlens.network import Network
from convlens.runs import RunWriter
from convlens.training.engine import Training
from convlens.training.recipe import Recipe

MAX_BYTES = 200_000_000
"""All snapshots of a run together stay below this."""


class KernelRecorder:
    """Writes snapshots of the evaluated weights of the convolutions; changes nothing else.

    Where the snapshots of all convolutions would exceed `MAX_BYTES`, the first convolution
    alone is recorded, and that at longer intervals where it still does not fit.

    Parameters
    ----------
    writer : RunWriter
        The run folder.
    training : Training
        The training to look at.
    network : Network
        Says which arrays are kernels.
    max_bytes : int
        Total size of all snapshots.

    Attributes
    ----------
    notes : list of str
        Where less is recorded than the recipe asks for, what and why.
    """

    def __init__(
        self, writer: RunWriter, training: Training, network: Network, max_bytes: int = MAX_BYTES
    ) -> None:
        self.writer, self.training = writer, training
        self.arrays, self.every, self.notes = plan(network, training.recipe, max_bytes)

    def total_bytes(self) -> int:
        """Return the bytes of all snapshots of the run: epoch 0, each interval, the last epoch."""
        if not self.every:
            return 0
        weights = self.training.weights()
        snapshots = 1 + -(-self.training.recipe.epochs // self.every)
        return snapshots * sum(weights[name].nbytes for name in self.arrays)

    def record(self) -> None:
        """Write a snapshot if this moment, before training or after an epoch, is one for it."""
        progress, recipe = self.training.progress, self.training.recipe
        between_epochs = progress.step == 0  # a resumed run may begin in the middle of an epoch
        due = self.every and (progress.epoch % self.every == 0 or progress.is_over(recipe))
        if between_epochs and due:
            weights = self.training.weights()
            kernels = {name: weights[name] for name in self.arrays}
            self.writer.write_kernels(progress.epoch, kernels)


def plan(
    network: Network, recipe: Recipe, max_bytes: int = MAX_BYTES
) -> tuple[list[str], int, list[str]]:
    """Decide which arrays are recorded, and at every how many epochs.

    Returns
    -------
    arrays : list of str
        Names in the neutral layout.
    every : int
        Interval in epochs; 0 records nothing.
    notes : list of str
        Where that is less than the recipe asks for, what and why.
    """
    every = recipe.record_kernels
    arrays = [f"{layer.name}.weight" for layer in kernel_layers(network.plan())]
    if not every:
        return [], 0, []
    if not arrays:
        return [], 0, ["record_kernels: the network has no convolution to record"]
    shapes = network.plan().weight_shapes()

    def total(names: Sequence[str], interval: int) -> int:
        """Return the bytes of all snapshots: epoch 0, each interval, and the last epoch."""
        snapshots = 1 + -(-recipe.epochs // interval)
        return snapshots * sum(4 * prod(shapes[name]) for name in names)

    wanted = total(arrays, every)
    if wanted <= max_bytes:
        return arrays, every, []
    reason = f"all would take {_megabytes(wanted)}, more than {_megabytes(max_bytes)}"
    first = arrays[:1]
    while every < recipe.epochs and total(first, every) > max_bytes:
        every = min(2 * every, recipe.epochs)
    if total(first, every) > max_bytes:
        return [], 0, [f"record_kernels: nothing is recorded; {reason}"]
    note = f'record_kernels: only "{first[0]}", every {every} epochs; {reason}'
    return first, every, [note]


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
