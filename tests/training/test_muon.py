"""Muon against PyTorch's own, and against the singular values it is meant to level."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from convlens.training import optimise
from convlens.training.muon import Muon, orthogonal
from convlens.training.recipe import Recipe

RECIPE = Recipe(optimizer="muon", learning_rate=0.02, weight_decay=0.1, momentum=0.9)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(1e-3, 1e3), st.integers(0, 99))
def test_the_singular_vectors_stay_and_the_values_become_alike(
    rows: int, columns: int, scale: float, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    matrix = scale * torch.randn(rows, columns, generator=random)
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    turned = u.T @ orthogonal(matrix) @ v.T
    size = float(turned.abs().max())
    assert torch.allclose(turned, torch.diag(turned.diag()), atol=2e-3 * size)
    # what is a tenth of the whole or more comes near one in three rounds
    large = turned.diag()[values > 0.1 * values.norm()]
    assert ((large > 0.5) & (large < 1.3)).all()


def test_zero_stays_zero() -> None:
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_filters_move_as_torchs_muon_moves_their_matrix() -> None:
    random = torch.Generator().manual_seed(0)
    module = nn.Conv2d(6, 8, 3, bias=False)
    matrix = nn.Parameter(module.weight.detach().flatten(1).clone())
    ours = optimise.optimizer(module, RECIPE, torch.bfloat16)
    assert isinstance(ours, Muon)
    theirs = torch.optim.Muon(
        [matrix],
        RECIPE.learning_rate,
        weight_decay=RECIPE.weight_decay,
        momentum=RECIPE.momentum,
        ns_steps=3,
        adjust_lr_fn="match_rms_adamw",
    )
    start = matrix.detach().clone()
    for _ in range(5):
        gradient = torch.randn(8, 6, 3, 3, generator=random)
        module.weight.grad, matrix.grad = gradient.clone(), gradient.flatten(1)
        ours.step()
        theirs.step()
    far = (matrix - start).norm()
    # both multiply in bfloat16, which keeps three digits
    assert (module.weight.flatten(1) - matrix).norm() < 0.02 * far


def test_everything_else_moves_as_with_adamw() -> None:
    def moved(recipe: Recipe) -> list[Tensor]:
        torch.manual_seed(0)
        # a first convolution of one channel, a depthwise one, a linear layer; biases
        module = nn.ModuleList([nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=4), nn.Linear(5, 3)])
        chosen = optimise.optimizer(module, recipe)
        for _ in range(4):
            for parameter in module.parameters():
                parameter.grad = torch.randn(parameter.shape)
            chosen.step()
        return list(module.parameters())

    for ours, theirs in zip(
        moved(RECIPE), moved(RECIPE.changed({"optimizer": "adamw"})), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_step_is_as_long_as_its_rate_says(dtype: torch.dtype) -> None:
    module = nn.Conv2d(16, 32, 3, bias=False)
    before = module.weight.detach().clone()
    recipe = RECIPE.changed({"weight_decay": 0.0})
    optimizer = optimise.optimizer(module, recipe, dtype)
    module.weight.grad = torch.randn(module.weight.shape)
    optimizer.step()
    step = (module.weight - before).pow(2).mean().sqrt() / recipe.learning_rate
    assert 0.1 < step < 0.25  # 0.2 where all singular values are one
