"""What torchvision's own networks are and compute, as small files that the tests compare with.

It runs in an environment of its own, because torchvision wants one exact version of PyTorch:

    python -m venv tvenv
    tvenv/bin/pip install torch==2.14.1 torchvision==0.29.1 numpy
    tvenv/bin/python tests/published/write_fixtures.py [NETWORK ...]

For each network: the names and shapes of its arrays, what torchvision publishes of its weights,
and, with the weights and images of `formula.py`, the logits and the mean and root mean square of
what each layer with weights gives.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision
from formula import images, summary, weight
from listing import GAINS, NETWORKS, small_side
from torch import nn

FOLDER = Path(__file__).parent / "fixtures"


def filled(builder: str, gain: float) -> nn.Module:
    """Return torchvision's network with the formula's weights, in evaluation mode."""
    options = {"aux_logits": True} if builder in ("googlenet", "inception_v3") else {}
    if options:
        options["init_weights"] = False
    model = torchvision.models.get_model(builder, weights=None, **options).eval()
    for name, array in model.state_dict().items():
        if array.dtype == torch.float32:
            array.copy_(torch.from_numpy(weight(name, tuple(array.shape), gain)))
    return model


def computed(model: nn.Module, side: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the logits for the two images, and a summary of each output by module."""
    outputs: dict[str, np.ndarray] = {}
    hooks = [
        module.register_forward_hook(
            lambda _, __, output, name=name: outputs.update({name: summary(output.numpy())})
        )
        for name, module in model.named_modules()
        if module._parameters and not module._modules
    ]
    with torch.inference_mode():
        logits = model(torch.from_numpy(images(side)))
    for hook in hooks:
        hook.remove()
    return logits.numpy(), outputs


def published(builder: str) -> dict[str, object]:
    """Return what torchvision publishes of a network's weights, by the name it gives them."""
    known = {}
    for entry in torchvision.models.get_model_weights(builder):
        shown = entry.transforms()
        measured = entry.meta["_metrics"]["ImageNet-1K"]
        known[entry.name] = {
            "url": entry.url,
            "parameters": entry.meta["num_params"],
            "giga_multiply_adds": entry.meta["_ops"],
            "mebibytes": entry.meta["_file_size"],
            "top1_percent": measured["acc@1"],
            "crop": shown.crop_size[0],
            "resize": shown.resize_size[0],
            "mean": shown.mean,
            "std": shown.std,
            "interpolation": shown.interpolation.value,
        }
    return known


def write(name: str) -> None:
    """Write both files of one network."""
    builder = NETWORKS[name]
    gain = GAINS.get(name, 2**0.5)
    model = filled(builder, gain)
    known = published(builder)
    full = known[next(iter(known))]["crop"]
    arrays = {}
    facts = {
        "torchvision": torchvision.__version__,
        "parameters": sum(p.numel() for p in model.parameters()),
        "published": known,
        "arrays": {key: "x".join(map(str, a.shape)) for key, a in model.state_dict().items()},
    }
    for size, side in (("full", full), ("small", small_side(name))):
        logits, outputs = computed(model, side)
        facts["modules"] = list(outputs)
        arrays[f"logits_{size}"] = logits
        arrays[f"outputs_{size}"] = np.stack(list(outputs.values())).astype(np.float32)
        last = arrays[f"outputs_{size}"][-2:, 1].round(3).tolist()
        print(f"{name} {side}: largest logit {np.abs(logits).max():.3g}, last layers {last}")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or NETWORKS:
        write(name)
