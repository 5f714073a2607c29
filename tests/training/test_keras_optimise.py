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
    "muon": Recipe(optimizer="muon", weight_decay=0.1, momentum=0.8),
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
    start = {
        "weight": rng.standard_normal((6, 5, 3, 2)),
        "first": rng.standard_normal((6, 1, 3, 3)),  # of a grey image, or depthwise
        "matrix": rng.standard_normal((3, 4)),
        "bias": rng.standard_normal(3),
    }
    to_keras = {"weight": (2, 3, 1, 0), "first": (2, 3, 1, 0), "matrix": (1, 0), "bias": (0,)}
    module = nn.Module()
    for key, array in start.items():
        module.register_parameter(key, nn.Parameter(torch.from_numpy(array).float()))
    variables = [
        keras.Variable(array.transpose(to_keras[key]).astype(np.float32), name=key)
        for key, array in start.items()
    ]
    theirs = optimise.optimizer(module, recipe)
    ours = optimizer(variables, recipe, 10, variables[:1])
    factor = optimise.rate_factor(recipe, 10)
    for step in range(10):
        gradients = {
            key: rng.standard_normal(array.shape).astype(np.float32) for key, array in start.items()
        }
        for group in theirs.param_groups:
            group["lr"] = recipe.learning_rate * factor(step)
        for key, gradient in gradients.items():
            getattr(module, key).grad = torch.from_numpy(gradient)
        theirs.step()
        ours.apply(
            [
                keras.ops.convert_to_tensor(g.transpose(to_keras[key]))
                for key, g in gradients.items()
            ],
            variables,
        )
    for variable, (key, parameter) in zip(variables, module.named_parameters(), strict=True):
        moved = keras.ops.convert_to_numpy(variable)
        expected = parameter.detach().numpy().transpose(to_keras[key])
        np.testing.assert_allclose(moved, expected, rtol=1e-4, atol=1e-5, err_msg=key)


def test_muon_remembers_its_settings() -> None:
    from convlens.engines.keras_backend import keras
    from convlens.training.keras_optimise import Muon, optimizer

    filters = keras.Variable(np.ones((3, 3, 2, 4), np.float32), name="filters")
    recipe = RECIPES["muon"].changed({"schedule": "constant"})
    first = optimizer([filters], recipe, 10, [filters])
    again = Muon.from_config(first.get_config())
    assert again.momentum == 0.8
    assert again.filters == {filters.path}
