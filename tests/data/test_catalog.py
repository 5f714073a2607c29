"""The catalogue is whole, and a name promises a content."""

from __future__ import annotations

import gzip
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from convlens import data
from convlens.data import digits, formats
from convlens.data.catalog import catalog, content_hash, find, places
from convlens.data.dataset import Split
from convlens.data.known import read_known
from convlens.data.preprocessing import mean_std
from convlens.foundation.errors import DataError

SETS = catalog()


@pytest.mark.parametrize("name", SETS)
def test_an_entry_is_whole(name: str) -> None:
    entry = SETS[name]
    assert len(set(entry.classes)) == len(entry.classes) >= 10
    assert min(entry.counts) >= 1000
    assert entry.homepage.startswith("http")
    assert entry.licence
    assert entry.citation
    assert entry.format == "embedded" or formats.make(entry.format, entry.options)
    for file in entry.files:
        algorithm, _, digits_ = file.known_hash.partition(":")
        assert re.fullmatch("[0-9a-f]+", digits_)
        assert len(digits_) == {"sha256": 64, "md5": 32}[algorithm]
    for mirror in entry.mirrors:
        assert re.fullmatch(r"https?://\S+/", mirror)
    assert bool(entry.files) == bool(entry.mirrors)


def test_all_the_sets_that_are_promised_are_known() -> None:
    promised = "mnist fashion-mnist kmnist emnist-letters emnist-balanced qmnist usps cifar-10"
    assert {*promised.split(), "cifar-100", "svhn", "stl-10", "digits-5k"} <= set(SETS)
    assert [len(SETS[name].classes) for name in ("cifar-100", "emnist-balanced")] == [100, 47]


def test_the_embedded_digits_are_the_published_ones() -> None:
    train, test = digits.read()
    assert content_hash(train) == SETS["digits-5k"].content["train"]
    assert content_hash(test) == SETS["digits-5k"].content["test"]
    mean, std = mean_std(train.images)
    np.testing.assert_allclose(
        (mean, std), (SETS["digits-5k"].mean, SETS["digits-5k"].std), 0, 1e-6
    )


@pytest.mark.parametrize("name", ["mnist", "cifar10-subset"])
def test_real_sets_have_the_content_and_statistics_of_the_catalogue(
    name: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLENS_DATA", str(shared_data))
    entry, arrays = read_known(name)
    mean, std = mean_std(arrays.train.images)
    np.testing.assert_allclose((mean, std), (entry.mean, entry.std), rtol=0, atol=1e-6)


def test_one_pixel_or_label_changes_the_content() -> None:
    train, _ = digits.read()
    pixel = train.images.copy()
    pixel[7, 0, 3, 3] ^= 1
    assert content_hash(Split(pixel, train.labels)) != content_hash(train)
    assert content_hash(Split(train.images, (train.labels + 1) % 10)) != content_hash(train)


def idx_set(folder: Path, count: int, tests: int) -> Path:
    folder.mkdir(parents=True)
    for name, shape in (
        ("train-images-idx3", (count, 28, 28)),
        ("train-labels-idx1", (count,)),
        ("t10k-images-idx3", (tests, 28, 28)),
        ("t10k-labels-idx1", (tests,)),
    ):
        head = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
        content = np.arange(np.prod(shape), dtype=np.uint32) % (10 if "labels" in name else 251)
        packed = gzip.compress(head + content.astype(np.uint8).tobytes(), 1)
        (folder / f"{name}-ubyte.gz").write_bytes(packed)
    return folder


def test_another_set_under_a_known_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path))
    idx_set(tmp_path / "mnist", 300, 100)
    with pytest.raises(DataError, match=r"is another set: its train part has \(300, 1, 28, 28\)"):
        data.load("mnist")
    shutil.rmtree(tmp_path / "mnist")
    idx_set(tmp_path / "mnist", 60_000, 10_000)
    with pytest.raises(DataError, match="content of its train part is not the published one"):
        data.load("mnist")


def test_a_set_whose_content_nobody_knows_is_not_taken_from_a_shared_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVLENS_DATA", str(idx_set(tmp_path / "data", 20, 20)))
    assert list(find("kmnist")) == []  # the four names could be those of any IDX set
    assert tmp_path / "data" not in places("kmnist")
    assert list(find("mnist")) == [tmp_path / "data"]


def test_a_missing_set_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path))
    with pytest.raises(DataError, match="kmnist is not on this machine") as told:
        data.load("kmnist")
    assert told.value.fix == "convlens data get kmnist"
    with pytest.raises(DataError, match='did you mean "kmnist"'):
        data.load("kmnis")
