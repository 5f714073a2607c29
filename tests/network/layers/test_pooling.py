"""Pools round up and count padding as PyTorch does, in every library that computes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from convlens.engines import build
from convlens.engines.reference_layers import output
from convlens.inside.explain import explain
from convlens.inside.windows import window
from convlens.network import Network
from convlens.network.layers import AdaptiveAvgPool, AvgPool, MaxPool

Pair = tuple[int, int]


@st.composite
def pools(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[int, int, int]]:
    """Draw what PyTorch takes: padding of at most half the kernel, alike on both sides."""
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = tuple(draw(st.integers(0, size // 2)) for size in kernel)
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    ceil = draw(st.booleans())
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    rooms = [n + 2 * p - k for n, p, k in zip(size, padding, kernel, strict=True)]
    assume(all(room >= 0 or (ceil and room > -s) for room, s in zip(rooms, stride, strict=True)))
    settings = {"kernel": kernel, "padding": padding, "stride": stride, "ceil": ceil}
    return settings, (2, *size)


def theirs(kind: type[nn.Module], given_: dict[str, Any], **more: Any) -> nn.Module:
    names = {"kernel": "kernel_size", "ceil": "ceil_mode"}
    return kind(**{names.get(key, key): value for key, value in given_.items()}, **more)


@given(pools())
@settings(max_examples=300, deadline=None)
def test_max_pools_round_as_pytorchs(drawn: tuple[dict[str, Any], tuple[int, int, int]]) -> None:
    given_, shape = drawn
    x = np.random.default_rng(0).normal(size=(2, *shape))
    layer = MaxPool(**given_)
    expected = theirs(nn.MaxPool2d, given_)(torch.from_numpy(x)).numpy()
    assert layer.output(shape, floor=True) == expected.shape[1:]
    np.testing.assert_array_equal(output(layer, [x], {}), expected)


@given(pools(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_average_pools_count_as_pytorchs(
    drawn: tuple[dict[str, Any], tuple[int, int, int]], count: bool
) -> None:
    given_, shape = drawn
    x = np.random.default_rng(0).normal(size=(2, *shape))
    layer = AvgPool(**given_, count_padding=count)
    expected = theirs(nn.AvgPool2d, given_, count_include_pad=count)(torch.from_numpy(x)).numpy()
    assert layer.output(shape, floor=True) == expected.shape[1:]
    np.testing.assert_allclose(output(layer, [x], {}), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ({"max_pool": 3, "stride": 2, "ceil": True}, 6),
        ({"max_pool": 3, "stride": 2, "padding": [0, 1, 1, 0], "ceil": True}, 6),
        ({"max_pool": 2, "padding": 1, "ceil": True}, 3),
        ({"avg_pool": 3, "stride": 2, "ceil": True}, 6),
        ({"avg_pool": 3, "stride": 2, "padding": 1, "count_padding": True}, 7),
        ({"avg_pool": 3, "stride": 2, "padding": "same", "count_padding": True}, 6),
        ({"avg_pool": 3, "stride": 2, "padding": [2, 0, 0, 2], "count_padding": True}, 7),
        ({"avg_pool": 4, "stride": 2, "padding": 1, "ceil": True, "count_padding": True}, 5),
        ({"avg_pool": 2, "padding": 1, "ceil": True, "count_padding": True}, 3),
        ({"avg_pool": 2, "padding": 1, "ceil": True, "count_padding": True}, 4),
    ],
    ids=str,
)
def test_all_engines_files_and_windows_agree(
    written: dict[str, Any], size: int, tmp_path: Path
) -> None:
    pytest.importorskip("keras")
    from convlens.data import Preprocessing
    from convlens.inside.look import Classifier
    from convlens.interchange.onnx.reading import read_onnx
    from convlens.interchange.onnx.writing import compare, onnx_bytes

    network = Network(
        input=(3, size, size), layers=[written, {"flatten": True}, {"linear": 2}], classes=2
    )
    images = np.random.default_rng(1).normal(size=(2, 3, size, size)).astype(np.float32)
    reference = build(network, 0, "reference")
    pooled = network.plan().steps[0]
    ours = reference.activations(images)[pooled.name]
    for name in ("torch", "keras"):
        other = build(network, 0, name).activations(images)[pooled.name]
        np.testing.assert_allclose(other, ours, rtol=1e-5, atol=1e-6)
    preparation = Preprocessing(network.input, (0.0,) * 3, (1.0,) * 3)
    subject = Classifier("pool", build(network), preparation, ("a", "b"), trained=False)
    path = tmp_path / "pool.onnx"
    path.write_bytes(onnx_bytes(subject))
    assert compare(path.read_bytes(), subject).difference < 1e-5
    read = build(read_onnx(path).network, 0, "reference").activations(images)[pooled.name]
    np.testing.assert_allclose(read, ours, rtol=1e-6, atol=1e-6)
    _, height, width = pooled.output
    for cell in ((0, 0, 0), (1, height - 1, width - 1)):
        step = window(reference, images[0], pooled.name, cell)
        assert step.total == pytest.approx(step.computed, rel=1e-6, abs=1e-6)
        assert explain(step)


def test_what_ceil_reaches_past_the_padding_never_counts() -> None:
    ones = np.ones((1, 1, 5, 5))
    layer = AvgPool(kernel=4, stride=2, padding=1, ceil=True, count_padding=True)
    means = output(layer, [ones], {})[0, 0]
    assert means[0, 0] == 9 / 16  # 3x3 of 4x4 cells are real, and all the others padding
    assert means[2, 2] == 4 / 9  # 2x2 of 3x3: the fourth row and column lie past the padding


def test_a_pool_that_rounds_up_is_not_held_to_land_on_the_last_cell() -> None:
    network = Network(input=(1, 112, 112), layers=[{"max_pool": 3, "stride": 2, "ceil": True}])
    step = network.plan().steps[0]
    assert step.output == (1, 56, 56)
    assert step.dropped == (0, 0)
    assert step.layer.settings() == "3x3 stride 2 ceil"


def test_counted_padding_is_shown_as_zeros_that_take_part() -> None:
    layers = [{"avg_pool": 2, "padding": 1, "count_padding": True}]
    model = build(Network(input=(1, 2, 2), layers=layers), 0, "reference")
    text = explain(window(model, np.full((1, 2, 2), 8.0), "avg_pool1", (0, 0, 0)))
    assert "row -1, column -1 (padding)  0" in text
    assert "mean: 8 / 4 = 2" in text


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)), st.tuples(st.integers(1, 9), st.integers(1, 9))
)
@settings(max_examples=200, deadline=None)
def test_adaptive_pooling_is_pytorchs_for_smaller_maps_too(size: Pair, parts: Pair) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, *size))
    theirs = nn.AdaptiveAvgPool2d(parts)(torch.from_numpy(x)).numpy()
    layer = AdaptiveAvgPool(size=parts)
    assert layer.output((3, *size)) == theirs.shape[1:]
    np.testing.assert_allclose(layer.compute(x, {}), theirs, rtol=1e-12, atol=1e-12)
    for axis, (cells, count) in enumerate(zip(size, parts, strict=True)):
        assert len(layer.reads((3, *size))[axis]) == count
        assert layer.reads((3, *size))[axis][-1][1] == cells - 1


@pytest.mark.parametrize("size", [(2, 2), (6, 6), (7, 7), (13, 9)])
def test_keras_parts_maps_in_the_same_way(size: Pair) -> None:
    pytest.importorskip("keras")
    network = Network(input=(2, *size), layers=[{"adaptive_avg_pool": [6, 7]}])
    images = np.random.default_rng(0).normal(size=(2, 2, *size)).astype(np.float32)
    ours, theirs = (
        build(network, 0, engine).activations(images)["adaptive_avg_pool1"]
        for engine in ("reference", "keras")
    )
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-6)
