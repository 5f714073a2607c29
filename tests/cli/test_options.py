"""What several commands read from their options."""

from __future__ import annotations

import pytest

from convlens.cli.options import recipe_changes
from convlens.foundation.errors import RecipeError


def test_settings_of_the_command_line_are_toml_or_bare_words() -> None:
    pairs = ["epochs=2", "optimizer=sgd", "betas=[0.5, 0.9]", "augmentation.flip=true"]
    assert recipe_changes(pairs) == {
        "epochs": 2,
        "optimizer": "sgd",
        "betas": [0.5, 0.9],
        "augmentation.flip": True,
    }


@pytest.mark.parametrize("pair", ["epochs", "=3", " =3"])
def test_what_is_no_setting_is_named(pair: str) -> None:
    with pytest.raises(RecipeError, match="is not a setting"):
        recipe_changes([pair])
