"""The networks that are compared with torchvision's, and how."""

from __future__ import annotations

NETWORKS = {
    name.replace("_", "-"): name
    for name in (
        "alexnet",
        "convnext_tiny",
        "densenet121",
        "efficientnet_b0",
        "efficientnet_b1",
        "efficientnet_v2_s",
        "googlenet",
        "inception_v3",
        "mnasnet1_0",
        "mobilenet_v2",
        "mobilenet_v3_large",
        "mobilenet_v3_small",
        "regnet_x_400mf",
        "regnet_y_400mf",
        "regnet_y_800mf",
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnext50_32x4d",
        "shufflenet_v2_x1_0",
        "squeezenet1_0",
        "squeezenet1_1",
        "vgg11",
        "vgg11_bn",
        "vgg16",
        "vgg16_bn",
        "wide_resnet50_2",
    )
}
"""torchvision's builder of each network, by the name in the zoo."""

GAINS = {"efficientnet-v2-s": 1.2, "resnet101": 1.2}
"""Of the formula's weights, where the usual one, that of ReLU, makes outputs of many millions."""


def small_side(name: str) -> int:
    """Return the side of the small images, for tests that shall be quick."""
    return 96 if name == "inception-v3" else 64


QUICK = ("squeezenet1-1", "resnet18", "mobilenet-v3-small", "shufflenet-v2-x1-0")
"""Those that every test run computes, at the small size."""
