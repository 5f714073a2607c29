"""Work that is not batched, in a few threads with a bounded queue before them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from convlens.serve.http.problems import overloaded

P = ParamSpec("P")
T = TypeVar("T")


class WorkQueue:
    """Threads that the event loop hands work to.

    Parameters
    ----------
    threads : int
        How many work at once.
    bound : int
        How much work may wait or be under way.
    seconds : float
        How long work may wait for its turn.
    """

    def __init__(self, threads: int, bound: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="convlens-work")
        self._bound, self._seconds = bound, seconds
        self.waiting = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `work` in a thread; work whose caller left before its turn is not done.

        Raises
        ------
        Problem
            503, where too much is waiting already, or its turn does not come in time.
        """
        if self.waiting >= self._bound:
            raise overloaded(f"{self.waiting} requests of this kind are waiting already")
        loop = asyncio.get_running_loop()
        begun: asyncio.Future[None] = loop.create_future()

        def announced() -> T:
            loop.call_soon_threadsafe(_settle, begun)
            return work(*args, **kwargs)

        self.waiting += 1
        job = self._pool.submit(announced)
        job.add_done_callback(lambda _: loop.call_soon_threadsafe(self._left))
        try:
            async with asyncio.timeout(self._seconds):
                await begun
        except TimeoutError:
            if job.cancel():
                raise overloaded(f"the request waited longer than {self._seconds:g} s") from None
        except asyncio.CancelledError:
            job.cancel()
            raise
        return await asyncio.wrap_future(job)

    def _left(self) -> None:
        self.waiting -= 1

    def close(self) -> None:
        """Discard what waits; work that has begun is finished."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
