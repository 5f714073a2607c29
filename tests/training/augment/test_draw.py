"""Drawn numbers: a hash of (seed, epoch, image, purpose), even, and the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convlens.training.augment.draw import Draws, Purpose

WORD = 2**64


def splitmix(state: int) -> int:
    """SplitMix64 as its paper has it, on Python's integers."""
    z = (state + 0x9E3779B97F4A7C15) % WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % WORD
    return z ^ (z >> 31)


def test_splitmix_is_the_published_one() -> None:
    # the first outputs of the reference implementation for the seed 1234567
    state, found = 1234567, []
    for _ in range(3):
        found.append(splitmix(state))
        state = (state + 0x9E3779B97F4A7C15) % WORD
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 100_000),
    st.integers(0, 2**40),
    st.sampled_from(list(Purpose)),
)
def test_the_tensor_hash_wraps_like_unsigned_64_bit_arithmetic(
    seed: int, epoch: int, index: int, purpose: Purpose
) -> None:
    start = splitmix((splitmix(splitmix(seed) + epoch) + purpose) % WORD)
    state = (start + index * 0x9E3779B97F4A7C15 - 0x9E3779B97F4A7C15) % WORD
    found = Draws(seed, epoch).bits(torch.tensor([index]), purpose)
    assert found.item() == splitmix(state) % 2**63


def test_a_number_does_not_depend_on_who_else_is_asked_for() -> None:
    draws = Draws(5, 9)
    index = torch.randperm(1000)
    whole = draws.uniform(torch.arange(1000), Purpose.HUE, Purpose.FLIP)
    assert torch.equal(draws.uniform(index, Purpose.FLIP)[0], whole[1, index])
    assert torch.equal(draws.uniform(index[:1], Purpose.HUE)[0], whole[0, index[:1]])


def test_numbers_are_even_and_purposes_epochs_seeds_and_neighbours_are_unrelated() -> None:
    index = torch.arange(100_000)
    columns = [
        *Draws(0, 0).uniform(index, *Purpose),
        Draws(0, 1).uniform(index, Purpose.FLIP)[0],
        Draws(1, 0).uniform(index, Purpose.FLIP)[0],
        Draws(0, 0).uniform(index + 1, Purpose.FLIP)[0],
    ]
    table = torch.stack(columns)
    assert table.min() >= 0
    assert table.max() < 1
    # 100,000 numbers: five standard errors
    assert ((table.mean(1) - 0.5).abs() < 5 * 12**-0.5 / 100_000**0.5).all()
    counts = np.histogram(table[0].numpy(), 50, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 95  # chi-squared, 49 degrees, p about 1e-4
    related = torch.corrcoef(table) - torch.eye(len(table))
    assert related.abs().max() < 5 / 100_000**0.5


def test_whole_numbers_reach_every_value_about_equally() -> None:
    found = torch.bincount(Draws(3, 0).below(9, torch.arange(90_000), Purpose.CROP_X)[0])
    assert len(found) == 9
    assert (found - 10_000).abs().max() < 500


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_draws_the_same_numbers() -> None:
    index = torch.arange(1000)
    there = Draws(7, 3).uniform(index.cuda(), *Purpose).cpu()
    assert torch.equal(there, Draws(7, 3).uniform(index, *Purpose))
