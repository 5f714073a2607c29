"""The kinds that the workbench offers: every setting, with the default that the layer has."""

from __future__ import annotations

import pytest

from convlens.network.layers import KINDS, Residual, short
from convlens.network.reading import read_layers
from convlens.serve.workbench.kinds import written_kinds

SETTINGS = {found["kind"]: found["settings"] for found in written_kinds()}


def test_every_kind_is_there() -> None:
    assert list(SETTINGS) == list(KINDS)
    assert SETTINGS["relu"] == SETTINGS[Residual.kind] == []


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_default_is_what_the_layer_has_where_nothing_is_written(kind: str) -> None:
    some = {"dropout": 0.5, "drop_path": 0.5, "local_response_norm": 3}.get(kind, 2)
    needed = {
        setting["key"]: setting.get("choices", [some])[0]
        for setting in SETTINGS[kind]
        if setting["required"]
    }
    held = {"residual": {kind: []}, "branches": {kind: [[], []]}, "repeat": {"layers": []}}
    (layer,) = read_layers([{kind: True, **needed, **held.get(kind, {})}])
    for found in SETTINGS[kind]:
        if not found["required"]:
            assert short(getattr(layer, found["name"])) == found["default"], found


def test_a_setting_that_is_one_of_a_few_words_lists_them() -> None:
    (join,) = SETTINGS["branches"]
    assert (join["name"], join["choices"]) == ("join", ["add", "concat", "multiply"])
    assert [setting["key"] for setting in SETTINGS["repeat"]] == ["repeat"]


def test_a_kinds_own_key_has_its_main_setting() -> None:
    first = {kind: settings[0]["key"] for kind, settings in SETTINGS.items() if settings}
    assert first["conv"] == "conv"
    assert first["batch_norm"] == "epsilon"
    assert SETTINGS["leaky_relu"] == [
        {"name": "slope", "key": "leaky_relu", "required": False, "default": 0.01}
    ]
