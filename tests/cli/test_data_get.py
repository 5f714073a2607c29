"""`convlens data list` and `convlens data get`: what they say and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convlens.data.catalog import catalog
from servers import mirror


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_the_list_says_where_each_set_is(convlens: Any) -> None:
    rows = convlens("data", "list", "--json")["datasets"]
    assert [row["name"] for row in rows] == list(catalog())
    found = {row["name"]: row["found"] for row in rows}
    assert found["digits-5k"]
    assert found["kmnist"] is None
    text = convlens("data", "list")
    assert "not here: convlens data get kmnist" in text
    assert "120,000 images 1x28x28, 10 classes; licence: BSD-style" in text


def test_a_set_that_is_here_is_not_downloaded(convlens: Any) -> None:
    told = convlens("data", "get", "digits-5k", "--json")
    assert told["files_received"] == []
    assert Path(told["place"]).is_file()


def test_offline_says_what_to_fetch_by_hand(
    convlens: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVLENS_OFFLINE", "1")
    told = convlens("data", "get", "kmnist", code=2)
    for file in catalog()["kmnist"].files:
        assert f"{file.name} ({file.known_hash}, {file.bytes:,} bytes)" in told
    assert str(tmp_path / "data" / "kmnist") in told


def test_no_network_ends_with_1_and_the_same_instructions(
    convlens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mirror({}) as gone:
        pass
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, gone.url)  # so that nobody outside is asked
    told = convlens("data", "get", "kmnist", code=1)
    assert "no connection" in told
    assert catalog()["kmnist"].files[0].known_hash in told


def test_training_never_downloads(convlens: Any) -> None:
    assert "convlens data get kmnist" in convlens("train", "--data", "kmnist", code=2)


@pytest.mark.parametrize(
    ("name", "reason"), [("cifar10-subset", "on no server"), ("kmnis", "kmnist")]
)
def test_a_set_that_cannot_be_got_is_refused(convlens: Any, name: str, reason: str) -> None:
    assert reason in convlens("data", "get", name, "--force", code=2)
