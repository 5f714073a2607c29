"""How this network computes fastest on this machine: measured, not guessed.

Precision, memory layout, threads and the batch of evaluation are each settled by trial steps on
random data, together in about a second. The decision is kept in the user's cache, so that two runs
of one seed compute the same numbers, and it is written into the run. What was measured while other
programs took the cores is kept for an hour only; of the numbers of threads it takes the one that
suffers least from them.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from convlens.engines.captured import Captured
from convlens.engines.device import describe, free_memory, supports_bfloat16, synchronize
from convlens.engines.torch_modules import PlanModule
from convlens.foundation.errors import InputError
from convlens.foundation.machine import available_cores, waited_seconds
from convlens.network import Network
from convlens.training.kept_choices import file_of, keep, read
from convlens.training.memory import is_out_of_memory
from convlens.training.recipe import Recipe

Precision = Literal["float32", "bfloat16"]
Layout = Literal["contiguous", "channels_last"]

MARGIN = 0.95
"""A less plain choice must take less than this share of the plainer one's time."""
MEASURING_SECONDS = 1.5
"""Batches of evaluation that are not measured by then keep their plain value."""
EVALUATION_BATCH = 500
"""The plain number of images a batch without gradients."""
EVALUATION_BATCHES = (100, 250, 1000)
"""What is tried beside it."""
CROWDED = 0.1
"""Waiting for a core that makes a measurement a poor one, as a share of its time; a quiet machine
has 0.02, one other program that computes 0.5."""
SLICE = {"step": 0.16, "evaluation": 0.07}
"""Seconds a candidate is tried."""
TRIAL_OPERATIONS = 4 * 10**9
"""Most floating-point operations of one trial on a CPU: some tenths of a second on one core."""


@dataclass(frozen=True)
class Choice:
    """What was chosen, and the milliseconds that each candidate took (None: nothing was tried).

    Of precision, layout and threads the milliseconds are of a training step without the update;
    of the batch of evaluation, of a thousand images.
    """

    precision: Precision
    memory_format: Layout
    threads: int | None = None
    """PyTorch's threads on a CPU; None leaves them alone."""
    evaluation_batch: int = EVALUATION_BATCH
    """Images a batch where there are no gradients: validation and test."""
    measured_ms: dict[str, float] | None = None
    crowded: bool = False
    """Whether other work took cores while it was measured."""

    @property
    def torch_format(self) -> torch.memory_format:
        """The layout as PyTorch names it."""
        channels_last = self.memory_format == "channels_last"
        return torch.channels_last if channels_last else torch.contiguous_format

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """Return the context in which the forward pass runs."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        # no weight is used twice in a pass, and a cached one could not be recorded by a CUDA graph
        return torch.autocast(device.type, dtype=self.dtype, cache_enabled=False)

    @property
    def dtype(self) -> torch.dtype:
        """Of the multiplications."""
        return torch.float32 if self.precision == "float32" else torch.bfloat16

    @contextlib.contextmanager
    def in_threads(self) -> Iterator[None]:
        """Compute in the chosen number of threads; the process's own number comes back after."""
        before = torch.get_num_threads()
        if self.threads is not None:
            torch.set_num_threads(min(self.threads, available_cores()))
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def settled(self) -> dict[str, str | int]:
        """Return the recipe's values that are no longer "auto"."""
        values: dict[str, str | int] = {
            "precision": self.precision,
            "memory_format": self.memory_format,
            "evaluation_batch": self.evaluation_batch,
        }
        return values if self.threads is None else {**values, "threads": self.threads}

    def __str__(self) -> str:
        threads = {None: "", 1: ", 1 thread"}.get(self.threads, f", {self.threads} threads")
        return f"{self.precision}, {self.memory_format}{threads}"


