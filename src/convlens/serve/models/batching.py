"""Predictions computed together: whatever waits when the last batch is done makes the next one.

No timer waits for company: a lone request is computed at once, and under load the batches grow by
themselves, because requests arrive while a batch is computed. The queue is bounded; what does not
fit is refused at once, which costs nothing, instead of being answered when nobody waits any more.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.serve.http.problems import overloaded

log = logging.getLogger("convlens.serve")

Images = NDArray[np.uint8]
Computed = tuple[NDArray[Any], ...]
"""What a batch gives: arrays whose first axis is the batch's."""


@dataclass(slots=True, eq=False)
class BatchJob:
    """Images of one request, and who waits for their results."""

    images: Images
    future: asyncio.Future[Computed]
    deadline: float

    @property
    def wanted(self) -> bool:
        """Whether somebody still waits for the results."""
        return not self.future.done()

    def fail(self, error: Exception) -> None:
        """Give an error to whoever still waits."""
        if self.wanted:
            self.future.set_exception(error)


class Batcher:
    """One queue and one thread that computes what waits in it.

    Parameters
    ----------
    compute : callable
        Takes uint8 images `(N, C, H, W)`; returns arrays whose first axis is N.
    most : int
        Images in one batch; a request with more is a batch of its own.
    bound : int
        Images that may wait.
    seconds : float
        How long a request may wait before it is refused instead of computed.
    on_batch : callable
        Called with the size of each batch, in the thread.
    """

    def __init__(
        self,
        compute: Callable[[Images], Computed],
        *,
        most: int,
        bound: int,
        seconds: float,
        on_batch: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._compute, self._on_batch = compute, on_batch
        self._most, self._bound, self._seconds = most, bound, seconds
        self._jobs: queue.SimpleQueue[BatchJob | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.waiting = 0
        """Images in the queue or being computed; read and written in the event loop only."""
        self._thread = threading.Thread(target=self._work, name="convlens-batches", daemon=True)
        self._thread.start()

    def submit(self, images: Images) -> asyncio.Future[Computed]:
        """Put images into the queue; to be called in the event loop.

        Returns
        -------
        Future
            The results for these images. Cancelling it takes them out of the queue.

        Raises
        ------
        Problem
            503, where the queue is full.
        """
        count = len(images)
        if self.waiting and self.waiting + count > self._bound:
            raise overloaded(f"{self.waiting} images are waiting already")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Computed] = self._loop.create_future()
        self.waiting += count
        self._jobs.put(BatchJob(images, future, time.monotonic() + self._seconds))
        return future

    def close(self) -> None:
        """End the thread when everything that waits is computed."""
        self._jobs.put(None)

    def _work(self) -> None:
        held: BatchJob | None = None
        while True:
            first = held or self._jobs.get()
            held = None
            if first is None:
                return
            batch, size = [first], len(first.images)
            while size < self._most:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    self._jobs.put(None)  # seen again after this batch
                    break
                if size + len(job.images) > self._most:
                    held = job
                    break
                batch.append(job)
                size += len(job.images)
            self._answer(batch)

    def _answer(self, batch: list[BatchJob]) -> None:
        now = time.monotonic()
        # a client that left has cancelled its job: nobody would read the result
        jobs = [job for job in batch if job.wanted and job.deadline >= now]
        results: Computed | Exception = ()
        if jobs:
            try:
                whole = _together([job.images for job in jobs])
                self._on_batch(len(whole))
                results = self._compute(whole)
            except Exception as error:  # told to each of them, never to the thread
                results = error
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._deliver, batch, jobs, results)
        except RuntimeError:  # the loop has ended: the server is gone
            log.debug("a batch was computed for a server that has ended")

    def _deliver(
        self, batch: list[BatchJob], jobs: list[BatchJob], results: Computed | Exception
    ) -> None:
        """Give each job its rows; runs in the event loop."""
        self.waiting -= sum(len(job.images) for job in batch)
        start = 0
        for job in jobs:
            stop = start + len(job.images)
            if isinstance(results, Exception):
                job.fail(results)
            elif job.wanted:
                job.future.set_result(tuple(array[start:stop] for array in results))
            start = stop
        for job in batch:
            job.fail(overloaded(f"the request waited longer than {self._seconds:g} s"))


def _together(images: list[Images]) -> Images:
    """Concatenate, without giving Python's lock away at every image as `np.concatenate` does."""
    if len(images) == 1:
        return images[0]
    whole = b"".join([some.tobytes() for some in images])
    return np.frombuffer(whole, np.uint8).reshape(-1, *images[0].shape[1:])
