"""What a run folder keeps of a training while it goes on."""

from __future__ import annotations

import time

from convlens.runs import RunWriter
from convlens.training.engine import Training

SAVE_SECONDS = 5.0
"""A checkpoint is written at the end of an epoch when the last one is older than this."""


class Saver:
    """Writes the status, checkpoints and weights, not more often than they are worth.

    Parameters
    ----------
    writer : RunWriter
        The run folder.
    training : Training
        What is saved.
    """

    def __init__(self, writer: RunWriter, training: Training) -> None:
        self.writer, self.training = writer, training
        self._saved_at = time.monotonic()

    def after_epoch(self) -> None:
        """Write the status and, where the last one is old enough, a checkpoint."""
        self.writer.status(**self.training.progress.status())
        if time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the best weights, the last ones, and a checkpoint."""
        # what is worth most comes first: where the disk is full, the weights may still fit
        if self.training.best is not None:
            self.writer.write_tensors("weights.safetensors", self.training.best, {})
        self.writer.write_tensors("last.safetensors", self.training.weights(), {})
        self.writer.save_checkpoint(*self.training.state())
        self._saved_at = time.monotonic()
