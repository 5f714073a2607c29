"""Patches beside what ascent made: classes over them, and made ones told apart."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from convlens.figures.top_patches import top_patches_svg
from convlens.foundation.errors import InputError
from convlens.inside.top_images import MadePatch
from convlens.inside.top_patches import TopPatches


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith("}text")]


def patches(count: int, number: int = 3) -> TopPatches:
    return TopPatches(
        "conv1",
        number,
        np.full((count, 1, 4, 5), 90, np.uint8),
        np.ones((count, 4, 5), bool),
        np.linspace(2, 0.0042, count).astype(np.float32),
        np.arange(count) + 70,
        np.zeros((count, 2), np.int64),
    )


def made(value: float, rose: bool = True) -> MadePatch:
    return MadePatch(np.zeros((1, 4, 5), np.uint8), np.ones((4, 5), bool), value, rose)


def test_classes_stand_over_the_patches_in_place_of_numbers() -> None:
    words = texts(top_patches_svg([patches(3)], labels=[["seven", "1", "automobile"]]))
    assert {"seven", "1", "automob…", "2", "0.004"} <= set(words)
    assert not any(word.startswith("#") for word in words)
    assert "above each patch: the winning cell's value and the true class of the image" in words


def test_made_patches_are_a_column_of_their_own() -> None:
    maps = [patches(2), patches(0, number=8)]
    plain, beside = (
        top_patches_svg(maps, made=given) for given in (None, [made(6.25), made(0, rose=False)])
    )
    words = texts(beside)
    assert {"made", "6.25", "no rise", "no image of the set activates it"} & set(words) >= {
        "made",
        "6.25",
        "no rise",
    }
    assert any(word.startswith("right of the line") for word in words)
    assert not any(word.startswith("right of the line") for word in texts(plain))
    assert beside.count("<image") == plain.count("<image") + len(maps)


def test_rows_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputError, match="2 maps came with 1 made patches"):
        top_patches_svg([patches(1), patches(1, 4)], made=[made(1)])
    with pytest.raises(InputError, match="1 maps came with 0 rows of labels"):
        top_patches_svg([patches(1)], labels=[])
