"""Which precision and memory layout train this network fastest on this machine: measured.

A second of trial steps on random data decides; the decision is kept in the user's cache, so
that two runs of one seed compute the same numbers, and it is written into the run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import platformdirs
import torch
import torch.nn.functional as F

from convlens import atomic
from convlens.engines.device import describe, supports_bfloat16, synchronize
from convlens.engines.torch_modules import network_module
from convlens.errors import ConvlensError, InputError
from convlens.network import Network
from convlens.training.recipe import Recipe

Precision = Literal["float32", "bfloat16"]
Layout = Literal["contiguous", "channels_last"]

MARGIN = 0.95
"""A less plain choice must take less than this share of the plainer one's time."""


@dataclass(frozen=True)
class Choice:
    """What was chosen, and the milliseconds a step that each candidate took (None: not tried)."""

    precision: Precision
    memory_format: Layout
    measured_ms: dict[str, float] | None = None

    @property
    def torch_format(self) -> torch.memory_format:
        """The layout as PyTorch names it."""
        channels_last = self.memory_format == "channels_last"
        return torch.channels_last if channels_last else torch.contiguous_format

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """Return the context in which the forward pass runs."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)


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
    candidates = _candidates(recipe, device)
    if len(candidates) == 1:
        return candidates[0]
    path = _cache_file(network, recipe, device)
    cached = _read(path, candidates)
    if cached is not None:
        return cached
    times = {}
    for candidate in candidates:
        key = f"{candidate.precision} {candidate.memory_format}"
        times[key] = _milliseconds(network, recipe.batch_size, device, candidate)
    best, best_time = candidates[0], next(iter(times.values()))
    for candidate, taken in zip(candidates[1:], list(times.values())[1:], strict=True):
        if taken < MARGIN * best_time:
            best, best_time = candidate, taken
    choice = Choice(best.precision, best.memory_format, times)
    # a read-only cache costs the next run a second, nothing else
    with contextlib.suppress(OSError, ConvlensError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(path, asdict(choice))
    return choice


def _candidates(recipe: Recipe, device: torch.device) -> list[Choice]:
    """Return the possible choices, plainest first."""
    precisions: list[Precision] = ["float32"]
    if recipe.precision == "bfloat16":
        precisions = ["bfloat16"]
    elif recipe.precision == "auto" and supports_bfloat16(device):
        precisions = ["float32", "bfloat16"]
    layouts: list[Layout] = ["contiguous", "channels_last"]
    if recipe.memory_format != "auto":
        layouts = [recipe.memory_format]
    return [Choice(precision, layout) for precision in precisions for layout in layouts]


def _milliseconds(
    network: Network, batch_size: int, device: torch.device, choice: Choice, seconds: float = 0.25
) -> float:
    """Return the fastest of the trial steps' times: other work on the machine only adds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = network_module(network).to(device, memory_format=choice.torch_format)  # type: ignore[call-overload]
        images = torch.randn(batch_size, *network.input, device=device)
        images = images.contiguous(memory_format=choice.torch_format)
        labels = torch.randint(network.table().output[0], (batch_size,), device=device)
        times: list[float] = []
        started = time.perf_counter()
        while len(times) < 4 or (time.perf_counter() - started < seconds and len(times) < 200):
            before = time.perf_counter()
            with choice.autocast(device):
                logits = module(images)
            F.cross_entropy(logits.float(), labels).backward()
            synchronize(device)
            times.append(time.perf_counter() - before)
    return round(1000 * min(times[2:]), 3)


def _cache_file(network: Network, recipe: Recipe, device: torch.device) -> Path:
    facts = {
        "network": network.to_dict(),
        "batch_size": recipe.batch_size,
        "precision": recipe.precision,
        "memory_format": recipe.memory_format,
        **describe(device),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    return Path(platformdirs.user_cache_dir("convlens")) / "choices" / f"{digest}.json"


def _read(path: Path, candidates: list[Choice]) -> Choice | None:
    """Read a cached choice; whatever is wrong with it means to measure again."""
    try:
        found = json.loads(path.read_text("utf-8"))
        choice = Choice(found["precision"], found["memory_format"], found["measured_ms"])
    except (OSError, ValueError, TypeError, KeyError, RuntimeError):
        return None
    known = [(c.precision, c.memory_format) for c in candidates]
    return choice if (choice.precision, choice.memory_format) in known else None
