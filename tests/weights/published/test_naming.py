"""Rules for names: what they say, what they refuse, and that the data is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import convlens.weights.published as room
from convlens.network import zoo
from convlens.weights.published import catalogue
from convlens.weights.published.naming import Blocks, Names, Rule, names_in


@pytest.mark.parametrize(
    ("ours", "theirs", "name", "expected"),
    [
        ("conv1", "features.0", "conv1", "features.0"),
        ("conv1", "features.0", "conv11", None),
        ("a.b", "x", "a_b", None),
        ("conv{n}", "features.{3n-3}", "conv4", "features.9"),
        ("a{s}.b{s}", "c{s}", "a2.b2", "c2"),
        ("a{s}.b{s}", "c{s}", "a2.b3", None),
        ("conv{n}", "features.{n+10}", "conv10", "features.20"),
        ("conv{n}", "features.{n}", "convx", None),
    ],
)
def test_a_rule_fits_whole_names_and_computes_their_numbers(
    ours: str, theirs: str, name: str, expected: str | None
) -> None:
    assert Rule(ours, theirs)(name) == expected


@pytest.mark.parametrize("theirs", ["x{m}", "x{n*2}", "x{}"])
def test_a_number_that_the_pattern_does_not_have_is_a_mistake_of_the_data(theirs: str) -> None:
    with pytest.raises(ValueError, match="computed from the numbers"):
        Rule("conv{n}", theirs)("conv1")


def test_the_first_rule_that_fits_is_taken_and_whole_names_come_first() -> None:
    names = Names(
        layers={"conv1": "first", "conv{n}": "other{n}"}, arrays={"conv{n}.bias": "all.bias{n}"}
    )
    assert names.in_file("conv1.weight") == "first.weight"
    assert names.in_file("conv2.weight") == "other2.weight"
    assert names.in_file("conv1.bias") == "all.bias1"
    with pytest.raises(KeyError):
        names.in_file("linear1.weight")


def test_a_layer_of_a_block_is_called_by_the_block_and_by_its_place() -> None:
    blocks = (
        Blocks({"residual{s}": "layer{s}"}, {"conv{n}": "conv{n}"}),
        Blocks({"residual{s}.shortcut": "layer{s}.side"}, {"conv1": "0"}),
    )
    names = Names(blocks=blocks)
    assert names.in_file("residual2.conv3.weight") == "layer2.conv3.weight"
    assert names.in_file("residual2.shortcut.conv1.weight") == "layer2.side.0.weight"
    for name in ("residual2.linear1.weight", "conv1.weight", "residual2.bias"):
        with pytest.raises(KeyError):
            names.in_file(name)


def test_old_names_become_new_ones_and_what_is_not_used_is_left_out() -> None:
    names = Names(unused=("aux.",), older={"norm.{n}.weight": "norm{n}.weight"})
    held = ["norm.1.weight", "norm2.weight", "aux.fc.bias", "norm2.num_batches_tracked"]
    assert names.today(held) == {"norm1.weight": "norm.1.weight", "norm2.weight": "norm2.weight"}


def test_every_file_of_rules_belongs_to_an_entry() -> None:
    folder = Path(str(room.__file__)).parent / "names"
    assert {file.stem for file in folder.iterdir()} == {e.names for e in catalogue().values()}


def rules(names: Names) -> list[tuple[str, ...]]:
    """Return a list of all rules, each as the keys that lead to it."""
    listed: list[tuple[str, ...]] = [("layers", ours) for ours in names.layers]
    listed += [("arrays", ours) for ours in names.arrays]
    for number, blocks in enumerate(names.blocks):
        listed += [(f"blocks {number}", "names", ours) for ours in blocks.names]
        listed += [(f"blocks {number}", "inside", ours) for ours in blocks.inside]
    return listed


def without(names: Names, rule: tuple[str, ...]) -> Names:
    """Return the names with one rule less."""

    def less(pairs: Mapping[str, str]) -> dict[str, str]:
        return {ours: theirs for ours, theirs in pairs.items() if ours != rule[-1]}

    if rule[0] in ("layers", "arrays"):
        return replace(names, **{rule[0]: less(getattr(names, rule[0]))})
    number = int(rule[0].split()[1])
    changed = replace(
        names.blocks[number], **{rule[1]: less(getattr(names.blocks[number], rule[1]))}
    )
    blocks = (*names.blocks[:number], changed, *names.blocks[number + 1 :])
    return replace(names, blocks=blocks)


def called(names: Names, arrays: list[str]) -> list[str | None]:
    result: list[str | None] = []
    for array in arrays:
        try:
            result.append(names.in_file(array))
        except KeyError:
            result.append(None)
    return result


@pytest.mark.parametrize("stem", sorted({entry.names for entry in catalogue().values()}))
def test_every_rule_is_needed(stem: str) -> None:
    names = names_in(stem)
    networks = {entry.network for entry in catalogue().values() if entry.names == stem}
    arrays = [
        name
        for network in sorted(networks)
        for name in zoo.load(network).plan().weight_shapes()
        if not name.endswith(("bias", "running_mean", "running_var"))
    ]
    whole = called(names, arrays)
    assert None not in whole
    for rule in rules(names):
        assert called(without(names, rule), arrays) != whole, rule
