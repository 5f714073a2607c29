"""The networks that are compared with torchvision's, and how."""

from __future__ import annotations

NETWORKS = {
    name.replace("_", "-"): name
    for name in (
        "densenet121",
        "mnasnet1_0",
        "mobilenet_v2",
        "regnet_x_400mf",
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnext50_32x4d",
        "wide_resnet50_2",
    )
}
"""torchvision's builder of each network, by the name in the zoo."""

GAINS = {"efficientnet-v2-s": 1.2, "resnet101": 1.2}
"""Of the formula's weights, where the usual one, that of ReLU, makes outputs of many millions."""


def small_side(name: str) -> int:
    """Return the side of the small images, for tests that shall be quick."""
    return 96 if name == "inception-v3" else 64


QUICK = ("resnet18",)
"""Those that every test run computes, at the small size."""
