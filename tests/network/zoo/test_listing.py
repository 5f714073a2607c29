"""What the zoo says of its networks is what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlens.network import zoo
from network.zoo.write_numbers import FILE, text


def test_the_numbers_are_those_of_the_networks() -> None:
    assert FILE.read_text("utf-8") == text(), "python tests/network/zoo/write_numbers.py"


def test_every_network_is_in_one_group() -> None:
    listed = [name for names in zoo.groups().values() for name in names]
    assert sorted(listed) == sorted([*zoo.names(), *zoo.published_names()])
    assert sorted(zoo.groups()["published"]) == zoo.published_names()


@pytest.mark.parametrize("name", zoo.published_names())
def test_a_published_network_names_its_paper_and_its_stages(name: str) -> None:
    folder = Path(zoo.__file__).parent / "published"
    written = (folder / f"{name}.toml").read_text("utf-8")
    assert written.count("\n  # ") >= 3
    assert 2 <= zoo.facts(name).about.count(". ") + 1 <= 4
    assert "arXiv:" in zoo.facts(name).about
    year = zoo.facts(name).year
    assert year is not None
    assert 1990 < year < 2030


@pytest.mark.parametrize("name", zoo.published_names())
def test_a_published_network_is_written_and_read_back(name: str) -> None:
    network = zoo.load(name)
    again = type(network).from_toml(network.to_toml())
    assert again == network
    assert again.plan() == network.plan()


@pytest.mark.parametrize("name", zoo.published_names())
def test_a_published_network_fits_other_images_and_classes(name: str) -> None:
    adapted = zoo.load(name).adapted((3, 96, 128), 7)
    assert adapted.plan().output == (7,)
