"""What does not go together is refused before anything is written, with advice that works."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from convlens.data import Dataset, Split
from convlens.foundation.errors import DataError, NetworkError
from convlens.network import Network, zoo
from convlens.training.recipe import Recipe
from convlens.training.settling import settle
from recorded_runs import NETWORK, digits

PLAIN = Recipe(
    **{"batch_size": 10, "precision": "float32", "memory_format": "contiguous"},
    **{"threads": 1, "evaluation_batch": 100},
)


def narrower() -> Dataset:
    """A few digits, 27 pixels wide."""
    dataset = digits()
    train = Split(dataset.train.images[..., :27], dataset.train.labels)
    return replace(
        dataset, train=train, preprocessing=replace(dataset.preprocessing, input=(1, 28, 27))
    )


def advised(error: NetworkError, network: Network) -> Network:
    """Do what an error says: the call of `network.adapted` in it."""
    call = re.search(r"network\.adapted\(\((\d+), (\d+), (\d+)\), (\d+)\)", error.fix)
    assert call, error.fix
    channels, height, width, classes = map(int, call.groups())
    return network.adapted((channels, height, width), classes)


def test_the_network_that_is_advised_for_other_images_is_taken() -> None:
    network = NETWORK
    with pytest.raises(NetworkError, match="1x28x28 and the images are 1x28x27") as refused:
        settle(network, narrower(), PLAIN, "cpu")
    settle(advised(refused.value, network), narrower(), PLAIN, "cpu")


def test_the_network_that_is_advised_for_other_classes_is_taken() -> None:
    network = NETWORK.adapted((1, 28, 28), 7)
    with pytest.raises(NetworkError, match="gives 7 and the data has 10 classes") as refused:
        settle(network, digits(), PLAIN, "cpu")
    settle(advised(refused.value, network), digits(), PLAIN, "cpu")


def test_a_network_that_cannot_be_adapted_is_refused_with_the_layer_that_does_not_fit() -> None:
    with pytest.raises(NetworkError, match="1x28x28 and the images are 1x28x27") as refused:
        settle(zoo.load("fast-mnist"), narrower(), PLAIN, "cpu")
    assert "network.adapted" not in refused.value.fix
    assert '"max_pool1"' in refused.value.fix
    assert 'rounding = "floor"' in refused.value.fix
    network = Network(input=(1, 28, 28), layers=[{"conv": 4, "kernel": 3}])
    with pytest.raises(NetworkError, match="gives 4x26x26 and the data has 10 classes") as refused:
        settle(network, digits(), PLAIN, "cpu")
    assert "network.adapted" not in refused.value.fix


@pytest.mark.parametrize("images", [1, 2, 9, 10, 19, 60])
def test_the_batch_that_is_advised_for_few_images_is_taken(images: int) -> None:
    dataset = digits()
    few = replace(dataset)
    object.__setattr__(few, "train", dataset.train.take(range(images)))
    recipe = PLAIN.changed({"batch_size": 100})
    with pytest.raises(DataError, match=f"{images} images and a batch 100") as refused:
        settle(NETWORK, few, recipe, "cpu")
    batch = re.search(r"`batch_size=(\d+)`", refused.value.fix)
    assert batch
    assert int(batch[1]) > 1 or images == 1  # batch normalisation cannot work on one image
    job = settle(NETWORK, few, recipe.changed({"batch_size": int(batch[1])}), "cpu")
    assert job.recipe.batch_size <= images
