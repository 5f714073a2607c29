"""What is advised where layers do not fit: tried, and it ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import networks
from convlens.foundation.errors import NetworkError
from convlens.network import Network
from convlens.network.misfit import Limits, Misfit
from convlens.network.mistakes import changed

LIMITS = Limits(layers=40, parameters=20_000, activations=5_000)


def misfit(written: dict[str, Any], limits: Limits | None = None) -> Misfit | None:
    try:
        Network.read(written).plan(limits=limits)
    except Misfit as error:
        return error
    return None


def refused(*layers: dict[str, Any], **keys: Any) -> tuple[dict[str, Any], Misfit]:
    written = {"input": [1, 28, 28], "layers": list(layers), **keys}
    error = misfit(written)
    assert error is not None
    return written, error


pieces = st.one_of(
    networks.conv,
    networks.depthwise,
    networks.pool,
    networks.simple,
    networks.residual,
    networks.block,
    st.builds(
        lambda branches, join: {"branches": branches, "join": join},
        st.lists(
            st.lists(st.one_of(networks.conv, networks.pool, networks.simple), max_size=2),
            min_size=2,
            max_size=3,
        ),
        st.sampled_from(["add", "concat", "multiply"]),
    ),
    st.builds(
        lambda times, layers: {"repeat": times, "layers": layers},
        st.integers(1, 4),
        st.lists(st.one_of(networks.conv, networks.pool), min_size=1, max_size=2),
    ),
    st.sampled_from(
        [
            {"flatten": True},
            {"softmax": True},
            {"linear": 7},
            {"global_avg_pool": True},
            {"relu": True, "name": "relu1"},
            {"conv": 4, "kernel": 40},
            {"max_pool": 2, "padding": 3},
            {"linear": 9000},
            {"residual": [{"flatten": True}, {"linear": 5}]},
            {"residual": [{"softmax": True}, {"conv": 3, "groups": 2}]},
            {"branches": [[], [{"global_avg_pool": True}, {"conv": 5}]], "join": "multiply"},
            {"branches": [[{"flatten": True}], [{"conv": 3}]], "join": "concat"},
            {"repeat": 60, "layers": [{"conv": 2, "kernel": 3, "name": "a"}]},
        ]
    ),
)
mistaken = st.builds(
    lambda shape, layers, classes, rounding: {
        "input": list(shape),
        "layers": layers,
        "rounding": rounding,
        **({"classes": classes} if classes else {}),
    },
    st.tuples(st.integers(1, 28), st.integers(1, 28), st.sampled_from([1, 3, 5, 12, 17])),
    st.lists(pieces, max_size=7),
    st.sampled_from([None, 2, 3, 7, 10]),
    st.sampled_from(["strict", "floor"]),
)


@given(mistaken)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_advice_removes_the_error_it_is_about(written: dict[str, Any]) -> None:
    error = misfit(written, LIMITS)
    if error is None:
        return
    for advice in error.mistake.advice:
        after = misfit(changed(written, advice.changes), LIMITS)
        if after is not None:
            same = (after.layer, after.mistake.kind) == (error.layer, error.mistake.kind)
            assert not same or len(after.plan.steps) > len(error.plan.steps), advice.text


@given(mistaken)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_following_the_first_advice_again_and_again_ends(written: dict[str, Any]) -> None:
    for _ in range(40):
        error = misfit(written, LIMITS)
        if error is None or not error.mistake.advice:
            return
        written = changed(written, error.mistake.advice[0].changes)
    pytest.fail(f"40 advices were followed and {error} is still wrong")


@pytest.mark.parametrize(
    "layers",
    [
        [{"linear": 10}],
        [{"softmax": True}],
        [{"flatten": True}, {"max_pool": 2}],
        [{"conv": 6, "groups": 4}],
        [{"max_pool": 2, "padding": 3}],
        [{"conv": 4, "kernel": 3, "stride": 2}],
        [{"conv": 4, "kernel": 40}],
        [{"relu": True, "name": "a"}, {"gelu": True, "name": "a"}],
        [{"flatten": True}, {"softmax": True}, {"relu": True}],
        [{"residual": [{"flatten": True}, {"linear": 5}]}],
        [{"residual": [{"relu": True}], "shortcut": [{"conv": 3}]}],
        [{"branches": [[], [{"conv": 4, "kernel": 3}]], "join": "concat"}],
        [{"branches": [[], [{"conv": 4, "kernel": 3, "padding": 1}]], "join": "add"}],
        [
            {
                "branches": [
                    [{"conv": 4, "kernel": 1}],
                    [{"conv": 4, "kernel": 3, "padding": 1}],
                    [],
                ],
                "join": "add",
            }
        ],
        [
            {"conv": 8, "kernel": 3},
            {
                "branches": [[], [{"global_avg_pool": True}, {"conv": 4, "kernel": 1}]],
                "join": "multiply",
            },
        ],
        [
            {"conv": 8, "kernel": 3},
            {
                "branches": [[], [{"global_avg_pool": True}, {"flatten": True}, {"linear": 8}]],
                "join": "multiply",
            },
        ],
        [{"repeat": 20, "layers": [{"conv": 4, "kernel": 3}]}],
    ],
)
def test_every_kind_of_misfit_has_advice(layers: list[dict[str, Any]]) -> None:
    written, error = refused(*layers)
    assert any(
        misfit(changed(written, advice.changes)) is None for advice in error.mistake.advice
    ), str(error)


def test_the_advice_on_a_residual_block_does_not_come_back() -> None:
    written, error = refused(
        {"conv": 32, "kernel": 3},
        {"residual": [{"conv": 8, "kernel": 3}]},
        {"flatten": True},
        {"linear": 10},
    )
    assert error.fix == (
        'write { conv = 8, kernel = 3 } as { conv = 32, kernel = 3, padding = "same" }; '
        "or use shortcut = [ { conv = 8, kernel = 3 } ]"
    )
    for advice in error.mistake.advice:
        assert misfit(changed(written, advice.changes)) is None


def test_branches_that_do_not_meet_are_told_with_what_each_gives() -> None:
    written, error = refused(
        {"conv": 8, "kernel": 3, "padding": 1},
        {"branches": [[{"conv": 4, "kernel": 3}], [{"conv": 6, "kernel": 1}]], "join": "concat"},
    )
    assert error.what.startswith(
        'layer 2 "concat1", branches on 8x28x28: branch 1 gives 4x26x26 and branch 2 gives 6x28x28'
    )
    assert error.expected == "maps of one height and width from every branch"
    assert error.mistake.advice[0].text == (
        'write branch 1 as [ { conv = 4, kernel = 3, padding = "same" } ]'
    )
    assert misfit(changed(written, error.mistake.advice[0].changes)) is None


def test_a_gate_of_too_few_maps_is_told_how_many_it_needs() -> None:
    gate = [{"global_avg_pool": True}, {"conv": 4, "kernel": 1}, {"silu": True}]
    written, error = refused({"conv": 8, "kernel": 3}, {"branches": [[], gate], "join": "multiply"})
    assert error.expected == "8x26x26 from every branch, or 8x1x1"
    assert "{ conv = 8, kernel = 1 }" in error.mistake.advice[0].text
    assert misfit(changed(written, error.mistake.advice[0].changes)) is None


def test_a_misfit_in_the_third_copy_of_repeated_layers_names_it_and_its_place() -> None:
    _, error = refused({"repeat": 9, "layers": [{"conv": 4, "kernel": 11}]})
    assert error.layer == "repeat1.3.conv1"
    assert error.what.startswith('layer 1 of repeat in layer 1 "repeat1.3.conv1", conv')


def test_nine_outputs_for_ten_classes_are_told_to_become_ten() -> None:
    layers = [{"flatten": True}, {"linear": 9}, {"softmax": True}]
    written, error = refused(*layers, classes=10)
    first, second = error.mistake.advice
    assert first.text == "change linear = 9 into linear = 10"
    assert changed(written, first.changes)["layers"][1] == {"linear": 10}
    assert second.text == "write classes = 9, if the images have 9 classes"


def test_the_data_decides_how_many_classes_there_are() -> None:
    network = Network(input=(1, 8, 8), layers=[{"flatten": True}, {"linear": 9}, {"relu": True}])
    with pytest.raises(Misfit) as error:
        network.adapted((1, 8, 8), 10)
    assert "classes =" not in error.value.fix
    assert error.value.fix == "end the layers with { linear = 10 }"


def test_channels_that_stand_last_are_told_to_come_first() -> None:
    _, error = refused({"conv": 8, "kernel": 3}, input=[28, 28, 1])
    assert error.fix.startswith("write input = [1, 28, 28]: channels come first")


def test_a_layer_that_needs_maps_moves_before_flatten() -> None:
    written, error = refused({"flatten": True}, {"conv": 8, "kernel": 3}, {"linear": 10})
    first = error.mistake.advice[0]
    assert first.text == "move conv1 before flatten"
    kinds = [next(iter(layer)) for layer in changed(written, first.changes)["layers"]]
    assert kinds == ["conv", "flatten", "linear"]


def test_a_place_is_named_as_the_file_has_it(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "net.toml"
    path.write_text(
        "input = [4, 8, 8]\n"
        "layers = [\n"
        "  { residual = [ { conv = 4, kernel = 3, padding = 1 }, { relu = true } ] },\n"
        "  { relu = true },\n"
        "  { residual = [\n"
        "      { conv = 4, kernel = 3, padding = 1 },\n"
        "      { conv = 4, kernel = 3, stride = 2 },\n"
        "  ] },\n"
        "]\n"
    )
    with pytest.raises(NetworkError) as error:
        Network.load(path).plan()
    start = f'{path}: layer 2 of residual in layer 3 (line 7) "residual2.conv2", conv'
    assert error.value.what.startswith(start)


def test_advice_keeps_to_the_rounding_that_a_call_asks_for() -> None:
    network = Network(input=(1, 11, 11), layers=[{"max_pool": 2}])
    with pytest.raises(Misfit) as error:
        network.plan(floor=False)
    assert "floor" not in error.value.fix


def test_a_deep_network_is_advised_in_a_moment() -> None:
    layers = [{"conv": 4, "kernel": 3, "padding": 1}] * 5_000 + [{"linear": 10}]
    _, error = refused(*layers)
    assert error.fix.startswith("put { flatten = true } before it")
