"""Bring a network, data and a recipe together, as a training needs them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from convlens import data as datasets
from convlens.data import Dataset, Preprocessing
from convlens.data.arrays import InMemory
from convlens.network import Network, zoo
from convlens.network.arithmetic import shape_text
from convlens.training import recipe as recipes
from convlens.training.recipe import Recipe


def recipe_for(reference: str | Path | Recipe | None, data: str | Path | InMemory) -> Recipe:
    """Return a recipe by name, file or value; by default the one that suits the data."""
    if isinstance(reference, Recipe):
        return reference
    return recipes.load(recipes.suiting(data) if reference is None else reference)


def adapted_to_data(
    reference: str | Path | Network | None,
    data: str | Path | InMemory,
    recipe: Recipe,
    preprocessing: Preprocessing | None = None,
    **reading: Any,
) -> tuple[Network, Dataset, list[str]]:
    """Return a network and data that go together.

    A folder of images is brought to the shape asked for, or else to the network's input; data of
    a fixed size keeps it, and the network is adapted. The number of classes always follows the
    data. `preprocessing` is that of a trained network whose weights are the start: its mean and
    std take the place of the data's own. `reading` is how a folder is read, as `convlens.load_data`
    takes it.
    """
    network = None
    if reference is not None:
        network = reference if isinstance(reference, Network) else zoo.resolve(reference)
        network.plan()
    asked = reading.get("input_shape")
    if asked is None and network is not None:
        reading = {**reading, "input_shape": network.input}
    dataset = datasets.load(
        data,
        validation=recipe.validation,
        validation_method=recipe.validation_method,
        split_seed=recipe.split_seed,
        normalise=recipe.normalise,
        **reading,
    )
    if preprocessing is not None and len(preprocessing.mean) == len(dataset.preprocessing.mean):
        own = dataset.preprocessing
        own = replace(own, mean=preprocessing.mean, std=preprocessing.std)
        dataset = replace(dataset, preprocessing=own)
    shape = tuple(dataset.preprocessing.input)
    if asked is not None:
        dataset.require_input(asked)
    if network is None:
        network = zoo.load(zoo.default(shape[0]))
    classes = len(dataset.classes)
    if network.input == shape and network.plan().output == (classes,):
        return network, dataset, []
    adapted = network.adapted(shape, classes)
    changes = []
    if network.input != shape:
        changes.append(f"input {shape_text(network.input)} -> {shape_text(shape)}")
    if network.plan().output != (classes,):
        changes.append(f"output {shape_text(network.plan().output)} -> {classes}")
    return adapted, dataset, [f"{network.name} adapted to the data: {', '.join(changes)}"]
