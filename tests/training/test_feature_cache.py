"""Features are kept by image: what is there is never computed again, whatever set it is in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.data import Preprocessing
from convlens.engines.torch_engine import TorchModel
from convlens.network import zoo
from convlens.training import feature_cache
from convlens.training.feature_cache import FeatureCache, view_keys

PREPARING = Preprocessing((1, 28, 28), (0.1,), (0.3,))
LAYERS = TorchModel(zoo.load("tutorial-torch").plan().cut("max_pool1")[0])
SHAPE = LAYERS.plan.output


def keys(*numbers: int) -> NDArray[np.uint8]:
    return np.repeat(np.asarray(numbers, np.uint8)[:, None], 16, axis=1)


class Computing:
    """Computes features that say which image they are of, and notes which ones it was asked for."""

    def __init__(self, names: NDArray[np.uint8]) -> None:
        self.names = names[:, 0]
        self.asked: list[int] = []

    def __call__(self, numbers: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        self.asked += self.names[numbers].tolist()
        for number in numbers:
            yield np.full((1, *SHAPE), self.names[number], np.float32)


def stored(cache: FeatureCache, *numbers: int) -> tuple[list[float], list[int]]:
    computing = Computing(keys(*numbers))
    features = cache.stored(keys(*numbers), computing)[np.arange(len(numbers))]
    assert features.shape == (len(numbers), *SHAPE)
    return features[:, 0, 0, 0].tolist(), computing.asked


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FeatureCache:
    monkeypatch.setenv("CONVLENS_CACHE", str(tmp_path))
    return FeatureCache(LAYERS, PREPARING)


def test_no_image_is_computed_twice_in_any_order_or_set(cache: FeatureCache) -> None:
    assert stored(cache, 3, 1, 3, 2) == ([3, 1, 3, 2], [1, 3, 2])
    again = FeatureCache(LAYERS, PREPARING)
    assert stored(again, 2, 9, 1) == ([2, 9, 1], [9])
    assert stored(again, 9, 3) == ([9, 3], [])


def test_other_weights_and_another_preparation_are_other_features(cache: FeatureCache) -> None:
    stored(cache, 1)
    assert stored(FeatureCache(TorchModel(LAYERS.plan, seed=1), PREPARING), 1)[1] == [1]
    other = Preprocessing((1, 28, 28), (0.2,), (0.3,))
    assert stored(FeatureCache(LAYERS, other), 1)[1] == [1]


def test_a_view_has_keys_of_its_own() -> None:
    plain = keys(1, 2)
    one, other = view_keys(plain, "0 1"), view_keys(plain, "0 2")
    assert len({key.tobytes() for key in (*plain, *one, *other)}) == 6
    assert np.array_equal(one, view_keys(plain, "0 1"))


def test_a_damaged_file_is_computed_again(cache: FeatureCache) -> None:
    stored(cache, 1, 2)
    (file,) = cache.folder.glob("*.npy")
    file.write_bytes(file.read_bytes()[:-3])
    assert stored(cache, 1, 2) == ([1, 2], [1, 2])


def test_an_interruption_leaves_nothing_half_written(cache: FeatureCache) -> None:
    def interrupted(numbers: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        yield np.zeros((1, *SHAPE), np.float32)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.stored(keys(1, 2), interrupted)
    assert list(cache.folder.iterdir()) == []


def test_many_images_are_written_in_several_files(
    cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_cache, "PART_BYTES", 2 * 4 * int(np.prod(SHAPE)))
    assert stored(cache, 1, 2, 3, 4, 5)[0] == [1, 2, 3, 4, 5]
    assert len(list(cache.folder.glob("*.npy"))) == 3
    assert stored(cache, 5, 1) == ([5, 1], [])


def test_without_a_cache_features_lie_in_temporary_files_that_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CONVLENS_CACHE", "off")
    cache = FeatureCache(LAYERS, PREPARING)
    assert stored(cache, 1)[1] == [1]
    assert stored(cache, 1)[1] == []
    folder = cache.folder
    assert folder.is_dir()
    del cache
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_costs_computing_again(
    cache: FeatureCache, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    try:
        assert stored(cache, 1)[0] == [1]
    finally:
        tmp_path.chmod(0o700)


def test_the_longest_unused_files_go_first(
    cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        stored(cache, number)
    files = {f.stat().st_mtime_ns: f for f in cache.folder.glob("*.npy")}
    for age, file in enumerate(files[time] for time in sorted(files)):
        os.utime(file, (10.0 + age, 10.0 + age))
    stored(cache, 1)  # used again
    one = 4 * int(np.prod(SHAPE))
    monkeypatch.setenv("CONVLENS_CACHE_LIMIT", str(2 * 3 * one + 4000))
    stored(cache, 4)
    assert stored(cache, 1, 3, 4)[1] == []
    assert stored(cache, 2)[1] == [2]
