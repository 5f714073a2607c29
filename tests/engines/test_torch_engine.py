"""The table against PyTorch: shapes, parameters and multiply-adds of random networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

import networks
from convlens.engines import build
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError, NetworkError, WeightsError
from convlens.network import Network, zoo


def images(network: Network, count: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, *network.input)).astype(np.float32)


@given(networks.written)
def test_the_table_says_what_torch_computes(written: dict[str, Any]) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    table, model = network.plan(), TorchModel(network)
    activations = model.activations(images(network))
    assert list(activations) == [row.name for row in table.steps]
    assert [a.shape[1:] for a in activations.values()] == [row.output for row in table.steps]
    assert table.parameters == sum(p.numel() for p in model.module.parameters())
    assert {n: a.shape for n, a in model.weights().items()} == table.weight_shapes()
    model.module.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.module(torch.from_numpy(images(network, 1)))
    assert counter.get_total_flops() == 2 * table.multiply_adds


@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(1, 3),
)
def test_convlens_and_torch_refuse_the_same_convolutions(
    channels: int, filters: int, size: int, kernel: int, groups: int, padding: int, dilation: int
) -> None:
    layer = {
        "conv": filters,
        "kernel": kernel,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    network = Network(input=(channels, size, size), layers=[layer], rounding="floor")

    def torch_accepts() -> bool:
        try:
            conv = torch.nn.Conv2d(channels, filters, kernel, 1, padding, dilation, groups)
            conv(torch.zeros(1, channels, size, size))
        except (RuntimeError, ValueError):
            return False
        return True

    assert networks.fits(network) == torch_accepts()


@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 4), st.integers(0, 3))
def test_convlens_refuses_the_poolings_that_torch_refuses(
    size: int, kernel: int, stride: int, padding: int
) -> None:
    layer = {"max_pool": kernel, "stride": stride, "padding": padding}
    network = Network(input=(1, size, size), layers=[layer], rounding="floor")
    try:
        pooled = torch.nn.MaxPool2d(kernel, stride, padding)(torch.zeros(1, 1, size, size))
    except RuntimeError as error:
        # torch caps padding at half the kernel; ours may go up to the kernel, padded by hand
        if "half of" in str(error):
            return
        assert not networks.fits(network)
    else:
        assert network.plan().output == tuple(pooled.shape[1:])


def test_a_linear_layer_of_the_wrong_width_cannot_be_written() -> None:
    """Widths follow from the layer before, so what torch refuses late has no spelling here."""
    network = Network(input=(1, 4, 4), layers=[{"flatten": True}, {"linear": 3}])
    assert network.plan().steps[1].parameters == 3 * 17
    with pytest.raises(NetworkError):
        Network(input=(1, 4, 4), layers=[{"linear": 3}]).plan()


@pytest.mark.parametrize("name", zoo.names())
def test_every_network_of_the_zoo_is_built_and_reordering_changes_nothing(name: str) -> None:
    network = zoo.load(name)
    model = build(network, seed=1)
    x = images(network)
    rows = [row for row in network.plan().steps if row.kind != "softmax"]
    in_order = model.activations(x)[rows[-1].name]
    np.testing.assert_allclose(model.logits(x), in_order, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["tutorial-torch", "bottleneck-resnet"])
def test_a_frozen_copy_shows_every_layer_in_the_written_order(name: str) -> None:
    model = TorchModel(zoo.load(name), seed=1)
    x = images(model.network)
    expected = model.activations(x)
    frozen, hooked = model.module.frozen(), {}
    for layer, child in frozen.named_modules():
        child.register_forward_hook(
            lambda _module, _inputs, output, layer=layer: hooked.__setitem__(layer, output)
        )
    logits = frozen(torch.from_numpy(x))
    np.testing.assert_allclose(logits.numpy(), model.logits(x), rtol=1e-5, atol=1e-6)
    for layer in expected:
        if not layer.startswith("softmax"):
            np.testing.assert_array_equal(hooked[layer].numpy(), expected[layer])
    assert not any(p.requires_grad for p in frozen.parameters())
    assert all(p.requires_grad for p in model.module.parameters())


def test_the_tutorials_networks_have_the_published_layers() -> None:
    torch_table = zoo.load("tutorial-torch").plan()
    assert torch_table.steps[-3].input == (64, 6, 6)
    assert torch_table.parameters == 320 + 8256 + 23050
    keras_table = zoo.load("tutorial-keras").plan()
    assert keras_table.steps[-3].input == (64, 5, 5)
    assert keras_table.parameters == 34_826  # what Keras's summary() prints for it


def test_the_corner_filter_picks_each_windows_upper_left_value() -> None:
    network = Network(input=(1, 4, 4), layers=[{"conv": 1, "kernel": 2}])
    model = build(network)
    corner = np.array([[[[1, 0], [0, 0]]]], np.float32)
    model.load_weights({"conv1.weight": corner, "conv1.bias": np.zeros(1, np.float32)})
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(model.activations(x)["conv1"][0, 0], x[0, 0, :3, :3])


def test_average_pooling_does_not_count_padding() -> None:
    for padding in (1, [0, 1, 0, 1]):
        network = Network(
            input=(1, 3, 3),
            rounding="floor",
            layers=[{"avg_pool": 2, "padding": padding}],
        )
        ones = np.ones((1, 1, 3, 3), np.float32)
        np.testing.assert_array_equal(build(network).activations(ones)["avg_pool1"], 1)


def test_max_pooling_never_picks_padding() -> None:
    for padding in (1, [0, 1, 0, 1], [2, 2, 0, 0]):
        network = Network(
            input=(1, 3, 3), rounding="floor", layers=[{"max_pool": 3, "padding": padding}]
        )
        negative = np.full((1, 1, 3, 3), -5, np.float32)
        np.testing.assert_array_equal(build(network).activations(negative)["max_pool1"], -5)


def test_weights_go_out_and_come_back() -> None:
    network = zoo.load("bottleneck-resnet")
    first, second = build(network, seed=1), build(network, seed=2)
    x = images(network)
    assert not np.allclose(first.logits(x), second.logits(x))
    second.load_weights(first.weights())
    np.testing.assert_array_equal(first.logits(x), second.logits(x))
    assert "residual1.shortcut.conv1.weight" in first.weights()


def test_weights_of_another_network_change_nothing() -> None:
    model = build(zoo.load("tutorial-torch"))
    before = model.weights()
    with pytest.raises(WeightsError, match=r"conv2\.weight"):
        model.load_weights(build(zoo.load("tutorial-keras")).weights())
    for name, array in model.weights().items():
        np.testing.assert_array_equal(array, before[name])


def test_one_seed_gives_one_set_of_weights_and_leaves_the_global_state_alone() -> None:
    network = zoo.load("lenet-5")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = build(network, seed=3).weights()
    assert torch.rand(1) == expected
    for name, array in build(network, seed=3).weights().items():
        np.testing.assert_array_equal(array, first[name])


def test_a_layer_that_does_not_exist_names_the_nearest() -> None:
    model = build(zoo.load("lenet-5"))
    with pytest.raises(InputError, match='did you mean "conv1"'):
        model.activations(images(model.network), ["conf1"])


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(InputError, match='no engine "pytorch", did you mean "torch"'):
        build(zoo.load("lenet-5"), engine="pytorch")
