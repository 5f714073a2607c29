"""The published networks are torchvision's: counts, names of arrays, and what they compute.

The fixtures hold what torchvision's own code gave, with weights and images that a formula gives;
`tests/published/write_fixtures.py` wrote them.
"""

from __future__ import annotations

import numpy as np
import pytest

from convlens.network import zoo
from convlens.weights.published import Published, catalogue
from published import write_table
from published.comparing import differences, entries, entry_of, fixture, shape
from published.listing import NETWORKS, QUICK

TOLERANCE = 1e-4
"""Largest difference, as a part of the largest value."""


def fits(ours: tuple[int, ...], theirs: tuple[int, ...]) -> bool:
    """Say whether shapes are alike up to axes of length 1."""
    return [n for n in ours if n > 1] == [n for n in theirs if n > 1]


def test_every_network_of_the_zoo_has_a_fixture_or_brings_its_weights() -> None:
    brought = {entry.network for entry in catalogue().values() if entry.package}
    assert set(zoo.published_names()) == set(NETWORKS) | brought


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_the_names_of_arrays_are_complete_and_one_to_one(entry: Published) -> None:
    ours = zoo.load(entry.network).plan().weight_shapes()
    theirs = {
        name: shape(text)
        for name, text in fixture(entry.network)["arrays"].items()
        if not name.endswith("num_batches_tracked") and not name.startswith(entry.naming.unused)
    }
    called = {name: entry.naming.in_file(name) for name in ours}
    assert len(set(called.values())) == len(ours)
    assert set(called.values()) == set(theirs)
    for name, other in called.items():
        assert fits(ours[name], theirs[other]), (name, other)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_what_begins_with_a_name_that_is_not_used_is_in_the_file(entry: Published) -> None:
    for beginning in entry.naming.unused:
        assert any(name.startswith(beginning) for name in fixture(entry.network)["arrays"])


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_an_entry_says_what_torchvision_publishes(entry: Published) -> None:
    known = {facts["url"]: facts for facts in fixture(entry.network)["published"].values()}
    facts = known[entry.sources[0] + entry.file]
    assert entry.top1_percent == facts["top1_percent"]
    assert entry.mebibytes == facts["mebibytes"]
    assert zoo.load(entry.network).input == (3, facts["crop"], facts["crop"])
    assert entry.preprocessing["resize"] == facts["resize"]
    assert entry.preprocessing["interpolation"] == facts["interpolation"]
    if entry.note.startswith("torchvision prepares images"):
        # x * (std / 0.5) + (mean - 0.5) / 0.5, which these two do, undoes the others
        assert entry.preprocessing["mean"] == entry.preprocessing["std"] == [0.5] * 3
    else:
        assert entry.preprocessing["mean"] == facts["mean"]
        assert entry.preprocessing["std"] == facts["std"]


@pytest.mark.parametrize("network", NETWORKS)
def test_parameters_and_multiply_adds_are_the_published_ones(network: str) -> None:
    plan = zoo.load(network).plan()
    facts = zoo.facts(network)
    published = next(iter(fixture(network)["published"].values()))
    assert facts.published_parameters == published["parameters"]
    assert facts.published_giga_multiply_adds == published["giga_multiply_adds"]
    unused = sum(
        int(np.prod(shape(text)))
        for name, text in fixture(network)["arrays"].items()
        if name.startswith(entry_of(network).naming.unused)
        and not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    )
    counted = published["parameters"] - plan.parameters
    assert counted == (unused if "auxiliary" in facts.note else 0)
    # to all the digits that torchvision publishes
    assert round(plan.multiply_adds / 1e9, 3) == published["giga_multiply_adds"]


def require_agreement(network: str, size: str) -> None:
    measured = differences(network, size)
    apart = {name: value for name, value in measured.items() if not value <= TOLERANCE}
    assert not apart
    assert len(measured) >= 9


@pytest.mark.parametrize("network", QUICK)
def test_small_images_give_what_torchvision_gives(network: str) -> None:
    require_agreement(network, "small")


@pytest.mark.slow
@pytest.mark.parametrize("network", [name for name in NETWORKS if name not in QUICK])
def test_small_images_give_what_torchvision_gives_in_all_others(network: str) -> None:
    require_agreement(network, "small")


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_images_of_the_published_size_give_what_torchvision_gives(network: str) -> None:
    require_agreement(network, "full")


def test_the_table_in_the_documentation_is_what_was_measured() -> None:
    text = write_table.DOCUMENT.read_text("utf-8")
    assert text == write_table.document(text), "python tests/published/write_table.py"
