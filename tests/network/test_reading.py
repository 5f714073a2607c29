"""Layers as users of other libraries write them: understood, told at once, advised in data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import networks
from convlens.network import Network
from convlens.network.layers import KINDS
from convlens.network.mistakes import MOST_SHOWN, Mistake, NetworkMistakes, changed
from convlens.network.vocabulary import vocabulary


def mistakes(written: Any) -> tuple[Mistake, ...]:
    try:
        Network.read(written)
    except NetworkMistakes as error:
        return error.mistakes
    return ()


def advised(layer: Any) -> list[dict[str, Any]]:
    """Return the layers that are advised in place of one."""
    written = {"input": [1, 28, 28], "layers": [layer]}
    (mistake,) = mistakes(written)
    after = changed(written, mistake.advice[0].changes)
    assert mistakes(after) == ()
    return list(after["layers"])


@pytest.mark.parametrize(
    ("written", "layers"),
    [
        ({"Conv2d": 32, "kernel_size": 3}, [{"conv": 32, "kernel": 3}]),
        ({"nn.Conv2d": [1, 32, 3]}, [{"conv": 32, "kernel": 3}]),
        ({"Conv2D": [32, 3]}, [{"conv": 32, "kernel": 3}]),
        ({"nn": {"ReLU": True}}, [{"relu": True}]),
        ({"BatchNormalization": True, "scale": False}, [{"batch_norm": True}]),
        ({"batch_norm": True, "scale": True}, [{"batch_norm": True}]),
        (
            {"type": "conv", "filters": 8, "kernel_size": [3, 3], "strides": 1, "padding": "SAME"},
            [{"conv": 8, "kernel": [3, 3], "stride": 1, "padding": "same"}],
        ),
        (
            {"class_name": "Conv2D", "config": {"filters": 8, "activation": "relu"}},
            [{"conv": 8}, {"relu": True}],
        ),
        ({"dense": 128, "activation": "relu"}, [{"linear": 128}, {"relu": True}]),
        ({"Dense": 10, "activation": None}, [{"linear": 10}]),
        ({"fc": 10, "use_bias": False}, [{"linear": 10, "bias": False}]),
        (
            {"concatenate": [[], [{"conv": 8}]]},
            [{"branches": [[], [{"conv": 8}]], "join": "concat"}],
        ),
        (
            {"add": [[{"conv": 8}], [{"conv": 8}]]},
            [{"branches": [[{"conv": 8}], [{"conv": 8}]], "join": "add"}],
        ),
        (
            {"branches": [{"conv": 8}, {"relu": True}], "join": "concat"},
            [{"branches": [[], [{"conv": 8}, {"relu": True}]], "join": "concat"}],
        ),
        (
            {"branches": [[], {"conv": 8}], "join": "multiply"},
            [{"branches": [[], [{"conv": 8}]], "join": "multiply"}],
        ),
        ({"repeat": 2, "layers": {"conv": 8}}, [{"repeat": 2, "layers": [{"conv": 8}]}]),
        ({"repeated": 2, "layers": [{"conv": 8}]}, [{"repeat": 2, "layers": [{"conv": 8}]}]),
        ({"Linear": [128, 10]}, [{"linear": 10}]),
        ({"linear": {"out_features": 10}}, [{"linear": 10}]),
        ({"type": "Dropout", "p": 0.5}, [{"dropout": 0.5}]),
        ({"MaxPooling2D": 2, "strides": 2}, [{"max_pool": 2, "stride": 2}]),
        ({"max_pool": 2, "pool_size": 2}, None),
        ({"AdaptiveAvgPool2d": [6, 6]}, [{"adaptive_avg_pool": [6, 6]}]),
        ({"type": "AdaptiveAvgPool2d", "output_size": 7}, [{"adaptive_avg_pool": 7}]),
        (
            {"AvgPool2d": 3, "stride": 2, "padding": 1, "count_include_pad": True},
            [{"avg_pool": 3, "stride": 2, "padding": 1, "count_padding": True}],
        ),
        (
            {"MaxPool2d": 3, "stride": 2, "ceil_mode": True},
            [{"max_pool": 3, "stride": 2, "ceil": True}],
        ),
        ({"conv": 8, "pad": 1}, [{"conv": 8, "padding": 1}]),
        ({"pad": 1, "Conv2d": 8}, [{"conv": 8, "padding": 1}]),
        ({"type": "Conv2d", "channels": 8, "pad": 1}, [{"conv": 8, "padding": 1}]),
        ({"ZeroPad2d": 1}, [{"pad": 1}]),
        ({"ReflectionPad2d": 2}, [{"pad": 2, "mode": "reflect"}]),
        ({"pad": 1, "padding_mode": "replicate"}, [{"pad": 1, "mode": "replicate"}]),
        ({"ChannelShuffle": 2}, [{"channel_shuffle": 2}]),
        ({"GroupNorm": 1, "eps": 1e-6}, [{"group_norm": 1, "epsilon": 1e-6}]),
        ({"LocalResponseNorm": 5, "k": 2.0}, [{"local_response_norm": 5, "k": 2.0}]),
        ({"StochasticDepth": 0.1}, [{"drop_path": 0.1}]),
        ({"bn": 32}, [{"batch_norm": True}]),
        ({"batch_norm": True, "eps": 1e-3}, [{"batch_norm": True, "epsilon": 1e-3}]),
        ({"activation": "relu"}, [{"relu": True}]),
        ({"activation": "tanh"}, [{"tanh": True}]),
        ({"activation": "mish"}, [{"silu": True}]),
        ({"nn.ELU": True, "alpha": 0.5}, [{"elu": 0.5}]),
        ({"leaky_relu": True, "negative_slope": 0.2}, [{"leaky_relu": 0.2}]),
        ({"PReLU": True}, [{"leaky_relu": 0.25}]),
        ({"LayerNorm": True, "eps": 1e-6}, [{"layer_norm": True, "epsilon": 1e-6}]),
        ({"rms_norm": True}, [{"layer_norm": True}]),
        (
            {"SeparableConv2D": 16, "kernel_size": 5, "padding": "same"},
            [{"depthwise": 1, "kernel": 5, "padding": "same"}, {"conv": 16, "kernel": 1}],
        ),
        ({"lstm": 64}, []),
        ({"cbam": 4}, []),
        ("relu", [{"relu": True}]),
        ({"conv": 8, "kernel": "3x5"}, [{"conv": 8, "kernel": [3, 5]}]),
        ({"conv": "8", "kernal": 3.0}, [{"conv": 8, "kernel": 3}]),
        (
            {"conv": 8, "kernel": 3, "batch_norm": True, "relu": True},
            [{"conv": 8, "kernel": 3}, {"batch_norm": True}, {"relu": True}],
        ),
        ({"residual": {"relu": True}}, [{"residual": [{"relu": True}]}]),
        ({"conv": 8, "in_channels": 3}, [{"conv": 8}]),
    ],
)
def test_what_pytorch_and_keras_users_type_is_translated(
    written: Any, layers: list[dict[str, Any]] | None
) -> None:
    if layers is None:
        assert mistakes({"input": [1, 8, 8], "layers": [written]})
    else:
        assert advised(written) == layers


def test_a_kind_by_another_name_is_told_by_its_own() -> None:
    (mistake,) = mistakes({"input": [1, 8, 8], "layers": [{"dense": 10}]})
    assert mistake.message == 'layer 1: there is no kind "dense", convlens calls it linear'
    assert mistake.expected == "linear = features, with bias, name"
    assert mistake.to_do == "write { linear = 10 }"


def test_a_kind_that_does_not_exist_is_told_with_the_nearest_and_how_it_differs() -> None:
    (mistake,) = mistakes({"input": [1, 8, 8], "layers": [{"mish": True}]})
    assert mistake.what == (
        'convlens has no "mish": its nearest is silu, and silu is smooth and nearly the same'
    )
    assert mistake.to_do == "write { silu = true }"


def test_all_mistakes_of_a_file_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text(
        "input_shape = [28, 28, 1]\n"
        "num_classes = 10\n"
        "layers = [\n"
        '  { conv = 8, kernel = "3" },  # a { comment } = [\n'
        "  { residual = [\n"
        "      { Conv2d = 8 },\n"
        "  ] },\n"
        "  { Dense = 10 },\n"
        "]\n"
    )
    with pytest.raises(NetworkMistakes) as error:
        Network.load(path)
    places = [(mistake.at, mistake.line) for mistake in error.value.mistakes]
    assert places == [
        (("input_shape",), 1),
        (("num_classes",), 2),
        (("layers", 0), 4),
        (("layers", 1, "residual", 0), 6),
        (("layers", 2), 8),
    ]
    assert str(error.value).startswith(f"{path}: 5 mistakes\n  line 1: there is no key")
    assert "layer 1 of residual in layer 2 (line 6): " in str(error.value)
    written = json.loads(json.dumps(error.value.details()))["mistakes"]
    assert written[4]["fix"] == "write { linear = 10 }"


def test_a_message_prints_few_mistakes_and_counts_the_others() -> None:
    with pytest.raises(NetworkMistakes) as error:
        Network.read({"input": [1, 8, 8], "layers": [{"dense": 10}] * 30})
    assert len(error.value.mistakes) == 30
    assert str(error.value).count("to do:") == MOST_SHOWN
    assert str(error.value).endswith(f"and {30 - MOST_SHOWN} more")


def test_reading_ends_where_there_is_nothing_but_mistakes() -> None:
    many = {"input": [1, 8, 8], "layers": [{"x" * 1_000: n} for n in range(10_000)]}
    assert len(mistakes(many)) == 100
    wide = {"input": [1, 8, 8], "layers": [{f"key{n}": n for n in range(100_000)}]}
    (mistake,) = mistakes(wide)
    assert len(mistake.message) < 300


def test_a_number_of_too_many_digits_is_told_and_not_printed() -> None:
    digits = "9" * 5_000
    for text in (f"[1, {digits}, 8]", "[1, 8, 8]"):
        filters = digits if digits not in text else "8"
        document = f'{{"input": {text}, "layers": [{{"conv": {filters}}}]}}'
        with pytest.raises(Exception, match="not valid JSON") as error:
            Network.from_json(document)
        assert len(str(error.value)) < 500
    written = {"input": [1, 8, 8], "layers": [{"conv": 10**5_000}]}
    (mistake,) = mistakes(written)
    assert len(mistake.message) < 300


wrong_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.floats(allow_nan=True),
    st.sampled_from(["3", "SAME", "relu", "3x3", "true", "", "conv"]),
    st.lists(st.integers(0, 9), max_size=5),
    st.dictionaries(st.sampled_from(["filters", "kernel_size", "units"]), st.integers(1, 9)),
)
keys = st.sampled_from(
    [
        *sorted([*KINDS, *vocabulary().kinds, *vocabulary().absent, *vocabulary().settings]),
        *vocabulary().needless,
        *("type", "config", "activation", "kernal", "foo", "name", "Conv2D"),
    ]
)
wrong_layer = st.one_of(
    st.dictionaries(keys, wrong_values, max_size=4),
    st.builds(lambda kind, rest: {"type": kind, **rest}, keys, st.dictionaries(keys, wrong_values)),
    wrong_values,
)
nested = st.recursive(
    st.one_of(wrong_layer, networks.conv, networks.simple),
    lambda inner: st.builds(
        lambda layers, extra: {"residual": layers, **extra},
        st.lists(inner, max_size=3),
        st.dictionaries(keys, wrong_values, max_size=1),
    ),
    max_leaves=6,
)


@given(
    st.lists(nested, max_size=4),
    st.dictionaries(
        st.sampled_from(
            [
                "input",
                "input_shape",
                "classes",
                "num_classes",
                "name",
                "rounding",
                "lr",
                "foo",
                "layer",
            ]
        ),
        wrong_values,
        max_size=3,
    ),
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_advice_removes_the_mistake_it_is_about(
    layers: list[Any], more: dict[str, Any]
) -> None:
    written = {"input": [1, 8, 8], **more, "layers": layers}
    before = mistakes(written)
    for mistake in before:
        for advice in mistake.advice:
            after = mistakes(changed(written, advice.changes))
            assert len(after) <= len(before) - 1, (mistake.message, advice.text)


@pytest.mark.parametrize(
    ("layer", "what", "expected"),
    [
        ({"branches": [[], []]}, "join", "add or concat or multiply"),
        ({"branches": [[], []], "join": "stack"}, "join", "concat"),
        ({"branches": [[]], "join": "add"}, "branches", "at least 2"),
        ({"branches": 3, "join": "add"}, "not a list", "branches = [ [ layers ], "),
        ({"repeat": 3}, "layers", "repeat = times, with layers"),
        ({"repeat": 0, "layers": [{"relu": True}]}, "repeat is 0", "repeat: at least 1"),
    ],
)
def test_a_block_that_lacks_something_says_what(
    layer: dict[str, Any], what: str, expected: str
) -> None:
    (mistake,) = mistakes({"input": [1, 8, 8], "layers": [layer]})
    assert what in mistake.what
    assert expected in mistake.expected


def test_mistakes_inside_branches_and_repetitions_are_told_with_their_places() -> None:
    layer = {
        "repeat": 2,
        "layers": [{"branches": [[{"conv": "many"}], [{"lstm": 3}]], "join": "add"}],
    }
    first, second = mistakes({"input": [1, 8, 8], "layers": [layer]})
    assert first.at == ("layers", 0, "layers", 0, "branches", 0, 0)
    assert second.message.startswith("layer 1 of branch 2 in layer 1 of repeat in layer 1: ")
