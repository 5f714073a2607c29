"""The words of other libraries: each once, in one form, and leading to layers that are read."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from typing import Any

import tomli

from convlens.network import Network
from convlens.network.layers import KINDS
from convlens.network.reading import read_layers
from convlens.network.vocabulary import plain, vocabulary

TABLES: dict[str, Any] = tomli.loads(
    files("convlens.network").joinpath("vocabulary.toml").read_text()
)


def test_every_word_stands_once_and_in_its_plain_form() -> None:
    kinds = [word for words in TABLES["kinds"].values() for word in words]
    absent = [word for entry in TABLES["absent"] for word in entry["words"]]
    own = [plain(kind) for kind in KINDS]
    for listed in (
        [*kinds, *absent, *own],
        [word for words in TABLES["needless"].values() for word in words],
        [word for words in TABLES["network"].values() for word in words],
    ):
        assert [word for word, count in Counter(listed).items() if count > 1] == []
        assert [word for word in listed if plain(word) != word] == []


def test_every_kind_and_setting_that_a_word_leads_to_exists() -> None:
    assert set(TABLES["kinds"]) == set(KINDS)
    fields = {name for kind in KINDS.values() for name in kind.model_fields}
    assert set(TABLES["settings"]) <= fields
    assert set(TABLES["network"]) <= set(Network.model_fields)
    for entry in vocabulary().absent.values():
        assert entry.differs
        assert not (entry.write and entry.leave_out)
        read_layers(entry.write)
