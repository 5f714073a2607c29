"""Places in a written network."""

from __future__ import annotations

from convlens.network import Network
from convlens.network.layers import ReLU
from convlens.network.paths import list_at, with_list_at

LAYERS = Network(
    input=(4, 8, 8),
    layers=[
        {"relu": True},
        {
            "repeat": 2,
            "layers": [
                {
                    "branches": [
                        [],
                        [{"residual": [{"conv": 4, "kernel": 1}], "shortcut": [{"gelu": True}]}],
                    ],
                    "join": "add",
                }
            ],
        },
    ],
).layers
DEEP = ("layers", 1, "layers", 0, "branches", 1, 0, "shortcut")


def test_a_path_leads_through_every_form_of_writing_to_its_list() -> None:
    assert list_at(LAYERS, ("layers",)) == LAYERS
    assert [layer.kind for layer in list_at(LAYERS, DEEP)] == ["gelu"]
    assert list_at(LAYERS, ("layers", 1, "layers", 0, "branches", 0)) == ()


def test_a_list_is_replaced_where_it_stands_and_nowhere_else() -> None:
    changed = with_list_at(LAYERS, DEEP, (ReLU(), ReLU()))
    assert [layer.kind for layer in list_at(changed, DEEP)] == ["relu", "relu"]
    assert with_list_at(changed, DEEP, list_at(LAYERS, DEEP)) == LAYERS
