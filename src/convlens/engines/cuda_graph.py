"""A function of tensors on a GPU, recorded once as a CUDA graph and then replayed.

The kernels of a small network take microseconds each, and Python takes longer to launch the next
one, so that the GPU waits most of the time. A graph launches all of them at once.

References
----------
https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")
Shapes = tuple[torch.Size, ...]


def recorded(
    function: Callable[..., Result], device: torch.device, warm_up: int = 3
) -> Callable[..., Result]:
    """Return a function that a CUDA GPU replays from a graph; on other devices the function itself.

    Parameters
    ----------
    function : callable
        See `CudaGraph`.
    device : torch.device
        Where its tensors are.
    warm_up : int
        See `CudaGraph`.

    Examples
    --------
    >>> recorded(torch.relu, torch.device("cpu")) is torch.relu
    True
    """
    return CudaGraph(function, warm_up) if device.type == "cuda" else function


class CudaGraph(Generic[Result]):
    """A function whose kernels a GPU launches together, from the call after the warm-up on.

    Parameters
    ----------
    function : callable
        Takes tensors on the current GPU, tuples (named ones too) of tensors, and None; returns
        tensors, alone or in tuples. Nothing in it may depend on their values or come from the
        CPU. What it changes in place is changed by every call.
    warm_up : int
        Calls that are computed directly before one of the same shapes is recorded. What is made
        only once, such as an optimizer's state, has to exist by then.

    Notes
    -----
    Calls whose shapes differ from the recorded ones are computed directly. The result of a
    replayed call is overwritten by the next one.
    """

    def __init__(self, function: Callable[..., Result], warm_up: int = 3) -> None:
        self._function, self._warm_up = function, warm_up
        self._calls: Counter[Shapes] = Counter()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Any, ...] = ()
        self._result: Result

    def __call__(self, *inputs: Any) -> Result:
        """Return the function's result."""
        shapes = shapes_of(inputs)
        if self._graph is None and self._calls[shapes] == self._warm_up:
            self._inputs = copied(inputs)
            self._graph = self._record()
        if self._graph is None or shapes != shapes_of(self._inputs):
            self._calls[shapes] += 1
            return self._compute(*inputs)
        for recorded_input, new in zip(tensors_in(self._inputs), tensors_in(inputs), strict=True):
            recorded_input.copy_(new)
        self._graph.replay()
        return self._result

    def _compute(self, *inputs: Any) -> Result:
        """Compute directly, on a stream that can be recorded later."""
        # backward remembers the stream of its forward pass, and the default one cannot be recorded
        current, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(current)
        with torch.cuda.stream(side), warnings.catch_warnings():
            # an optimizer that is meant for recording warns when it is not being recorded
            warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
            result = self._function(*inputs)
        current.wait_stream(side)
        return result

    def _record(self) -> torch.cuda.CUDAGraph:
        """Record a call on `_inputs`; each replay reads them and writes `_result`."""
        graph = torch.cuda.CUDAGraph()
        # other threads may use the GPU meanwhile, as the one that reads a folder's images does
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._result = self._function(*self._inputs)
        return graph


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested tuples in their order; None is left out.

    >>> [tensor.item() for tensor in tensors_in((torch.tensor(1), (torch.tensor(2), None)))]
    [1, 2]
    """
    if isinstance(value, Tensor):
        yield value
    elif value is not None:
        for part in value:
            yield from tensors_in(part)


def copied(value: Any) -> Any:
    """Return nested tuples, named ones too, with a copy of each of their tensors."""
    if value is None or isinstance(value, Tensor):
        return None if value is None else value.clone()
    parts = map(copied, value)
    return value._make(parts) if hasattr(value, "_make") else tuple(parts)


def shapes_of(inputs: tuple[Any, ...]) -> Shapes:
    """Return the shapes of all tensors in nested tuples."""
    return tuple(tensor.shape for tensor in tensors_in(inputs))
