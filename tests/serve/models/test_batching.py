"""The queue: what waits together is computed together, in order, bounded, and only if wanted."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from convlens.serve.http.problems import Problem
from convlens.serve.models.batching import Batcher
from convlens.serve.models.work_queue import WorkQueue


class Computer:
    """Doubles each image's first pixel; can be held up."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Event()

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        self.entered.set()
        assert self.go.wait(20)
        if (images == 13).any():
            raise ValueError("unlucky")
        self.batches.append(len(images))
        return (images[:, 0, 0, 0].astype(int) * 2,)

    def hold(self) -> None:
        self.go.clear()
        self.entered.clear()


def image(*values: int) -> np.ndarray:
    return np.array(values, np.uint8).reshape(-1, 1, 1, 1)


def batcher(compute: Computer, **limits: float) -> Batcher:
    settings = {"most": 4, "bound": 8, "seconds": 20.0, **limits}
    return Batcher(compute, **settings)  # type: ignore[arg-type]


async def held(queue: Batcher, compute: Computer) -> asyncio.Future:
    """Submit one image and wait until the thread is inside its computation."""
    compute.hold()
    first = queue.submit(image(1))
    await asyncio.to_thread(compute.entered.wait, 20)
    return first


def test_requests_that_wait_make_one_batch_and_each_gets_its_own_rows() -> None:
    async def scene() -> None:
        compute = Computer()
        queue = batcher(compute)
        first = await held(queue, compute)
        later = [queue.submit(image(2, 3)), queue.submit(image(4)), queue.submit(image(5, 6))]
        assert queue.waiting == 6
        compute.go.set()
        assert (await first)[0].tolist() == [2]
        found = [(await future)[0].tolist() for future in later]
        assert found == [[4, 6], [8], [10, 12]]
        # 2 + 1 fit into a batch of at most 4, the next 2 do not
        assert compute.batches == [1, 3, 2]
        assert queue.waiting == 0
        queue.close()

    asyncio.run(scene())


def test_a_lone_request_does_not_wait_for_company() -> None:
    async def scene() -> None:
        queue = batcher(Computer())
        async with asyncio.timeout(5):
            assert (await queue.submit(image(7)))[0].tolist() == [14]
        queue.close()

    asyncio.run(scene())


def test_a_full_queue_refuses_at_once_and_takes_more_when_it_has_room() -> None:
    async def scene() -> None:
        compute = Computer()
        queue = batcher(compute)
        first = await held(queue, compute)
        second = queue.submit(image(*range(7)))
        with pytest.raises(Problem) as refused:
            queue.submit(image(1))
        assert refused.value.status == 503
        assert refused.value.headers["Retry-After"]
        compute.go.set()
        await asyncio.gather(first, second)
        assert (await queue.submit(image(9)))[0].tolist() == [18]
        queue.close()

    asyncio.run(scene())


def test_one_request_larger_than_the_bound_is_taken_by_an_idle_queue() -> None:
    async def scene() -> None:
        queue = batcher(Computer())
        assert len((await queue.submit(image(*range(12))))[0]) == 12
        queue.close()

    asyncio.run(scene())


def test_what_nobody_waits_for_is_not_computed() -> None:
    async def scene() -> None:
        compute = Computer()
        queue = batcher(compute)
        first = await held(queue, compute)
        left, stays = queue.submit(image(2, 2)), queue.submit(image(3))
        left.cancel()
        compute.go.set()
        assert (await first)[0].tolist() == [2]
        assert (await stays)[0].tolist() == [6]
        assert compute.batches == [1, 1]
        assert queue.waiting == 0
        queue.close()

    asyncio.run(scene())


def test_a_request_past_its_deadline_is_refused_instead_of_computed() -> None:
    async def scene() -> None:
        compute = Computer()
        queue = batcher(compute, seconds=0.05)
        first = await held(queue, compute)
        late = queue.submit(image(2))
        await asyncio.sleep(0.1)
        compute.go.set()
        assert (await first)[0].tolist() == [2]
        with pytest.raises(Problem) as refused:
            await late
        assert refused.value.status == 503
        assert compute.batches == [1]
        queue.close()

    asyncio.run(scene())


def test_a_failure_is_told_to_its_batch_and_the_thread_goes_on() -> None:
    async def scene() -> None:
        queue = batcher(Computer())
        with pytest.raises(ValueError, match="unlucky"):
            await queue.submit(image(13))
        assert (await queue.submit(image(1)))[0].tolist() == [2]
        queue.close()

    asyncio.run(scene())


def test_closing_computes_what_waits_first() -> None:
    async def scene() -> None:
        compute = Computer()
        queue = batcher(compute)
        first = await held(queue, compute)
        second = queue.submit(image(2))
        queue.close()
        compute.go.set()
        await asyncio.gather(first, second)
        await asyncio.to_thread(queue._thread.join, 20)
        assert not queue._thread.is_alive()

    asyncio.run(scene())


def test_work_that_is_not_batched_is_bounded_and_forgotten_when_its_caller_leaves() -> None:
    async def scene() -> None:
        go, done = threading.Event(), []

        def work(name: str) -> str:
            assert go.wait(20)
            done.append(name)
            return name

        queue = WorkQueue(1, 2, 20)
        first = asyncio.create_task(queue.run(work, "first"))
        left = asyncio.create_task(queue.run(work, "left"))
        await asyncio.sleep(0.05)
        with pytest.raises(Problem) as refused:
            await queue.run(work, "third")
        assert refused.value.status == 503
        left.cancel()
        await asyncio.sleep(0.05)
        assert queue.waiting == 1
        go.set()
        assert await first == "first"
        assert await queue.run(work, "later") == "later"
        assert done == ["first", "later"]
        queue.close()

    asyncio.run(scene())


def test_work_whose_turn_does_not_come_is_refused() -> None:
    async def scene() -> None:
        go = threading.Event()
        queue = WorkQueue(1, 5, 0.05)
        first = asyncio.create_task(queue.run(go.wait, 20))
        await asyncio.sleep(0.02)
        with pytest.raises(Problem) as refused:
            await queue.run(go.wait, 20)
        assert refused.value.status == 503
        go.set()
        assert await first  # it had its turn, and may take its time
        queue.close()

    asyncio.run(scene())
