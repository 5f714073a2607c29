"""Layers computed without gradients give what the plain layers give, whichever way is quickest."""

from __future__ import annotations

import pytest
import torch

from convlens.engines.inference import PYTORCH, TOLERANCE, folded, quickest
from convlens.engines.torch_engine import TorchModel
from convlens.network import zoo
from convlens.network.layers import BatchNorm

NETWORKS = ("compact-batch-norm", "small-resnet", "tutorial-torch", "bottleneck-resnet")


def learned(name: str) -> TorchModel:
    """Return a network whose batch normalisation has statistics that are not the first ones."""
    model = TorchModel(zoo.load(name), seed=3)
    for key, value in model.module.state_dict().items():
        if key.endswith(("running_var", "running_mean")):
            value.copy_(torch.rand_like(value) + 0.5)
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_folding_changes_nothing_but_rounding_and_leaves_the_model_alone(name: str) -> None:
    model = learned(name)
    images = torch.randn(3, *model.plan.input)
    with torch.inference_mode():
        plain = model.module.eval()(images)
        quick = folded(model)(images)
        torch.testing.assert_close(quick, plain, rtol=1e-4, atol=1e-5)
        assert torch.equal(model.module(images), plain)
    norms = [step.name for step in model.plan.steps if isinstance(step.layer, BatchNorm)]
    left = [n for n in norms if isinstance(folded(model).get_submodule(n), torch.nn.BatchNorm2d)]
    # what stands behind a pooling or is read twice is no factor of filters
    assert len(left) < max(1, len(norms))


def test_the_quickest_way_is_measured_and_a_wrong_one_is_never_taken() -> None:
    model = learned("compact-batch-norm")
    images = torch.randn(8, *model.plan.input)

    def wrong(_: TorchModel) -> object:
        return lambda images: torch.zeros(len(images), 10)

    way = quickest(model, images, {"wrong": wrong})  # type: ignore[dict-item]
    assert way.name in PYTORCH
    assert way.apart["wrong"] > TOLERANCE
    assert set(way.images_per_second) == {*PYTORCH, "wrong"}
    assert way.name in str(way)
    with torch.inference_mode():
        expected = model.module.eval()(images)
    torch.testing.assert_close(way.compute(images), expected, rtol=1e-3, atol=1e-4)
