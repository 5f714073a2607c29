"""Recipes as validated data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convlens.foundation.errors import RecipeError
from convlens.training import recipe as recipes
from convlens.training.recipe import Augmentation, Recipe

floats = st.floats(1e-6, 0.9)


@given(
    st.builds(
        Recipe,
        epochs=st.integers(1, 1000),
        optimizer=st.sampled_from(["adam", "adamw", "muon", "sgd"]),
        learning_rate=floats,
        betas=st.tuples(floats, floats),
        augmentation=st.builds(Augmentation, shift=floats, rotate=floats, flip=st.booleans()),
        seed=st.integers(0, 2**32 - 1),
    )
)
def test_a_recipe_survives_toml_with_every_value_written(recipe: Recipe) -> None:
    text = recipe.to_toml()
    assert recipes.parse(text, "recipe.toml") == recipe
    assert all(field in text for field in Recipe.model_fields)


@pytest.mark.parametrize("name", recipes.names())
def test_every_named_recipe_is_valid(name: str) -> None:
    assert recipes.load(name).epochs >= 1


def test_the_tutorials_recipes_are_as_published() -> None:
    torch_recipe = recipes.load("tutorial-torch")
    assert (torch_recipe.batch_size, torch_recipe.epochs) == (64, 20)
    assert (torch_recipe.optimizer, torch_recipe.normalise) == ("adam", "half")
    keras_recipe = recipes.load("tutorial-keras")
    assert (keras_recipe.batch_size, keras_recipe.epochs) == (128, 15)
    assert (keras_recipe.normalise, keras_recipe.validation_method) == ("unit", "last")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0.1}, 'did you mean "learning_rate"'),
        ({"batchsize": 3}, 'did you mean "batch_size"'),
        ({"learning_rate": -1}, "learning_rate is -1"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": True}, "epochs is True"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"optimizer": "lion"}, "optimizer is 'lion'"),
        ({"augmentation.rotat": 3}, 'did you mean "rotate"'),
        ({"augmentation.shift": 2}, "augmentation.shift is 2"),
        ({"betas": [0.9, 1.0]}, "betas[1] is 1.0"),
    ],
)
def test_a_mistake_in_a_recipe_is_named_with_its_path(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError) as error:
        Recipe().changed(changes)
    assert message in str(error.value)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match='did you mean "digits"'):
        recipes.load("digit")
    with pytest.raises(RecipeError, match="cannot be read"):
        recipes.load(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("epochs = [")
    with pytest.raises(RecipeError, match="not valid TOML"):
        recipes.load(broken)
