"""Keras's optimizers and schedule against PyTorch's, step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from convlens.training import optimise
from convlens.training.recipe import Recipe

pytest.importorskip("keras", reason="needs the extra keras")

RECIPES = {
    "adam": Recipe(optimizer="adam", weight_decay=0.0),
    "adam, decayed": Recipe(optimizer="adam", weight_decay=0.1, betas=(0.7, 0.95)),
    "adamw": Recipe(optimizer="adamw", weight_decay=0.1),
    "sgd": Recipe(optimizer="sgd", momentum=0.0, weight_decay=0.1),
    "sgd, momentum": Recipe(optimizer="sgd", momentum=0.9, weight_decay=0.1),
}


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant"])
def test_the_rate_is_torchs_at_every_step(schedule: str) -> None:
    from convlens.training.keras_optimise import Schedule

    recipe = Recipe(schedule=schedule, learning_rate=0.02, warmup=0.3)
    factor = optimise.rate_factor(recipe, 50)
    rate = Schedule(0.02, schedule, 0.3, 50)
    ours = [float(rate(step)) for step in range(50)]
    np.testing.assert_allclose(ours, [0.02 * factor(s) for s in range(50)], atol=1e-8)
    again = Schedule.from_config(rate.get_config())
    assert float(again(7)) == ours[7]


@pytest.mark.parametrize("name", RECIPES)
def test_ten_steps_end_where_torchs_end(name: str) -> None:
    from convlens.engines.keras_backend import keras
    from convlens.training.keras_optimise import optimizer

    recipe = RECIPES[name].changed({"learning_rate": 0.05, "schedule": "one_cycle"})
    rng = np.random.default_rng(0)
    start = {"weight": rng.standard_normal((3, 4)), "bias": rng.standard_normal(3)}
    module = nn.Linear(4, 3)
    module.load_state_dict({key: torch.from_numpy(a).float() for key, a in start.items()})
    variables = [keras.Variable(array.astype(np.float32)) for array in start.values()]
    theirs = optimise.optimizer(module, recipe)
    ours = optimizer(variables, recipe, 10)
    factor = optimise.rate_factor(recipe, 10)
    for step in range(10):
        gradients = [rng.standard_normal(a.shape).astype(np.float32) for a in start.values()]
        for group in theirs.param_groups:
            group["lr"] = recipe.learning_rate * factor(step)
        module.weight.grad, module.bias.grad = map(torch.from_numpy, gradients)
        theirs.step()
        ours.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    for variable, parameter in zip(variables, (module.weight, module.bias), strict=True):
        moved = keras.ops.convert_to_numpy(variable)
        np.testing.assert_allclose(moved, parameter.detach().numpy(), rtol=1e-5, atol=1e-6)
