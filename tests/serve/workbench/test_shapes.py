"""The workbench: a network's table at once, or the message of the command line."""

from __future__ import annotations

from convlens import data
from convlens.network import zoo
from serving import Server


def test_a_network_that_fits(server: Server) -> None:
    network = zoo.load("bottleneck-resnet")
    told = server.post("/v1/shapes", {"network": network.to_dict()}).json()
    assert [row["name"] for row in told["layers"]] == [row.name for row in network.plan().steps]
    assert told["parameters"] == network.plan().parameters
    assert told["network"] == network.to_dict()


def test_a_layer_that_does_not_fit_is_named_with_what_would(server: Server) -> None:
    layers = [{"relu": True}, {"conv": 6, "kernel": 4, "stride": 3}, {"flatten": True}]
    reply = server.post("/v1/shapes", {"network": {"input": [1, 32, 32], "layers": layers}})
    assert reply.status == 422
    error = reply.error
    assert error["layer"] == 1
    assert [row["name"] for row in error["table"]] == ["relu1"]
    assert "does not come out whole: (32 + 0 + 0 - 4)/3 + 1 = 10.33" in error["message"]
    assert "the table up to it" not in error["message"]
    assert "padding 1 (11x11)" in error["fix"]


def test_the_floor_rule_can_be_asked_for(server: Server) -> None:
    network = {"input": [1, 32, 32], "layers": [{"conv": 6, "kernel": 4, "stride": 3}]}
    told = server.post("/v1/shapes", {"network": network, "rounding": "floor"}).json()
    assert told["layers"][0]["output"] == [6, 10, 10]
    assert told["layers"][0]["dropped"] == [1, 1]


def test_a_layer_that_cannot_be_read_is_named(server: Server) -> None:
    layers = [{"relu": True}, {"conv": 6}, {"conv": 6, "kernal": 4}]
    reply = server.post("/v1/shapes", {"network": {"input": [1, 32, 32], "layers": layers}})
    assert (reply.status, reply.error["layer"]) == (422, 2)
    assert 'did you mean "kernel"?' in reply.error["message"]


def test_a_layer_inside_a_block_is_pointed_at(server: Server) -> None:
    inner = [{"conv": 4, "kernel": 1}, {"conv": 6, "kernel": 3, "padding": 1, "groups": 3}]
    side = [{"conv": 6, "kernel": 1}, {"linear": 3}]
    for block, at, before in (
        ({"residual": inner}, [1, "residual", 1], ["relu1", "residual1.conv1"]),
        (
            {"residual": inner[:1], "shortcut": side},
            [1, "shortcut", 1],
            ["relu1", "residual1.conv1", "residual1.shortcut.conv1"],
        ),
    ):
        network = {"input": [1, 8, 8], "layers": [{"relu": True}, block]}
        error = server.post("/v1/shapes", {"network": network}).error
        assert (error["code"], error["layer"], error["at"]) == ("bad_network", 1, at)
        assert [row["name"] for row in error["table"]] == before


def test_a_layer_inside_a_block_that_cannot_be_read_is_pointed_at(server: Server) -> None:
    layers = [{"residual": [{"residual": [{"relu": True}, {"conv": 0}]}]}]
    error = server.post("/v1/shapes", {"network": {"input": [1, 8, 8], "layers": layers}}).error
    assert error["at"] == [0, "residual", 0, "residual", 1]


def test_of_two_layers_of_one_name_the_second_is_pointed_at(server: Server) -> None:
    layers = [{"relu": True, "name": "a"}, {"conv": 2}, {"relu": True, "name": "a"}]
    error = server.post("/v1/shapes", {"network": {"input": [1, 8, 8], "layers": layers}}).error
    assert (error["at"], error["layer"], error["table"]) == ([2], 2, [])


def test_a_softmax_before_other_layers_is_pointed_at(server: Server) -> None:
    layers = [{"flatten": True}, {"softmax": True}, {"relu": True}]
    error = server.post("/v1/shapes", {"network": {"input": [1, 2, 2], "layers": layers}}).error
    assert error["at"] == [1]


def test_a_wrong_number_of_classes_is_the_last_layers(server: Server) -> None:
    network = {"input": [1, 8, 8], "classes": 10, "layers": [{"flatten": True}, {"linear": 9}]}
    error = server.post("/v1/shapes", {"network": network}).error
    assert error["layer"] == 1
    assert len(error["table"]) == 2
    assert "10 classes" in error["message"]


def test_too_large_a_network_is_refused(server: Server) -> None:
    network = {"input": [1, 512, 512], "layers": [{"flatten": True}, {"linear": 10_000}]}
    error = server.post("/v1/shapes", {"network": network}).error
    assert "parameters" in error["message"]
    assert error["layer"] == 1


def test_the_zoo_and_the_data_sets_of_this_machine(server: Server) -> None:
    networks = server.get("/v1/zoo").json()["networks"]
    assert [network["name"] for network in networks] == zoo.names()
    assert all(network["about"] for network in networks)
    sets = {row["name"]: row for row in server.get("/v1/datasets").json()["datasets"]}
    assert sets["digits-5k"]["input"] == [1, 28, 28]
    assert sets["digits-5k"]["classes"] == 10
    assert set(sets) == {name for name in data.names() if data.describe(name)["found"]}
