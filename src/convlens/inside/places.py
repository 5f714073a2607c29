"""The places in a network that a person can name: a layer, one of its maps, a cell, a class.

What does not exist is refused with the nearest that does.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from convlens.foundation.errors import InputError
from convlens.network.arithmetic import shape_text
from convlens.network.plan import Plan, Step


def find_maps(plan: Plan, name: str) -> Step:
    """Return the step of a layer that gives maps `(channels, height, width)`.

    Raises
    ------
    InputError
        Where there is no such layer, or it gives a vector of features.
    """
    step = plan.step(name)
    if len(step.output) != 3:
        with_maps = [other.name for other in plan.steps if len(other.output) == 3]
        raise InputError(
            f'layer "{name}" gives {step.output[0]} features, no maps',
            "a layer with maps: " + (", ".join(with_maps) or "this network has none"),
            "choose a layer before flatten",
        )
    return step


def check_map(step: Step, number: int) -> None:
    """Refuse a map (or feature) number that the layer does not have.

    Raises
    ------
    InputError
        Where it is not from 0 to the number of maps less 1.
    """
    _check_number(number, step.output[0], f'layer "{step.name}"', "map")


def count_classes(plan: Plan) -> int:
    """Return the number of classes.

    Raises
    ------
    InputError
        Where the network ends in maps, so that no value belongs to a class.
    """
    output = plan.output
    if len(output) != 1:
        raise InputError(
            f"{plan.name} ends in maps of {shape_text(output)}: no value belongs to a class",
            "a vector with one value per class at the end",
            "end the layers with { flatten = true }, { linear = <classes> }",
        )
    return output[0]


def check_class(plan: Plan, number: int) -> None:
    """Refuse a class number that the network does not have.

    Raises
    ------
    InputError
        Where it is not from 0 to the number of classes less 1.
    """
    _check_number(number, count_classes(plan), plan.name, "class")


def check_image(plan: Plan, image: NDArray[Any]) -> None:
    """Refuse one image `(C, H, W)` that is not of the network's input shape.

    Raises
    ------
    InputError
        Where the shapes differ.
    """
    if image.shape != tuple(plan.input):
        raise InputError(
            f"the image is {shape_text(image.shape)} and {plan.name} takes "
            f"{shape_text(plan.input)}",
            f"one image of (channels, height, width) = {tuple(plan.input)}, no batch axis",
            "prepare it as the run prepares its images: Preprocessing.prepare, then normalise",
        )


def check_images(plan: Plan, images: NDArray[Any]) -> None:
    """Refuse a batch `(N, C, H, W)` that is empty or not of the network's input shape.

    Raises
    ------
    InputError
        Where there is no image, or the shapes differ.
    """
    if images.ndim != 4 or len(images) == 0:
        raise InputError(
            f"the images are an array of shape {images.shape}",
            "(N, C, H, W) with N at least 1",
            "pass a batch, such as dataset.test.images",
        )
    check_image(plan, images[0])


def _check_number(number: int, count: int, where: str, what: str) -> None:
    if not 0 <= number < count:
        closest = 0 if number < 0 else count - 1
        raise InputError(
            f"{where} has no {what} {number}: it has {count}",
            f"a {what} from 0 to {count - 1}",
            f"use {closest}, the nearest",
        )
