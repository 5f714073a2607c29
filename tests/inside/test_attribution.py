"""Attribution: each method against the same computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings

import networks
import trained
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.inside.attribution import (
    METHODS,
    Method,
    attribute,
    attribute_all,
    default_layer,
    occlusion_window,
)
from convlens.inside.reasons import possible_methods
from convlens.network import Network, zoo


def image(number: int = 0) -> np.ndarray:
    dataset = trained.digits()
    return dataset.preprocessing.normalise(dataset.test.images[number : number + 1])[0]


def noise(network: Network, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(network.input).astype(np.float32)


def by_hand(model: TorchModel, pixels: np.ndarray, layer: str, target: int) -> np.ndarray:
    """Compute Grad-CAM from a trace in the written order: equation 1 and 2 of the paper."""
    model.module.eval()
    found = dict(model.module.outputs(torch.from_numpy(pixels[None])))
    last = [row.name for row in model.network.plan().steps if row.kind != "softmax"][-1]
    (gradient,) = torch.autograd.grad(found[last][0, target], found[layer])
    weights = gradient.mean((2, 3), keepdim=True)
    coarse = (weights * found[layer]).sum(1, keepdim=True).clamp(min=0)
    fine = F.interpolate(coarse, pixels.shape[1:], mode="bilinear", align_corners=False)
    return fine[0, 0].detach().double().numpy()


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("tutorial-torch", "relu2"),  # which training computes after the pool
        ("tutorial-torch", "conv2"),
        ("fast-mnist", "relu2"),
        ("small-batch-norm", "max_pool1"),
        ("bottleneck-resnet", "relu4"),
        ("bottleneck-resnet", "residual3"),
        ("bottleneck-resnet", "residual3.shortcut.conv1"),
        ("bottleneck-resnet", "residual2.relu1"),
    ],
)
def test_grad_cam_is_the_paper_computed_by_hand(name: str, layer: str) -> None:
    model = TorchModel(zoo.load(name), seed=1)
    pixels = noise(model.network)
    for target in range(3):
        found = attribute(model, pixels, "grad-cam", target=target, layer=layer)
        expected = by_hand(model, pixels, layer, target)
        np.testing.assert_allclose(found.map, expected, rtol=1e-3, atol=1e-7)
        assert found.layer == layer


def test_integrated_gradients_sum_up_to_the_difference_of_the_logits() -> None:
    model = trained.tutorial()
    black = np.full_like(image(), image().min())
    for number in range(4):
        for baseline in (None, black):
            found = attribute(model, image(number), "integrated-gradients", baseline=baseline)
            start = np.zeros_like(black) if baseline is None else baseline
            logits = model.logits(np.stack([image(number), start]))[:, found.target]
            assert found.baseline_logit == pytest.approx(logits[1], abs=1e-4)
            difference = float(logits[0] - logits[1])
            assert abs(difference) > 1
            assert found.map.sum() == pytest.approx(difference, rel=0.02)


def test_integrated_gradients_of_a_linear_network_are_exact() -> None:
    network = Network(input=(2, 3, 3), layers=[{"flatten": True}, {"linear": 4}])
    model, pixels = TorchModel(network, seed=0), noise(Network(input=(2, 3, 3), layers=[]))
    found = attribute(model, pixels, "integrated-gradients", target=2)
    weight = model.weights()["linear1.weight"][2].reshape(2, 3, 3)
    np.testing.assert_allclose(found.map, (weight * pixels).sum(0), rtol=1e-4, atol=1e-6)


def test_saliency_is_the_largest_absolute_gradient_over_the_channels() -> None:
    model = TorchModel(zoo.load("bottleneck-resnet"), seed=3)
    pixels = noise(model.network)
    found = attribute(model, pixels, "saliency", target=4)
    inputs = torch.from_numpy(pixels[None]).requires_grad_(True)
    model.module.eval()
    model.module(inputs)[0, 4].backward()
    expected = inputs.grad[0].abs().amax(0).double().numpy()
    np.testing.assert_allclose(found.map, expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 12)])
def test_occlusion_is_the_mean_fall_of_the_logit_over_the_windows(
    shape: tuple[int, int, int],
) -> None:
    network = Network(
        input=shape,
        layers=[{"conv": 4, "kernel": 3}, {"relu": True}, {"flatten": True}, {"linear": 3}],
    )
    model, pixels = TorchModel(network, seed=1), noise(Network(input=shape, layers=[]))
    baseline = np.full_like(pixels, 0.3)
    found = attribute(model, pixels, "occlusion", target=1, baseline=baseline)
    (high, wide), (down, right) = occlusion_window(*shape[1:])
    assert (found.window, found.stride) == ((high, wide), (down, right))
    total, covered = np.zeros(shape[1:]), np.zeros(shape[1:])
    logit = model.logits(pixels[None])[0, 1]
    rows = range(0, -(-(shape[1] - high) // down) * down + 1, down)
    columns = range(0, -(-(shape[2] - wide) // right) * right + 1, right)
    for top in rows:
        for left in columns:
            window = np.s_[top : top + high, left : left + wide]
            hidden = pixels.copy()
            hidden[:, window[0], window[1]] = baseline[:, window[0], window[1]]
            total[window] += logit - model.logits(hidden[None])[0, 1]
            covered[window] += 1
    assert covered.min() >= 1
    np.testing.assert_allclose(found.map, total / covered, rtol=1e-3, atol=1e-5)


def test_the_predicted_class_is_explained_by_default() -> None:
    model = trained.tutorial()
    logits = model.logits(image()[None])[0].astype(np.float64)
    for found in attribute_all(model, image()):
        assert found.target == logits.argmax()
        assert found.logit == pytest.approx(logits.max(), rel=1e-4)
        assert found.probability == pytest.approx(1 / np.exp(logits - logits.max()).sum(), rel=1e-4)
        assert found.map.shape == (28, 28)
        assert found.map.dtype == np.float64
        assert found.signed == (found.map.min() < 0)


@settings(max_examples=15)
@given(networks.written)
def test_every_method_works_on_any_network_with_classes(written: dict[str, object]) -> None:
    network = Network.read(written)
    assume(networks.fits(network) and len(network.plan().output) == 1)
    model, pixels = TorchModel(network, seed=0), noise(network)
    for method in possible_methods(network.plan()):
        found = attribute(model, pixels, method)
        assert found.map.shape == network.input[1:]
        assert np.isfinite(found.map).all()


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("tutorial-torch", "relu2"),
        ("fast-mnist", "relu2"),  # the pool stands before the activation
        ("lenet-5", "relu2"),  # the last convolution has one cell a map
        ("small-batch-norm", "relu5"),
        ("bottleneck-resnet", "relu5"),  # after the sum of the last block
        ("tiny-vgg", "relu4"),
    ],
)
def test_grad_cam_looks_at_the_last_convolutions_activation(name: str, layer: str) -> None:
    assert default_layer(zoo.load(name).plan()) == layer


def test_a_convolution_without_an_activation_is_looked_at_itself() -> None:
    network = Network(input=(1, 6, 6), layers=[{"conv": 2}, {"flatten": True}, {"linear": 2}])
    assert default_layer(network.plan()) == "conv1"


def test_a_shortcuts_convolution_is_the_last_choice() -> None:
    side = {"residual": [{"batch_norm": True}], "shortcut": [{"conv": 2, "kernel": 1}]}
    head = [{"flatten": True}, {"linear": 2}]
    only = Network(input=(2, 6, 6), layers=[side, *head])
    assert default_layer(only.plan()) == "residual1.shortcut.conv1"
    both = Network(input=(2, 6, 6), layers=[{"conv": 2, "kernel": 1}, side, *head])
    assert default_layer(both.plan()) == "conv1"


def branched(*layers: dict[str, object]) -> str:
    network = Network(input=(2, 8, 8), layers=[*layers, {"flatten": True}, {"linear": 2}])
    return default_layer(network.plan())


def test_grad_cam_looks_at_all_branches_that_are_put_side_by_side() -> None:
    conv, relu = {"conv": 2, "kernel": 3, "padding": 1}, {"relu": True}
    inception = {"branches": [[conv, relu], [conv, relu]], "join": "concat"}
    assert branched(inception) == "concat1"
    dense = {"branches": [[], [conv]], "join": "concat"}
    assert branched(dense, dense, {"batch_norm": True}, relu) == "relu1"
    nested = {"branches": [[{"residual": [inception, {"conv": 2, "kernel": 1}]}], []]}
    assert branched({**nested, "join": "concat"}) == "concat1"


def test_grad_cam_looks_past_the_gate_of_squeeze_and_excitation() -> None:
    conv = {"conv": 2, "kernel": 3, "padding": 1}
    gate = [{"global_avg_pool": True}, {"conv": 2, "kernel": 1}, {"silu": True}]
    block = {"branches": [[], gate], "join": "multiply"}
    assert branched(conv, {"batch_norm": True}, block, {"relu": True}) == "relu1"
    assert branched(conv, block) == "conv1"


def test_every_method_works_through_products_and_concatenations() -> None:
    conv = {"conv": 2, "kernel": 3, "padding": 1}
    layers = [
        {"branches": [[], [conv]], "join": "concat"},
        {
            "branches": [[], [{"global_avg_pool": True}, {"conv": 4, "kernel": 1}]],
            "join": "multiply",
        },
        {"branches": [[{"silu": True}], [], []], "join": "add"},
        {"flatten": True},
        {"linear": 2},
    ]
    model = TorchModel(Network(input=(2, 8, 8), layers=layers), seed=3)
    image = np.random.default_rng(0).standard_normal((2, 8, 8)).astype(np.float32)
    found = {one.method: one for one in attribute_all(model, image, target=1)}
    integrated = found["integrated-gradients"]
    assert integrated.baseline_logit is not None
    difference = integrated.logit - integrated.baseline_logit
    assert integrated.map.sum() == pytest.approx(difference, abs=2e-2 * abs(difference) + 1e-3)
    assert all(np.isfinite(one.map).all() and one.map.any() for one in found.values())


def test_grad_cam_needs_a_convolution() -> None:
    network = Network(input=(1, 4, 4), layers=[{"flatten": True}, {"linear": 3}])
    model = TorchModel(network)
    with pytest.raises(InputError, match="no convolution") as caught:
        attribute(model, noise(network), "grad-cam")
    assert "occlusion" in caught.value.fix
    assert possible_methods(network.plan()) == ("integrated-gradients", "occlusion", "saliency")


def test_what_does_not_exist_is_refused() -> None:
    model = trained.tutorial()
    for arguments, match in (
        ({"method": "gradcam"}, 'did you mean "grad-cam"'),
        ({"method": "saliency", "target": 10}, "no class 10"),
        ({"layer": "conv3"}, 'did you mean "conv'),
        ({"layer": "linear1"}, "no maps"),
        ({"baseline": np.zeros((1, 2, 2), np.float32)}, "1x2x2"),
    ):
        with pytest.raises(InputError, match=match):
            attribute(model, image(), **arguments)
    lenet = TorchModel(zoo.load("lenet-5"))
    with pytest.raises(InputError, match="single cell"):
        attribute(lenet, image(), layer="conv3")


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was_and_gives_the_same_again(method: Method) -> None:
    model = TorchModel(zoo.load("small-batch-norm"), seed=1)
    model.module.train()
    before = model.weights()
    first, second = attribute(model, image(), method), attribute(model, image(), method)
    np.testing.assert_array_equal(first.map, second.map)
    assert model.module.training
    assert not any(child._forward_hooks for child in model.module.modules())
    assert all(p.requires_grad and p.grad is None for p in model.module.parameters())
    for name, array in model.weights().items():
        np.testing.assert_array_equal(array, before[name])
