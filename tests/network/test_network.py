"""Networks as data: read, checked, written back without loss."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given

import networks
from convlens.foundation.errors import NetworkError
from convlens.network import Network
from convlens.network.misfit import Limits


@given(networks.written)
def test_a_network_survives_toml_and_json(written: dict[str, Any]) -> None:
    network = Network.read(written)
    assert Network.from_toml(network.to_toml()) == network
    assert Network.from_json(network.to_json()) == network
    if networks.fits(network):
        assert network.plan() == Network.from_toml(network.to_toml()).plan()
        assert Network.from_json(network.to_json()) == network


@given(written=networks.branched)
def test_branches_and_repetitions_survive_toml_and_json(written: dict[str, Any]) -> None:
    network = Network.read(written)
    assert Network.from_toml(network.to_toml()) == network
    assert Network.from_json(network.to_json()) == network
    assert Network.read(network.to_dict()).plan() == network.plan()


def test_toml_has_one_layer_a_line() -> None:
    network = Network(input=(1, 8, 8), layers=[{"conv": 2, "kernel": 3}, {"relu": True}])
    assert "  {conv = 2, kernel = 3},\n  {relu = true},\n" in network.to_toml()


def test_the_error_shows_the_table_up_to_the_layer() -> None:
    network = Network(
        input=(1, 28, 28), layers=[{"conv": 8, "kernel": 3}, {"max_pool": 2}, {"max_pool": 2}]
    )
    with pytest.raises(NetworkError) as error:
        network.plan()
    assert 'layer 3 "max_pool2"' in error.value.what
    assert "8x26x26" in error.value.what
    assert "8x13x13" in error.value.what
    assert "the floor rule" in error.value.fix


def test_the_floor_rule_can_belong_to_the_network_or_to_the_call() -> None:
    layers = [{"max_pool": 2}]
    strict = Network(input=(1, 11, 11), layers=layers)
    assert strict.plan(floor=True).output == (1, 5, 5)
    named = Network(input=(1, 11, 11), layers=layers, rounding="floor")
    assert "drops 1 bottom row and 1 right column" in str(named.plan())
    with pytest.raises(NetworkError):
        named.plan(floor=False)


def test_a_residual_block_whose_branches_differ_names_a_shortcut_that_fits() -> None:
    block = [{"conv": 8, "kernel": 3, "stride": 2, "padding": "same"}]
    with pytest.raises(NetworkError) as error:
        Network(input=(4, 8, 8), layers=[{"residual": block}]).plan()
    assert "8x4x4" in error.value.what
    shortcut = [{"conv": 8, "kernel": 1, "stride": 2, "padding": "same"}]
    assert 'conv = 8, kernel = 1, padding = "same", stride = 2' in error.value.fix
    fitting = Network(input=(4, 8, 8), layers=[{"residual": block, "shortcut": shortcut}])
    assert fitting.plan().output == (8, 4, 4)


def test_two_layers_cannot_share_a_name() -> None:
    layers = [{"relu": True, "name": "relu2"}, {"relu": True}]
    with pytest.raises(NetworkError, match='two layers are called "relu2"'):
        Network(input=(1, 4, 4), layers=layers).plan()


def test_classes_must_be_the_last_layers_features() -> None:
    with pytest.raises(NetworkError, match="7 classes"):
        Network(input=(1, 4, 4), classes=7, layers=[{"flatten": True}, {"linear": 10}]).plan()


def test_softmax_stands_at_the_end_or_not_at_all() -> None:
    layers = [{"flatten": True}, {"softmax": True}, {"linear": 10}]
    with pytest.raises(NetworkError, match="softmax stands before"):
        Network(input=(1, 4, 4), layers=layers).plan()


def test_adapting_changes_the_input_and_the_number_of_classes_alone() -> None:
    network = Network(
        input=(1, 28, 28),
        classes=10,
        layers=[{"conv": 4, "kernel": 5}, {"flatten": True}, {"linear": 10}, {"softmax": True}],
    )
    network.plan()
    adapted = network.adapted((3, 32, 32), 4)
    assert adapted.plan().output == (4,)
    assert adapted.plan().steps[0].output == (4, 28, 28)
    assert network.plan().output == (10,)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"layers": []}, '"input" is missing'),
        ({"input": [1, 28], "layers": []}, "input is [1, 28]"),
        ({"input": [1, 28, 0], "layers": []}, "input is"),
        ({"input": [1, 28, 28], "layer": []}, 'no key "layer", convlens calls it layers'),
        ({"input": [1, 8, 8], "layers": [], "rounding": "up"}, "rounding is 'up'"),
        ({"input": [1, 8, 8], "layers": [], "name": "../x"}, "name is '../x'"),
        ([], "the network is not a table"),
    ],
)
def test_a_mistake_in_a_network_is_named(written: Any, message: str) -> None:
    with pytest.raises(NetworkError) as error:
        Network.read(written)
    assert message in str(error.value)


def test_a_file_that_is_no_network_is_refused_with_its_name(tmp_path: Path) -> None:
    for name, content in {
        "bad.toml": b"input = [1,",
        "bad.json": b"{",
        "deep.json": b"[" * 100_000,
        "bytes.toml": b"\xff\xfe",
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(NetworkError, match=name):
            Network.load(path)
    with pytest.raises(NetworkError, match="cannot be read"):
        Network.load(tmp_path / "absent.toml")


def test_too_large_networks_are_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    many = tmp_path / "many.json"
    many.write_text(json.dumps({"input": [1, 8, 8], "layers": [{"relu": True}] * 1_000_000}))
    huge = [{"flatten": True}, {"linear": 2**20}, {"linear": 2**20}]
    started = time.perf_counter()
    with pytest.raises(NetworkError, match="larger than"):
        Network.load(many)
    with pytest.raises(NetworkError, match="parameters"):
        Network(input=(1, 32, 32), layers=huge).plan()
    with pytest.raises(NetworkError, match="at most"):
        Network(input=(1, 10**6, 10**6), layers=[{"relu": True}]).plan()
    with pytest.raises(NetworkError, match="more than 10,000 layers"):
        Network(input=(1, 8, 8), layers=[{"relu": True}] * 10_001).plan()
    assert time.perf_counter() - started < 5


def test_limits_can_be_raised() -> None:
    network = Network(input=(1, 32, 32), layers=[{"flatten": True}, {"linear": 2**22}])
    with pytest.raises(NetworkError):
        network.plan()
    assert network.plan(limits=Limits(parameters=2**40)).parameters == 1025 * 2**22


@given(networks.written)
def test_totals_are_the_sums_of_the_rows(written: dict[str, Any]) -> None:
    network = Network.read(written)
    assume(networks.fits(network))
    table = network.plan()
    assert table.parameters == sum(row.parameters for row in table.steps)
    arrays = table.weight_shapes()
    buffers = [name for name in arrays if name.endswith(("running_mean", "running_var"))]
    assert len({row.name for row in table.steps}) == len(table.steps)
    assert all(name.rsplit(".", 1)[0] in {row.name for row in table.steps} for name in buffers)


def test_a_network_that_ends_in_averaged_maps_gets_a_map_for_each_class() -> None:
    ending = [{"relu": True}, {"global_avg_pool": True}, {"flatten": True}, {"softmax": True}]
    network = Network(input=[3, 8, 8], layers=[{"conv": 5, "kernel": 3}, *ending])
    assert network.adapted((3, 9, 9), 7).plan().output == (7,)
    grouped = Network(input=[4, 8, 8], layers=[{"conv": 4, "kernel": 3, "groups": 4}, *ending])
    with pytest.raises(NetworkError, match="7 classes"):
        grouped.adapted((4, 8, 8), 7)
