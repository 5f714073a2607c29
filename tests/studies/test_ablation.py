"""Ingredients are what a recipe has beyond the plain one, whatever its keys are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlens.foundation.errors import InputError
from convlens.studies import ablation
from convlens.studies.ablation import PLAIN, ingredients, named
from convlens.training import recipe as recipes
from convlens.training.recipe import Recipe
from studies.example import RECIPE, bench


def test_a_plain_recipe_has_no_ingredient_however_long_it_trains() -> None:
    assert ingredients(PLAIN.changed({"epochs": 99, "batch_size": 7, "seed": 3})) == []


def test_augmentation_is_one_ingredient_and_each_of_its_values_can_be_asked_for() -> None:
    recipe = recipes.load("digits")
    whole = {one.name: one for one in ingredients(recipe)}
    assert whole["augmentation"].plain == {
        "augmentation.shift": 0.0,
        "augmentation.rotate": 0.0,
        "augmentation.scale": 0.0,
        "augmentation.shear": 0.0,
    }
    [shift] = named(recipe, ("augmentation.shift",))
    assert shift.plain == {"augmentation.shift": 0.0}


def test_another_optimizer_takes_its_own_values_along() -> None:
    recipe = PLAIN.changed({"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.8, "ema": 0.9})
    found = ingredients(recipe)
    assert [one.name for one in found] == ["optimizer", "ema"]
    assert set(found[0].plain) == {"optimizer", "learning_rate", "momentum"}


@pytest.mark.parametrize("name", recipes.names())
def test_removing_all_ingredients_leaves_the_plain_recipe(name: str) -> None:
    recipe = recipes.load(name)
    changes = {key: value for one in ingredients(recipe) for key, value in one.plain.items()}
    left = recipe.changed(changes).model_dump()
    for key, value in PLAIN.model_dump().items():
        if key not in ablation.NO_INGREDIENT:
            assert left[key] == value


def test_every_value_of_a_recipe_is_an_ingredient_or_said_to_be_none() -> None:
    assert set(Recipe.model_fields) >= ablation.NO_INGREDIENT


def test_an_unknown_ingredient_gets_the_nearest_name() -> None:
    with pytest.raises(InputError, match='did you mean "ema"'):
        named(Recipe(ema=0.9), ("emma",))


def test_the_study_trains_the_whole_each_without_and_the_plain_one(tmp_path: Path) -> None:
    one = bench(tmp_path, "ablation", epochs=1, seeds=2)
    one.subject.__dict__["recipe"] = RECIPE.changed({"ema": 0.5, "schedule": "constant"})
    found = ablation.study(one)
    names = [row["variant"] for row in found.results["variants"]]
    assert names == ["without weight_decay: 0.01", "without ema: 0.5", "without all of it"]
    pairs = zip(
        found.results["variants"][1]["results"], found.results["whole"]["results"], strict=True
    )
    differences = [a["validation_accuracy"] - b["validation_accuracy"] for a, b in pairs]
    assert found.results["variants"][1]["difference_mean"] == pytest.approx(sum(differences) / 2)
    assert len(found.tables[0].rows) == 4
    assert "Shortened" in " ".join(found.method)


def test_a_recipe_without_ingredients_is_refused(tmp_path: Path) -> None:
    one = bench(tmp_path, "ablation")
    one.subject.__dict__["recipe"] = PLAIN.changed({"batch_size": 40})
    with pytest.raises(InputError, match="no ingredient"):
        ablation.study(one)
