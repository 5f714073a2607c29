"""Names of places: found, or refused with the nearest."""

from __future__ import annotations

import numpy as np
import pytest

from convlens.foundation.errors import InputError
from convlens.inside import places
from convlens.network import Network, zoo

RESNET = zoo.load("bottleneck-resnet")


def test_features_are_no_maps() -> None:
    with pytest.raises(InputError, match="gives 10 features, no maps"):
        places.find_maps(RESNET.plan(), "linear1")


@pytest.mark.parametrize(("number", "closest"), [(-1, 0), (32, 31), (1000, 31)])
def test_a_map_that_does_not_exist_names_the_nearest(number: int, closest: int) -> None:
    with pytest.raises(InputError, match=f"use {closest}, the nearest"):
        places.check_map(RESNET.plan().step("conv1"), number)


def test_a_network_without_a_vector_at_the_end_has_no_classes() -> None:
    network = Network(input=(1, 4, 4), layers=[{"conv": 2, "kernel": 1}])
    with pytest.raises(InputError, match="ends in maps"):
        places.count_classes(network.plan())
    with pytest.raises(InputError, match="no class 10"):
        places.check_class(RESNET.plan(), 10)


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="1x28x28"):
        places.check_image(RESNET.plan(), np.zeros((1, 28, 28)))
    with pytest.raises(InputError, match=r"\(3, 32, 32\)"):
        places.check_images(RESNET.plan(), np.zeros((3, 32, 32)))