def choose(network: Network, recipe: Recipe, device: torch.device) -> Choice:
    """Settle what the recipe leaves to "auto".

    Raises
    ------
    InputError
        Where the recipe asks for bfloat16 and the device cannot multiply it.
    """
    if recipe.precision == "bfloat16" and not supports_bfloat16(device):
        raise InputError(
            f"precision bfloat16 is not supported by this {device.type}",
            "a CPU with avx512_bf16 or amx, or a GPU with bfloat16",
            "use --set precision=float32, or auto",
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
    started, waited = time.perf_counter(), waited_seconds()
    try:
        choice = _measure(network, recipe.batch_size, device, plain, pairs, threads, batches)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return plain  # the training will say so, and what to do
    share = (waited_seconds() - waited) / (time.perf_counter() - started)
    choice = replace(choice, crowded=share > CROWDED)
    keep(
        path,
        network=network.name,
        batch_size=recipe.batch_size,
        device=device.type,
        choice=asdict(choice),
    )
    return choice


def _pairs(recipe: Recipe, device: torch.device) -> list[Choice]:
    """Return the possible precisions and layouts, plainest first."""
    precisions: list[Precision] = ["float32"]
    if recipe.precision == "bfloat16":
        precisions = ["bfloat16"]
    elif recipe.precision == "auto" and supports_bfloat16(device):
        precisions = ["float32", "bfloat16"]
    layouts: list[Layout] = ["contiguous", "channels_last"]
    if recipe.memory_format != "auto":
        layouts = [recipe.memory_format]
    return [Choice(precision, layout) for precision in precisions for layout in layouts]


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
    choice: Choice,
    pairs: list[Choice],
    threads: list[int | None],
    batches: list[int],
) -> Choice:
    """Settle one question after the other, each with what was found best for those before."""
    started = time.perf_counter()
    measured: dict[str, float] = {}

    def late() -> bool:
        return time.perf_counter() - started > MEASURING_SECONDS

    def best(choice: Choice, others: list[Choice], label: Callable[[Choice], str]) -> Choice:
        """Try the plainer choice and the others.

        Precision, layout and threads change the most, beside other programs above all, so they
        are always tried; the batch of evaluation while there is time.
        """
        least = None
        for candidate in [choice, *others] if others else []:
            key = label(candidate)
            if key not in measured:
                if label is _evaluating and late():
                    break
                kind = "evaluation" if label is _evaluating else "step"
                measured[key] = _milliseconds(network, batch_size, device, candidate, kind)
            if least is None or measured[key] < MARGIN * least:
                choice, least = candidate, measured[key]
        return choice

    kinds = [replace(choice, precision=p.precision, memory_format=p.memory_format) for p in pairs]
    choice = best(choice, kinds[1:], _computing)
    if len(threads) > 1 and _computing(choice) in measured:
        measured[_threading(choice)] = measured[_computing(choice)]
    choice = best(choice, [replace(choice, threads=n) for n in threads[1:]], _threading)
    sizes = [replace(choice, evaluation_batch=size) for size in batches[1:]]
    choice = best(choice, sizes, _evaluating)
    return replace(choice, measured_ms=measured or None)


def _computing(choice: Choice) -> str:
    return f"{choice.precision} {choice.memory_format}"


def _threading(choice: Choice) -> str:
    return f"threads {choice.threads}"


def _evaluating(choice: Choice) -> str:
    return f"evaluation {choice.evaluation_batch}"


def _milliseconds(
    network: Network, batch_size: int, device: torch.device, choice: Choice, kind: str
) -> float:
    """Return the median of the trials' times: what the choice costs beside what else computes.

    On a CPU a step of more than `TRIAL_OPERATIONS` is tried on a part of the batch, and counted up.
    """
    size = choice.evaluation_batch
    whole = 1000  # images that the milliseconds are of
    if kind == "step":
        size = whole = batch_size
    if kind == "step" and device.type == "cpu":
        quick = TRIAL_OPERATIONS // (6 * max(1, network.plan().multiply_adds))
        size = min(batch_size, max(2, quick))
    with torch.random.fork_rng(devices=[]), choice.in_threads():
        torch.manual_seed(0)
        module = PlanModule(network.plan()).to(device, memory_format=choice.torch_format)  # type: ignore[call-overload]
        images = torch.randn(size, *network.input, device=device)
        images = images.contiguous(memory_format=choice.torch_format)
        labels = torch.randint(network.plan().output[0], (size,), device=device)
        trial: Callable[[torch.Tensor, torch.Tensor], None]
        trial = partial(_step if kind == "step" else _evaluation, module, choice)
        if kind == "step" and device.type == "cuda":
            trial = Captured(trial, warm_up=1)
        times: list[float] = []
        started = time.perf_counter()
        least = 2 if device.type == "cpu" else 5
        # the first trial pays for what is only done once
        while len(times) < least or (
            time.perf_counter() - started < SLICE[kind] and len(times) < 200
        ):
            before = time.perf_counter()
            trial(images, labels)
            synchronize(device)
            times.append(time.perf_counter() - before)
    return round(1000 * statistics.median(times[1:]) * whole / size, 3)


def _step(module: nn.Module, choice: Choice, images: torch.Tensor, labels: torch.Tensor) -> None:
    module.zero_grad()
    with choice.autocast(images.device):
        logits = module(images)
    F.cross_entropy(logits.float(), labels).backward()


def _evaluation(
    module: nn.Module, choice: Choice, images: torch.Tensor, labels: torch.Tensor
) -> None:
    module.eval()
    with torch.inference_mode():
        module(images)


def _facts(network: Network, recipe: Recipe, device: torch.device) -> dict[str, object]:
    """Return all that a choice depends on."""
    return {
        "network": network.to_dict(),
        "batch_size": recipe.batch_size,
        "precision": recipe.precision,
        "memory_format": recipe.memory_format,
        "threads": recipe.threads,
        "evaluation_batch": recipe.evaluation_batch,
        # what the processes may use at most; `threads` of the machine is this
        "machine": describe(device),
    }


def _cached(path: Path) -> Choice | None:
    """Return the choice of a file; whatever is wrong with it means to measure again."""
    kept = read(path)
    try:
        return None if kept is None else Choice(**kept.choice)
    except TypeError:
        return None


def _possible(
    choice: Choice, pairs: list[Choice], threads: list[int | None], batches: list[int]
) -> bool:
    """Say whether a choice from the cache is one of those that could be made now."""
    known = [(pair.precision, pair.memory_format) for pair in pairs]
    return (
        (choice.precision, choice.memory_format) in known
        and choice.threads in threads
        and choice.evaluation_batch in batches
    )
