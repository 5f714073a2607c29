"""Claim: convlens measures which attribution method to believe on a model, and it differs by model.

Protocol: `tutorial-torch` is trained for 5 epochs on `digits-5k`, `tiny-vgg` for 4 epochs on the
CIFAR-10 subset (each with the recipe that convlens chooses, seed 0). Images are the first of the
test set, whatever the network says of them; the explained class is the predicted one; the baseline
is zero on the normalised scale, the training set's mean colour.

- Cascade (Adebayo et al. 2018): 16 images, weights made random by 2 seeds, Spearman's rank
  correlation of absolute values; a method passes below 0.5 when every layer is random.
- Deletion and insertion (RISE, Petsiuk et al. 2018): 40 images, 28 steps, beside one random order
  an image; area under the mean curve.
- Grad-CAM before and after the last convolution's activation: the same 40 images; how many maps
  are zero everywhere, and the areas.
- Seconds: all feature maps and all four attributions of one image, median of 5 after a warm-up;
  other programs may have been running.

`--table` measures nothing and prints the kept result as the table of `docs/attribution.md`.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from typing import Any

import numpy as np

import convlens
from convlens import data as datasets
from convlens.engines import Float32
from convlens.engines.torch_engine import TorchModel
from convlens.inside import attribution_checks
from convlens.inside.attribution import METHODS, attribute, attribute_all, default_layer
from convlens.inside.feature_maps import feature_maps
from measure import RESULTS, keep

CASCADE_IMAGES, CASCADE_SEEDS, CURVE_IMAGES = 16, (0, 1), 40
NETWORKS = (
    ("tutorial-torch", "digits-5k", 5, "conv2"),
    ("tiny-vgg", "cifar10-subset", 4, "conv4"),
)


def trained(network: str, data: str, epochs: int) -> tuple[TorchModel, convlens.Dataset, float]:
    """Return the best weights of a training, its data and its test accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        run = convlens.train(network, data, epochs=epochs, seed=0, device="cpu", runs=folder)
        model = TorchModel(convlens.Network.from_toml(run.network_text))
        model.load_weights(run.weights("best", expected=model.network.plan().weight_shapes()))
        return model, datasets.load_like(run.data), float(run.status["test_accuracy"])


def areas(curves: list[attribution_checks.Curves]) -> dict[str, float]:
    """Return the mean areas of single curves."""
    return {
        "deletion_auc": round(float(np.mean([one.deletion_auc for one in curves])), 3),
        "insertion_auc": round(float(np.mean([one.insertion_auc for one in curves])), 3),
    }


def grad_cam_at(model: TorchModel, images: Float32, layer: str) -> dict[str, Any]:
    """Return how Grad-CAM does at one layer."""
    curves, empty = [], 0
    for image in images:
        found = attribute(model, image, "grad-cam", layer=layer)
        empty += not found.map.any()
        order = attribution_checks.importance_order(found.map)
        curves.append(attribution_checks.deletion_insertion(model, image, found.target, order))
    return {"layer": layer, "empty_maps": empty, **areas(curves)}


def seconds(model: TorchModel, image: Float32) -> float:
    """Return seconds for everything about one image."""
    times = []
    for _ in range(6):
        started = time.perf_counter()
        feature_maps(model, image)
        attribute_all(model, image)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times[1:]), 3)


def measured(network: str, data: str, epochs: int, convolution: str) -> dict[str, Any]:
    """Train one network and measure every method on it."""
    model, dataset, accuracy = trained(network, data, epochs)
    images = dataset.preprocessing.normalise(dataset.test.images[:CURVE_IMAGES])
    methods = {}
    for method in METHODS:
        cascade = attribution_checks.cascade(
            model, images[:CASCADE_IMAGES], method, seeds=CASCADE_SEEDS
        )
        faith = attribution_checks.faithfulness(model, images, method)
        methods[method] = {
            "passes_cascade": cascade.passes,
            "similarity": dict(
                zip(("trained", *cascade.layers), map(float, cascade.mean.round(3)), strict=True)
            ),
            "deletion_auc": round(faith.curves.deletion_auc, 3),
            "insertion_auc": round(faith.curves.insertion_auc, 3),
        }
    return {
        "data": data,
        "epochs": epochs,
        "test_accuracy": round(accuracy, 4),
        "methods": methods,
        "random_order": {
            "deletion_auc": round(faith.random.deletion_auc, 3),
            "insertion_auc": round(faith.random.insertion_auc, 3),
        },
        "grad_cam_layers": [
            grad_cam_at(model, images, layer) for layer in (convolution, default_layer(model.plan))
        ],
        "seconds_for_one_image": seconds(model, images[0]),
    }


def table(result: dict[str, Any]) -> str:
    """Write a kept result as Markdown."""
    lines = [
        "| network, data, test accuracy | method | similarity, all random | cascade "
        "| deletion area (lower is better) | insertion area (higher is better) |",
        "|---|---|---|---|---|---|",
    ]
    for name, network in result["networks"].items():
        label = f"`{name}`, {network['data']}, {network['test_accuracy']:.1%}"
        for method, row in network["methods"].items():
            similarity = list(row["similarity"].values())[-1]
            verdict = "passes" if row["passes_cascade"] else "**fails**"
            lines.append(
                f"| {label} | {method} | {similarity:.2f} | {verdict} "
                f"| {row['deletion_auc']:.3f} | {row['insertion_auc']:.3f} |"
            )
        chance = network["random_order"]
        lines.append(
            f"| {label} | random order | | | {chance['deletion_auc']:.3f} "
            f"| {chance['insertion_auc']:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    if "--table" in sys.argv:
        print(table(json.loads((RESULTS / "attribution_trust.json").read_text())))
        return
    keep(
        "attribution_trust",
        {
            "images": {"cascade": CASCADE_IMAGES, "curves": CURVE_IMAGES},
            "cascade_seeds": len(CASCADE_SEEDS),
            "networks": {row[0]: measured(*row) for row in NETWORKS},
        },
    )


if __name__ == "__main__":
    main()
