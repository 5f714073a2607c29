"""`convlens zoo`, `convlens shapes` of published networks, and `convlens weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convlens.network import zoo
from convlens.weights.published import catalogue, published
from servers import mirror


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_the_zoo_is_listed_by_group_with_year_costs_and_accuracy(convlens: Any) -> None:
    text = convlens("zoo")
    titles = [text.index(f"{title}:") for title in zoo.GROUPS.values()]
    assert titles == sorted(titles)
    line = next(line for line in text.splitlines() if line.startswith("  resnet50 "))
    for part in ("2015", "3x224x224", "25,557,032 parameters", "4,089,184,256", "80.9% top-1"):
        assert part in line
    rows = {row["name"]: row for row in convlens("zoo", "--json")["networks"]}
    assert rows["resnet50"]["top1_percent"] == 80.858
    assert rows["resnet50"]["published_giga_multiply_adds"] == 4.089
    assert rows["tutorial-torch"]["group"] == "learn"
    assert rows["tutorial-torch"]["top1_percent"] is None
    assert rows["lenet-5"]["year"] == 1998
    assert set(rows) == {*zoo.names(), *zoo.published_names()}


def test_shapes_of_a_published_network_for_other_images_and_classes(convlens: Any) -> None:
    told = convlens("shapes", "resnet50", "--input", "3,64,64", "--classes", "10", "--json")
    assert told["input"] == [3, 64, 64]
    assert told["output"] == [10]
    assert told["parameters"] == 25_557_032 - 2049 * 990
    squeezed = convlens("shapes", "squeezenet1-1", "--classes", "7", "--json")
    assert squeezed["output"] == [7]
    assert "classes" in convlens("shapes", "tutorial-torch", "--classes", "1", code=2)


def test_the_list_of_weights_says_which_are_here(convlens: Any) -> None:
    rows = {row["name"]: row for row in convlens("weights", "list", "--json")["weights"]}
    assert set(rows) == set(catalogue())
    assert rows["resnet18"]["found"] is None
    assert rows["efficientnet-lite0"]["found"]
    text = convlens("weights", "list")
    assert "not here: convlens weights get resnet18" in text
    line = next(line for line in text.splitlines() if line.startswith("efficientnet-lite0 "))
    assert line.endswith("here")


def test_what_is_known_of_weights_is_shown_with_their_names(convlens: Any) -> None:
    text = convlens("weights", "show", "resnet50-v1")
    for part in (
        "https://download.pytorch.org/models/resnet50-0676ba61.pth",
        "BSD-3-Clause",
        "76.13",
        "repeat{s}.{b}.residual1",
        "layer{s}.{b}",
    ):
        assert part in text
    told = convlens("weights", "show", "inception-v3", "--json")
    assert told["naming"]["unused"] == ["AuxLogits."]
    assert told["classes"] == 1000


def test_offline_the_message_says_what_to_fetch_and_where_to_put_it(
    convlens: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVLENS_OFFLINE", "1")
    text = convlens("weights", "get", "resnet18", code=2)
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in text
    assert published("resnet18").sha256 in text
    assert str(tmp_path / "weights") in text


def test_no_connection_ends_with_1(convlens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with mirror({}) as gone:
        pass
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, gone.url)  # so that nobody outside is asked
    assert "no connection" in convlens("weights", "get", "resnet18", code=1)


def test_weights_of_a_package_are_never_downloaded(convlens: Any) -> None:
    told = convlens("weights", "get", "efficientnet-lite0", "--json")
    assert told["files_received"] == []
    assert Path(told["place"]).is_file()


def test_a_network_without_its_weights_says_how_to_get_them(convlens: Any, place: Path) -> None:
    (place / "image.png").write_bytes(b"")
    text = convlens("predict", "--network", "resnet18", "image.png", code=2)
    assert "convlens weights get resnet18" in text


def test_an_unknown_name_is_answered_with_the_nearest(convlens: Any) -> None:
    assert 'did you mean "resnet18"' in convlens("weights", "get", "resnet_18", code=2)
