"""Each layer's own arithmetic, and how layers are written and refused."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from torch import nn

from convlens.foundation.errors import NetworkError
from convlens.network import Network, layers
from convlens.network.layers import (
    KINDS,
    RESERVED_NAMES,
    AnyLayer,
    Layer,
    write_layer,
)
from convlens.network.reading import read_layers


def read(written: dict[str, Any]) -> layers.Layer:
    return read_layers([written], "layers")[0]


def test_six_filters_of_5x5x3_have_456_parameters() -> None:
    conv = read({"conv": 6, "kernel": 5, "padding": 2})
    assert conv.output((3, 32, 32)) == (6, 32, 32)
    assert conv.parameters((3, 32, 32)) == 456


def refusal(shape: tuple[int, int, int], *written: dict[str, Any]) -> NetworkError:
    with pytest.raises(NetworkError) as error:
        Network(input=shape, layers=list(written)).plan()
    return error.value


def test_pooling_4x4_by_2x2_gives_2x2() -> None:
    assert read({"max_pool": 2}).output((1, 4, 4)) == (1, 2, 2)


def test_a_1x1_convolution_keeps_the_size_and_changes_the_channels() -> None:
    assert read({"conv": 7, "kernel": 1}).output((3, 32, 32)) == (7, 32, 32)


def test_vertical_and_horizontal_strides_are_separate() -> None:
    conv = read({"conv": 1, "kernel": [2, 2], "stride": [3, 2]})
    assert conv.output((1, 8, 8)) == (1, 3, 4)


def test_one_filter_gives_one_map_whatever_the_depth() -> None:
    assert read({"conv": 1, "kernel": 3, "padding": 1}).output((3, 32, 32)) == (1, 32, 32)


def test_padding_is_written_in_four_ways() -> None:
    pads = {1: (1, 1, 1, 1), (1, 2): (1, 1, 2, 2), (0, 1, 2, 3): (0, 1, 2, 3), "valid": (0,) * 4}
    for written, padding in pads.items():
        conv = read({"conv": 1, "kernel": 3, "padding": written})
        assert isinstance(conv, layers.Conv)
        assert conv.padding == padding


def test_a_misfit_shows_the_formula_and_the_settings_that_fit() -> None:
    error = refusal((1, 32, 32), {"conv": 1, "kernel": 4, "stride": 3})
    assert "(32 + 0 + 0 - 4)/3 + 1 = 10.33" in error.what
    assert "padding 1 (11x11)" in error.fix
    assert "stride 2 (15x15)" in error.fix
    assert "kernel 5 (10x10)" in error.fix


def test_the_floor_rule_is_available_by_name_and_says_what_it_drops() -> None:
    pool = read({"max_pool": 2})
    assert isinstance(pool, layers.MaxPool)
    with pytest.raises(NetworkError, match="does not come out whole"):
        pool.output((1, 11, 11))
    assert pool.output((1, 11, 11), floor=True) == (1, 5, 5)
    assert pool.dropped((1, 11, 11)) == (1, 1)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"conv": 8, "kernal": 3}, 'did you mean "kernel"'),
        ({"conv": 0, "kernel": 3}, "layer 1: conv is 0"),
        ({"conv": True, "kernel": 3}, "layer 1: conv is true"),
        ({"conv": 8, "kernel": True}, "layer 1: kernel is true"),
        ({"conv": 8, "kernel": "3"}, "layer 1: kernel is '3'"),
        ({"conv": 8, "kernel": 3, "padding": -1}, "-1"),
        ({"conv": 8, "kernel": 3, "padding": "sames"}, "layer 1: padding is 'sames'"),
        ({"conv": 2**40, "kernel": 3}, "layer 1: conv is 1099511627776"),
        ({"max_pol": 2}, 'did you mean "max_pool"'),
        ({"conv": 8, "relu": True}, "names 2 kinds"),
        ({"relu": False}, "layer 1: relu is false"),
        ({"dropout": 1.0}, "layer 1: dropout is 1.0"),
        ({"leaky_relu": float("nan")}, "layer 1: leaky_relu is nan"),
        ({"conv": 8, "kernel": 3, "name": "a b"}, "layer 1: name is 'a b'"),
        ({"conv": 8, "kernel": 3, "name": "training"}, "another name"),
        ({"conv": 8, "filters": 9}, "gives filters twice"),
        ({"residual": 3}, "layer 1: residual is 3 and not a list"),
        (3, "layer 1: it is 3 and not a layer"),
    ],
)
def test_a_mistake_in_a_layer_is_named_with_its_path(written: Any, message: str) -> None:
    with pytest.raises(NetworkError) as error:
        read(written)
    assert message in str(error.value)


def test_residual_blocks_cannot_nest_without_end() -> None:
    written: dict[str, Any] = {"relu": True}
    for _ in range(40):
        written = {"residual": [written]}
    with pytest.raises(NetworkError, match="nested"):
        read(written)


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind, cls in KINDS.items()
        if kind not in ("flatten", "linear", "softmax") and not issubclass(cls, layers.Compound)
    ],
)
def test_layers_that_need_maps_refuse_a_vector_or_pass_it_on(kind: str) -> None:
    values = {"conv": 4, "depthwise": 1, "max_pool": 2, "avg_pool": 2, "dropout": 0.5}
    values |= {"adaptive_avg_pool": 2, "pad": 1, "channels": 2, "channel_shuffle": 2}
    values |= {"group_norm": 2, "local_response_norm": 5, "drop_path": 0.5}
    layer = read({kind: values.get(kind, True)})
    on_maps = ("conv", "depthwise", "pad", "channels", "channel_shuffle")
    if "pool" in kind or kind in (*on_maps, "group_norm", "local_response_norm"):
        with pytest.raises(NetworkError, match="needs maps"):
            layer.output((16,))
    else:
        assert layer.output((16,)) == (16,)


def test_linear_and_softmax_ask_for_flatten() -> None:
    for written in ({"linear": 10}, {"softmax": True}):
        assert "put { flatten = true }" in refusal((8, 4, 4), written).fix


def test_groups_must_divide_channels_and_filters() -> None:
    error = refusal((4, 8, 8), {"conv": 6, "kernel": 3, "groups": 4})
    assert error.fix == "use groups 2 (6x6); or use groups 1 (6x6); or use conv 8 (6x6)"


def test_a_layer_is_written_in_its_shortest_form_and_read_back() -> None:
    for written in (
        {"conv": 32, "kernel": 3},
        {"conv": 32, "kernel": [3, 5], "padding": [0, 1, 0, 1], "bias": False},
        {"max_pool": [2, 1], "stride": 2},
        {"residual": [{"relu": True}], "shortcut": [{"batch_norm": True}]},
        {"leaky_relu": 0.2, "name": "bent"},
    ):
        assert write_layer(read(written)) == written


def test_the_reserved_names_are_those_that_torch_modules_use() -> None:
    taken = {name for name in dir(nn.Sequential()) if not name.startswith("_")}
    free_on_a_stack = {"append", "extend", "insert", "pop"}
    assert taken - free_on_a_stack - RESERVED_NAMES == set()


def test_every_kind_is_one_that_rooms_are_checked_to_know() -> None:
    known: list[type[Layer]] = [Layer]
    for kind in known:
        known += kind.__subclasses__()
    kinds = {
        kind for kind in known if "kind" in vars(kind) and kind.__module__.startswith("convlens")
    }
    computed = {kind for kind in kinds if issubclass(kind, get_args(AnyLayer))}
    assert computed == kinds - set(layers.COMPOUNDS)
    assert {kind for kind in kinds if issubclass(kind, layers.Pointwise)} == set(layers.POINTWISE)
    assert set(KINDS.values()) == kinds - set(layers.JOINS)
