"""Claims: latency and throughput of a trained network, PyTorch eager and ONNX Runtime.

Protocol: networks of the zoo with their initial weights (time does not depend on the values),
28x28 or 32x32 random images, batches of 1, 32 and 256, all in one process with the same threads.
Eager is the engine's module in evaluation mode under `inference_mode`, as it is evaluated:
float32, contiguous and channels_last, and bfloat16 where the processor multiplies it; "folded" has
each batch normalisation folded into its convolution by PyTorch's own `fuse_conv_bn_eval`, where
one follows the other directly. ONNX Runtime computes the file that `convlens export` writes. Each
is called 5 times before, then for a second; the median call is kept, in turn, twice, the smaller
of both medians counting, because other work on the machine only adds. `import_ms` and start-up are
in `bench_start_up.py`.

Expected duration: 100 s for three networks. Arguments: names of networks; `bench_inference.py
fast-mnist` takes 30 s.
"""

from __future__ import annotations

import copy
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn

from convlens.api.opening import open_subject
from convlens.engines.device import supports_bfloat16
from convlens.engines.torch_engine import TorchModel
from convlens.interchange.onnx.writing import onnx_bytes
from measure import keep, machine

NETWORKS = ("fast-mnist", "small-batch-norm", "bottleneck-resnet")
BATCHES = (1, 32, 256)
SECONDS = 1.0
CPU = torch.device("cpu")


def folded(model: TorchModel) -> nn.Module | None:
    """Return a copy with batch norms as a part of the convolutions before them; None without."""
    twin = copy.deepcopy(model.module).eval()
    count = 0
    for stack in list(twin.modules()):
        order = getattr(stack, "_order", None)
        if order is None:
            continue
        for first, second in zip(list(order), list(order)[1:], strict=False):
            conv, norm = stack._modules[first], stack._modules[second]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                fused = torch.nn.utils.fusion.fuse_conv_bn_eval(conv, norm)
                setattr(stack, first, fused)
                order.remove(second)
                count += 1
    return twin if count else None


def eager(module: nn.Module, form: torch.memory_format, bfloat16: bool = False) -> Any:
    """Return a function from images to logits."""
    module = module.eval().to(memory_format=form)

    def compute(images: np.ndarray) -> Any:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return module(torch.from_numpy(images).contiguous(memory_format=form))

    return compute


def ways(subject: Any) -> dict[str, Callable[[np.ndarray], Any]]:
    """Return every way to compute a network."""
    model = subject.model

    def again() -> nn.Module:
        return copy.deepcopy(model.module)

    found = {
        "eager contiguous": eager(model.module, torch.contiguous_format),
        "eager channels_last": eager(again(), torch.channels_last),
    }
    if supports_bfloat16(CPU):
        found["eager channels_last bfloat16"] = eager(again(), torch.channels_last, True)
    without = folded(model)
    if without is not None:
        found["eager channels_last folded"] = eager(without, torch.channels_last)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        onnx_bytes(subject), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    found["ONNX Runtime"] = lambda images: session.run(None, {name: images})
    return found


def median_ms(compute: Callable[[np.ndarray], Any], images: np.ndarray) -> float:
    for _ in range(5):
        compute(images)
    times: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < SECONDS and len(times) < 2000:
        before = time.perf_counter()
        compute(images)
        times.append(1000 * (time.perf_counter() - before))
    return statistics.median(times)


def network(name: str) -> dict[str, Any]:
    """Measure one network."""
    subject = open_subject(name)
    rows = []
    computing = ways(subject)
    for batch in BATCHES:
        shape = (batch, *subject.network.input)
        images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        times: dict[str, float] = {}
        for _ in range(2):
            for way, compute in computing.items():
                times[way] = min(times.get(way, np.inf), median_ms(compute, images))
        for way, taken in times.items():
            row = {"way": way, "batch": batch, "ms": round(taken, 4)}
            rows.append({**row, "images_per_second": round(1000 * batch / taken)})
            print(name, rows[-1], flush=True)
    table = subject.network.plan()
    return {
        "network": name,
        "parameters": table.parameters,
        "multiply_adds": table.multiply_adds,
        "ways": rows,
    }


def main() -> None:
    machine()
    names = sys.argv[1:] or NETWORKS
    keep("inference", {"networks": [network(name) for name in names]})


if __name__ == "__main__":
    main()
