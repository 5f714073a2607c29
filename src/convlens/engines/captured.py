"""A function of tensors on a GPU, recorded once as a CUDA graph and then replayed.

A small network's kernels take microseconds, and Python takes longer to ask for the next one: most
of the time the GPU waits. A graph asks for all of them at once.

References
----------
https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")


class Captured(Generic[Result]):
    """What a function does, without the time that asking for it takes.

    Parameters
    ----------
    function : callable
        Takes tensors on the current GPU and returns what holds tensors. Nothing in it may depend
        on their values or come from the CPU; what it changes in place is changed by every call.
    warm_up : int
        Calls that are computed as they are, before one of the same shapes is recorded: what is
        made only once, such as an optimizer's state, has to be there by then.

    Notes
    -----
    Calls of other shapes than the recorded ones are computed as they are. The result of a call is
    overwritten by the next one.
    """

    def __init__(self, function: Callable[..., Result], warm_up: int = 3) -> None:
        self._function, self._warm_up = function, warm_up
        self._calls: Counter[tuple[torch.Size, ...]] = Counter()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._result: Result

    def __call__(self, *inputs: Tensor) -> Result:
        """Return the function's result."""
        shapes = shapes_of(inputs)
        if self._graph is None and self._calls[shapes] == self._warm_up:
            self._graph = self._record(*inputs)
        if self._graph is None or shapes != shapes_of(self._inputs):
            self._calls[shapes] += 1
            return self._as_it_is(*inputs)
        for place, tensor in zip(self._inputs, inputs, strict=True):
            place.copy_(tensor)
        self._graph.replay()
        return self._result

    def _as_it_is(self, *inputs: Tensor) -> Result:
        """Compute on a stream of its own: backward must not remember the one that cannot record."""
        now, beside = torch.cuda.current_stream(), torch.cuda.Stream()
        beside.wait_stream(now)
        with torch.cuda.stream(beside), warnings.catch_warnings():
            # an optimizer that is to be recorded says that it is not, yet
            warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
            result = self._function(*inputs)
        now.wait_stream(beside)
        return result

    def _record(self, *inputs: Tensor) -> torch.cuda.CUDAGraph:
        self._inputs = tuple(tensor.clone() for tensor in inputs)
        graph = torch.cuda.CUDAGraph()
        # other threads may use the GPU meanwhile, as the one that reads a folder's images does
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._result = self._function(*self._inputs)
        return graph


def shapes_of(tensors: tuple[Tensor, ...]) -> tuple[torch.Size, ...]:
    return tuple(tensor.shape for tensor in tensors)
