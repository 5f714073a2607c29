"""When memory runs out: tell such an error from others, and find a batch that fits.

A GPU raises `torch.OutOfMemoryError`; on a CPU PyTorch's allocator raises a plain `RuntimeError`,
NumPy and Python a `MemoryError`, and TensorFlow and JAX errors of their own.
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable

import torch

_MESSAGES = (
    "DefaultCPUAllocator",
    "not enough memory: you tried to allocate",
    "std::bad_alloc",
    "RESOURCE_EXHAUSTED",
    "OOM when allocating",
)
"""Parts of messages that only errors of memory have, by PyTorch, TensorFlow and JAX."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that an allocation failed, on a CPU or on a GPU.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    >>> is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    False
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    is_candidate = isinstance(error, RuntimeError) or type(error).__name__ == (
        "ResourceExhaustedError"
    )
    return is_candidate and any(part in str(error) for part in _MESSAGES)


def release(error: BaseException) -> None:
    """Give back what the failed computation holds: its traceback keeps its arrays alive."""
    traceback.clear_frames(error.__traceback__)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def batch_that_fits(size: int, attempt: Callable[[int], object]) -> int | None:
    """Return the first of size / 2, size / 4, ... that can be computed, or None.

    Parameters
    ----------
    size : int
        The batch that did not fit.
    attempt : callable
        Computes with a batch of the size it gets; raises where that is not possible.
    """
    while (size := size // 2) >= 1:
        try:
            attempt(size)
        except Exception as error:  # it does not fit, or is of no use for training
            release(error)
        else:
            return size
    return None
