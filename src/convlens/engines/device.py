"""The one place that knows about devices, threads and precisions."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import torch

from convlens.foundation.errors import InputError
from convlens.foundation.machine import available_cores, available_memory
from convlens.foundation.waiting import describe_waiting, watch

DEVICES = ("auto", "cpu", "cuda", "mps")

_GLIBC_MALLOC = {
    -3: 2**30,  # M_MMAP_THRESHOLD: from which size on a block is mapped, and unmapped when freed
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: how much may lie free at the heap's end
    -2: 2**26,  # M_TOP_PAD: by how much more than needed the heap grows
}
"""Parameters of `mallopt(3)` and their values, in bytes."""


def choose_device(wanted: str = "auto") -> torch.device:
    """Return the device to compute on: the fastest present for "auto", else the one asked for.

    Raises
    ------
    InputError
        Where the device does not exist on this machine.
    """
    if wanted not in DEVICES:
        raise InputError(
            f'there is no device "{wanted}"', "one of " + ", ".join(DEVICES), 'use `device="auto"`'
        )
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if wanted == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if present[name]))
    if not present[wanted]:
        raise InputError(
            f'device "{wanted}" is not available here',
            "one of " + ", ".join(name for name in present if present[name]),
            'use `device="auto"`, or install a PyTorch build for that device',
        )
    return torch.device(wanted)


def supports_bfloat16(device: torch.device) -> bool:
    """Say whether the hardware multiplies bfloat16 itself (emulation only loses time)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def limit_threads() -> int:
    """Keep PyTorch's threads within the cores this process may use, and watch how they wait.

    Returns their number.
    """
    watch()
    if torch.get_num_threads() > available_cores():
        torch.set_num_threads(available_cores())
    return torch.get_num_threads()


def keep_freed_memory() -> bool:
    """Let this process keep the memory it frees, for its next step; return whether that is so.

    Every step of a training frees all its activations and soon needs as many again. glibc gives
    blocks of that size back to the system, which has to clear each page before it lends it anew:
    a third of the step of `compact-batch-norm` at batch 256, a tenth of that of `basic-resnet`.
    Does nothing where the C library is another one.

    References
    ----------
    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(parameter, value) == 1 for parameter, value in _GLIBC_MALLOC.items())


def free_memory(device: torch.device) -> int:
    """Return the bytes that may still be taken where the device computes."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return available_memory()


def compute_repeatably() -> None:
    """Let CUDA GPUs multiply float32 in float32, and one seed give the same weights each time.

    PyTorch lets convolutions round what they multiply to 10 bits (TF32), and cuDNN add up in
    whatever order its threads come. Where float32 is not needed, bfloat16 is quicker than TF32.

    References
    ----------
    https://docs.pytorch.org/docs/stable/notes/numerical_accuracy.html
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True


def describe(device: torch.device) -> dict[str, str | int]:
    """Return the versions and the machine, as a run's environment records them."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "processor": _processor(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "cores": available_cores(),
        "waiting": describe_waiting(),
    }


def describe_engine(engine: str) -> dict[str, str]:
    """Return the versions that a run's environment names for an engine beside PyTorch's."""
    if engine != "keras":
        return {}
    from convlens.engines import keras_backend

    return keras_backend.describe()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given (before reading a clock)."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()
