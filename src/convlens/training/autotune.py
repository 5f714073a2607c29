"""Find by measurement how a network computes fastest on this machine.

Precision, memory layout, threads and the batch of evaluation are each settled by trial steps on
random data, together in about a second. The result is kept in the user's cache, so that two runs
of one seed compute the same numbers, and it is written into the run. What was measured while other
programs took the cores is kept for an hour only, and has no more threads than cores are left.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convlens.engines.cuda_graph import recorded
from convlens.engines.device import describe, free_memory, supports_bfloat16, synchronize
from convlens.engines.torch_modules import PlanModule
from convlens.foundation.errors import InputError
from convlens.foundation.machine import available_cores, idle_seconds, waited_seconds
from convlens.network import Network
from convlens.training.autotune_cache import file_of, keep, read
from convlens.training.compute_settings import EVALUATION_BATCH, ComputeSettings, Layout, Precision
from convlens.training.memory import is_out_of_memory
from convlens.training.recipe import Recipe

Kind = Literal["step", "evaluation"]
"""What a trial computes: a training step without the update, or a pass without gradients."""

MARGIN = 0.95
"""A candidate must take less than this share of the time of the plainer one before it."""
MEASURING_SECONDS = 1.5
"""Seconds after which no further batch of evaluation is tried."""
EVALUATION_BATCHES = (100, 250, 1000)
"""Batches of evaluation that are tried beside `EVALUATION_BATCH`."""
CROWDED = 0.1
"""Share of a measurement's time spent waiting for a core above which it is a poor one. A quiet
machine has 0.02; beside one other program that computes it is 0.5."""
TRIAL_SECONDS: dict[Kind, float] = {"step": 0.16, "evaluation": 0.07}
"""How long each candidate is tried."""
TRIAL_OPERATIONS = 4 * 10**9
"""Most floating-point operations of one trial on a CPU: a few tenths of a second on one core."""


class _Others:
    """Measures how much of the cores other programs have taken since it was made."""

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        computed_or_idle = time.process_time() + idle_seconds()
        return time.perf_counter(), waited_seconds(), computed_or_idle

    def crowd(self) -> bool:
        """Say whether this process had to wait for a core."""
        elapsed, waited, _ = self._since()
        return waited > CROWDED * elapsed

    def cores_left(self) -> int:
        """Return how many cores the others left, rounded, at least one."""
        elapsed, _, computed_or_idle = self._since()
        return max(1, round(computed_or_idle / elapsed))

    def _since(self) -> tuple[float, float, float]:
        elapsed, waited, rest = (b - a for a, b in zip(self._before, self._now(), strict=True))
        return max(elapsed, 1e-9), waited, rest


def autotune(network: Network, recipe: Recipe, device: torch.device) -> ComputeSettings:
    """Settle by measurement what the recipe leaves to "auto".

    Raises
    ------
    InputError
        Where the recipe asks for bfloat16 and the device cannot multiply it.
    """
    if recipe.precision == "bfloat16" and not supports_bfloat16(device):
        raise InputError(
            f"precision bfloat16 is not supported by this {device.type}",
            "a CPU with avx512_bf16 or amx, or a GPU with bfloat16",
            "use `precision='float32'`, or \"auto\"",
        )
    pairs = _pairs(recipe, device)
    threads = _threads(recipe, device)
    batches = _evaluation_batches(network, recipe, device)
    plain = replace(pairs[0], threads=threads[0], evaluation_batch=batches[0])
    if len(pairs) == len(threads) == len(batches) == 1:
        return plain
    path = file_of(_facts(network, recipe, device))
    cached = _cached(path)
    if cached is not None and _possible(cached, pairs, threads, batches):
        return cached
    others = _Others()
    try:
        fastest = _measure(
            network, recipe.batch_size, device, plain, pairs, threads, batches, others
        )
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return plain  # the training will say so, and what to do
    fastest = replace(fastest, crowded=others.crowd())
    keep(
        path,
        network=network.name,
        batch_size=recipe.batch_size,
        device=device.type,
        choice=asdict(fastest),
    )
    return fastest


def _pairs(recipe: Recipe, device: torch.device) -> list[ComputeSettings]:
    """Return the possible precisions and layouts, plainest first."""
    precisions: list[Precision] = ["float32"]
    if recipe.precision == "bfloat16":
        precisions = ["bfloat16"]
    elif recipe.precision == "auto" and supports_bfloat16(device):
        precisions = ["float32", "bfloat16"]
    layouts: list[Layout] = ["contiguous", "channels_last"]
    if recipe.memory_format != "auto":
        layouts = [recipe.memory_format]
    return [ComputeSettings(precision, layout) for precision in precisions for layout in layouts]


def _threads(recipe: Recipe, device: torch.device) -> list[int | None]:
    """Return the possible numbers of threads, all of them first: a small network may want fewer."""
    if device.type != "cpu":
        return [None]
    if recipe.threads != "auto":
        return [min(recipe.threads, available_cores())]
    most = torch.get_num_threads()
    return list(dict.fromkeys([most, max(1, most // 2), 1]))


def _evaluation_batches(network: Network, recipe: Recipe, device: torch.device) -> list[int]:
    """Return the possible batches of evaluation, the plain one first, that memory has room for.

    Where even a small batch keeps the cores busy, its size decides nothing and none is tried.
    """
    if recipe.evaluation_batch != "auto":
        return [recipe.evaluation_batch]
    plan = network.plan()
    room = free_memory(device) // 4 // plan.activation_bytes
    plain = max(1, min(EVALUATION_BATCH, room))
    quick = room
    if device.type == "cpu":
        quick = min(room, TRIAL_OPERATIONS // (2 * max(1, plan.multiply_adds)))
    return [plain, *(size for size in EVALUATION_BATCHES if size <= quick)]


def _measure(
    network: Network,
    batch_size: int,
    device: torch.device,
    plain: ComputeSettings,
    pairs: list[ComputeSettings],
    threads: list[int | None],
    batches: list[int],
    others: _Others,
) -> ComputeSettings:
    """Settle one question after the other, each with the fastest of those before."""
    started = time.perf_counter()
    measured: dict[str, float] = {}

    def milliseconds(candidate: ComputeSettings, kind: Kind, label: str) -> float:
        if label not in measured:
            measured[label] = _milliseconds(network, batch_size, device, candidate, kind)
        return measured[label]

    def fastest(
        candidates: list[ComputeSettings], kind: Kind, label: Callable[[ComputeSettings], str]
    ) -> ComputeSettings:
        """Return the fastest of the candidates, the plainest first.

        Precision, layout and threads change the most, beside other programs above all, so they
        are always tried; the batch of evaluation only while there is time.
        """
        best, *others = candidates
        if not others:
            return best
        least = math.inf
        for candidate in candidates:
            if kind == "evaluation" and time.perf_counter() - started > MEASURING_SECONDS:
                break
            taken = milliseconds(candidate, kind, label(candidate))
            if taken < MARGIN * least:
                best, least = candidate, taken
        return best

    formats = [replace(plain, precision=p.precision, memory_format=p.memory_format) for p in pairs]
    best = fastest(formats, "step", _format_label)
    if len(threads) > 1:
        if _format_label(best) in measured:
            measured[_threads_label(best)] = measured[_format_label(best)]
        milliseconds(best, "step", _threads_label(best))
    if len(threads) > 1 and others.crowd():
        # A thread too many waits for its core at every layer, and all others for it. A trial is
        # too short to show that: the system has not yet divided the cores among the programs.
        left = others.cores_left()
        threads = [left, *(number for number in threads if number is not None and number < left)]
    best = fastest([replace(best, threads=number) for number in threads], "step", _threads_label)
    sizes = [replace(best, evaluation_batch=size) for size in batches]
    best = fastest(sizes, "evaluation", _evaluation_label)
    return replace(best, measured_ms=measured or None)


def _format_label(settings: ComputeSettings) -> str:
    return f"{settings.precision} {settings.memory_format}"


def _threads_label(settings: ComputeSettings) -> str:
    return f"threads {settings.threads}"


def _evaluation_label(settings: ComputeSettings) -> str:
    return f"evaluation {settings.evaluation_batch}"


def _milliseconds(
    network: Network, batch_size: int, device: torch.device, settings: ComputeSettings, kind: Kind
) -> float:
    """Return the median time of the trials, with whatever other programs cost them.

    On a CPU a step of more than `TRIAL_OPERATIONS` is tried on a part of the batch, and its time
    is scaled up.
    """
    size = settings.evaluation_batch
    whole = 1000  # images that the milliseconds are of
    if kind == "step":
        size = whole = batch_size
    if kind == "step" and device.type == "cpu":
        quick = TRIAL_OPERATIONS // (6 * max(1, network.plan().multiply_adds))
        size = min(batch_size, max(2, quick))
    with torch.random.fork_rng(devices=[]), settings.in_threads():
        torch.manual_seed(0)
        module: nn.Module = PlanModule(network.plan())
        module.to(device, memory_format=settings.torch_format)  # type: ignore[call-overload]
        images = torch.randn(size, *network.input, device=device)
        images = images.contiguous(memory_format=settings.torch_format)
        labels = torch.randint(network.plan().output[0], (size,), device=device)

        def step(images: Tensor, labels: Tensor) -> None:
            module.zero_grad()
            with settings.autocast(device):
                logits = module(images)
            F.cross_entropy(logits.float(), labels).backward()

        def evaluation(images: Tensor, labels: Tensor) -> None:
            module.eval()
            with torch.inference_mode():
                module(images)

        trial = recorded(step, device, warm_up=1) if kind == "step" else evaluation
        times: list[float] = []
        started = time.perf_counter()
        least = 2 if device.type == "cpu" else 5
        # the first trial pays for what is only done once
        while len(times) < least or (
            time.perf_counter() - started < TRIAL_SECONDS[kind] and len(times) < 200
        ):
            before = time.perf_counter()
            trial(images, labels)
            synchronize(device)
            times.append(time.perf_counter() - before)
    return round(1000 * statistics.median(times[1:]) * whole / size, 3)


def _facts(network: Network, recipe: Recipe, device: torch.device) -> dict[str, object]:
    """Return all that the fastest settings depend on."""
    return {
        "network": network.to_dict(),
        "batch_size": recipe.batch_size,
        "precision": recipe.precision,
        "memory_format": recipe.memory_format,
        "threads": recipe.threads,
        "evaluation_batch": recipe.evaluation_batch,
        # its `threads` are those that this process may use at most
        "machine": describe(device),
    }


def _cached(path: Path) -> ComputeSettings | None:
    """Return the settings of a file; whatever is wrong with it means to measure again."""
    kept = read(path)
    try:
        return None if kept is None else ComputeSettings(**kept.choice)
    except TypeError:
        return None


def _possible(
    cached: ComputeSettings,
    pairs: list[ComputeSettings],
    threads: list[int | None],
    batches: list[int],
) -> bool:
    """Say whether settings from the cache are among those that could be measured now."""
    formats = [(pair.precision, pair.memory_format) for pair in pairs]
    return (
        (cached.precision, cached.memory_format) in formats
        and (cached.threads in threads or (cached.crowded and len(threads) > 1))
        and cached.evaluation_batch in batches
    )
