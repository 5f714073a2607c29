"""Archives of honest content: whole, once, and only what is wanted."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens import data
from convlens.data.archives import top, unpack, unpacked
from convlens.foundation.errors import DataError

FILES = {
    "set/cat/1.txt": b"one",
    "set/dog/2.txt": b"two" * 1000,
    "set/__MACOSX/x": b"",
    "set/._a": b"",
}


def pack(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as zipped:
            for name, content in files.items():
                zipped.writestr(name, content)
    else:
        mode = {".tar": "w", ".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}[path.suffix]
        with tarfile.open(path, mode) as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_what_was_packed_comes_out(tmp_path: Path, name: str) -> None:
    unpack(pack(tmp_path / name, FILES), tmp_path / "out")
    found = {
        str(path.relative_to(tmp_path / "out")): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == dict(list(FILES.items())[:2])


def test_only_the_wanted_members_are_written(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", FILES)
    unpack(archive, tmp_path / "out", members=["set/cat/1.txt"])
    assert [path.name for path in (tmp_path / "out").rglob("*.txt")] == ["1.txt"]
    with pytest.raises(DataError, match="it has no absent"):
        unpack(archive, tmp_path / "again", members=["absent"])


def test_an_archive_is_unpacked_once_until_it_changes(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", FILES)
    folder = unpacked(archive)
    (folder / "mark").touch()
    assert unpacked(archive) == folder
    assert (folder / "mark").exists()
    pack(archive, {**FILES, "set/more": b"3"})
    assert unpacked(archive) != folder


def test_a_folder_inside_single_folders_is_found(tmp_path: Path) -> None:
    assert top(unpacked(pack(tmp_path / "a.zip", FILES))).name == "set"


def test_a_zip_of_an_image_folder_is_a_data_set(tmp_path: Path) -> None:
    digits = data.load("digits-5k").train
    files = {}
    for label in (0, 1):
        for number, index in enumerate(np.flatnonzero(digits.labels == label)[:12]):
            buffer = io.BytesIO()
            Image.fromarray(digits.images[index, 0]).save(buffer, "PNG")
            files[f"photos/{label}/{number}.png"] = buffer.getvalue()
    dataset = data.load(pack(tmp_path / "photos.zip", files))
    assert (dataset.name, dataset.classes) == ("photos", ("0", "1"))
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 24
    assert dataset.preprocessing.input == (1, 28, 28)
    assert data.load_like(dataset.to_json()).fingerprint == dataset.fingerprint


def test_a_zip_of_an_npz_is_a_data_set(tmp_path: Path) -> None:
    labels = np.arange(40) % 2
    buffer = io.BytesIO()
    images = np.zeros((40, 4, 4), np.uint8)
    np.savez(buffer, x_train=images, y_train=labels, x_test=images, y_test=labels)
    dataset = data.load(pack(tmp_path / "set.zip", {"set.npz": buffer.getvalue()}))
    assert len(dataset.test) == 40
