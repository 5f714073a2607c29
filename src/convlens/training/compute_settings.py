"""How a training computes: number format, memory layout, threads, and the batch of evaluation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from convlens.foundation.machine import available_cores

Precision = Literal["float32", "bfloat16"]
Layout = Literal["contiguous", "channels_last"]

EVALUATION_BATCH = 500
"""Images per batch without gradients, where nothing else was measured or asked for."""


@dataclass(frozen=True)
class ComputeSettings:
    """How a training computes, and what was measured to decide it."""

    precision: Precision
    """Number format of matrix products and convolutions during training."""
    memory_format: Layout
    """Order of an image's numbers in memory: map after map, or pixel after pixel."""
    threads: int | None = None
    """PyTorch's threads on a CPU; None leaves them alone."""
    evaluation_batch: int = EVALUATION_BATCH
    """Images per batch in validation and test, where there are no gradients."""
    measured_ms: dict[str, float] | None = None
    """Milliseconds that each candidate took; None where nothing was tried. Of precision, layout
    and threads they are of a training step without the update; of the batch of evaluation, of a
    thousand images."""
    crowded: bool = False
    """Whether other programs took cores while it was measured."""

    @property
    def torch_format(self) -> torch.memory_format:
        """The layout as PyTorch names it."""
        channels_last = self.memory_format == "channels_last"
        return torch.channels_last if channels_last else torch.contiguous_format

    @property
    def dtype(self) -> torch.dtype:
        """The number format as PyTorch names it."""
        return torch.float32 if self.precision == "float32" else torch.bfloat16

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """Return the context in which the forward pass runs."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        # no weight is used twice in a pass, and a cached one could not be recorded by a CUDA graph
        return torch.autocast(device.type, dtype=self.dtype, cache_enabled=False)

    @contextlib.contextmanager
    def in_threads(self) -> Iterator[None]:
        """Compute in this number of threads; the process's own number comes back afterwards."""
        before = torch.get_num_threads()
        if self.threads is not None:
            torch.set_num_threads(min(self.threads, available_cores()))
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def as_recipe(self) -> dict[str, str | int]:
        """Return the values of a recipe that are settled by this and no longer "auto".

        >>> ComputeSettings("float32", "contiguous", threads=2).as_recipe()["threads"]
        2
        """
        values: dict[str, str | int] = {
            "precision": self.precision,
            "memory_format": self.memory_format,
            "evaluation_batch": self.evaluation_batch,
        }
        return values if self.threads is None else {**values, "threads": self.threads}

    def __str__(self) -> str:
        threads = {None: "", 1: ", 1 thread"}.get(self.threads, f", {self.threads} threads")
        return f"{self.precision}, {self.memory_format}{threads}"
