"""Each format's arrays are the ones that were written, in the right order and orientation."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from convlens import data
from convlens.data import formats
from convlens.data.formats.cifar import Cifar, read_cifar
from convlens.data.formats.idx import Idx, read_idx, read_labels
from convlens.data.formats.libsvm import read_libsvm
from convlens.data.formats.mat import read_mat
from convlens.data.formats.npz import Npz
from convlens.data.formats.parquet import Parquet
from convlens.data.formats.stl import read_images
from convlens.foundation.errors import DataError

RNG = np.random.default_rng(0)
SMALL = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))


def idx(array: np.ndarray) -> bytes:
    kind = {"uint8": 8, "int32": 12}[array.dtype.name]
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


@given(SMALL, st.booleans())
def test_idx_gives_what_was_written(images: np.ndarray, packed: bool) -> None:
    content = idx(images)
    np.testing.assert_array_equal(
        read_idx(gzip.compress(content) if packed else content, 3), images
    )


def test_the_class_is_the_first_of_qmnists_eight_numbers() -> None:
    table = RNG.integers(0, 1000, (5, 8)).astype(np.int32)
    np.testing.assert_array_equal(read_labels(idx(table)), table[:, 0])


def test_emnist_is_turned_upright_and_its_letters_start_at_0(tmp_path: Path) -> None:
    form = Idx(prefix="emnist-letters-", test="test", transposed=True, first_label=1)
    images = RNG.integers(0, 256, (4, 28, 28), dtype=np.uint8)
    for part in ("train", "test"):
        stem = f"emnist-letters-{part}"
        (tmp_path / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{stem}-labels-idx1-ubyte").write_bytes(idx(np.arange(1, 5, dtype=np.uint8)))
    arrays = form.read(form.find(tmp_path) or {})
    np.testing.assert_array_equal(arrays.train.images[:, 0], images.transpose(0, 2, 1))
    assert arrays.train.labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("labels", [1, 2])
def test_cifar_gives_what_was_written(tmp_path: Path, labels: int) -> None:
    images = RNG.integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)
    numbers = RNG.integers(0, 100, (10, labels)).astype(np.uint8)
    records = np.concatenate([numbers, images.reshape(10, -1)], axis=1)
    form = Cifar(labels)
    names = [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]
    for number, name in enumerate(names if labels == 1 else ["train.bin", "test.bin"]):
        (tmp_path / name).write_bytes(records[number : number + 2].tobytes())
    recognised, files = formats.recognise(tmp_path) or (None, {})
    assert recognised == form
    train = form.read(files).train
    assert len(train) == (10 if labels == 1 else 2)
    np.testing.assert_array_equal(train.images[1], images[1])
    assert train.labels[1] == numbers[1, -1]
    with pytest.raises(DataError, match="a whole number of records"):
        read_cifar(records.tobytes()[:-1], labels)


def test_stl_is_stored_by_columns() -> None:
    images = RNG.integers(0, 256, (2, 3, 96, 96), dtype=np.uint8)
    stored = images.transpose(0, 1, 3, 2).tobytes()
    np.testing.assert_array_equal(read_images(stored), images)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int64])
def test_mat_gives_what_scipy_wrote(packed: bool, dtype: type) -> None:
    images = RNG.integers(0, 256, (32, 32, 3, 7), dtype=np.uint8)
    labels = np.array([[10], [1], [2], [3], [9], [10], [5]]).astype(dtype)
    buffer = io.BytesIO()
    other = {"unused": np.zeros(100), "text": "no"}
    scipy.io.savemat(buffer, {**other, "X": images, "y": labels}, do_compression=packed)
    part = read_mat(buffer.getvalue())
    np.testing.assert_array_equal(part.images, images.transpose(3, 2, 0, 1))
    assert part.labels.tolist() == [0, 1, 2, 3, 9, 0, 5]


def test_a_mat_bomb_is_refused_before_it_is_inflated() -> None:
    buffer = io.BytesIO()
    bomb = {"X": np.zeros((32, 32, 3, 1000), np.uint8), "y": np.ones((1000, 1))}
    scipy.io.savemat(buffer, bomb, do_compression=True)
    assert len(buffer.getvalue()) < 20_000
    with pytest.raises(DataError, match="declares an array of 32 x 32 x 3 x 1000"):
        read_mat(buffer.getvalue(), limit=1_000_000)


@given(hnp.arrays(np.uint8, (3, 256)))
def test_libsvm_gives_what_was_written(images: np.ndarray) -> None:
    values = images / 255 * 2 - 1
    lines = [
        f"{n + 1} " + " ".join(f"{i + 1}:{v:.6f}" for i, v in enumerate(row))
        for n, row in enumerate(values)
    ]
    part = read_libsvm(bz2.compress("\n".join(lines).encode()))
    np.testing.assert_array_equal(part.images.reshape(3, 256), images)
    assert part.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("place", "written"),
    [(0, "0"), (0, "11"), (0, "x"), (5, ""), (5, "6:0"), (5, "5:1.1"), (5, "5:nan"), (5, "a:0")],
)
def test_a_libsvm_line_of_another_form_is_named(place: int, written: str) -> None:
    words = ["1"] + [f"{index}:0" for index in range(1, 257)]
    good = " ".join(words)
    words[place] = written
    assert len(read_libsvm(good.encode())) == 1
    with pytest.raises(DataError, match="line 2 of"):
        read_libsvm(f"{good}\n{' '.join(words)}\n".encode())


def test_npz_keeps_its_class_names(tmp_path: Path) -> None:
    images, labels = np.zeros((20, 4, 4), np.uint8), np.arange(20) % 2
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(tmp_path / "set.npz", classes=np.array(["cat", "dog"]), **arrays)
    assert Npz().find(tmp_path) == {"npz": tmp_path / "set.npz"}
    assert data.load(tmp_path / "set.npz").classes == ("cat", "dog")


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def table(path: Path, images: list[object], labels: list[object], names: list[str] | None = None):
    made = pa.table({"image": images, "label": labels})
    if names:
        features = {"info": {"features": {"label": {"names": names}}}}
        made = made.replace_schema_metadata({"huggingface": json.dumps(features)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(made, path)


def test_parquet_of_a_hub_set_is_read(tmp_path: Path) -> None:
    digits = data.load("digits-5k").train
    rows = [{"bytes": png(image[0]), "path": None} for image in digits.images[:60]]
    labels = digits.labels[:60].tolist()
    names = [f"digit {n}" for n in range(10)]
    table(tmp_path / "data" / "train-00000-of-00002.parquet", rows[:20], labels[:20], names)
    table(tmp_path / "data" / "train-00001-of-00002.parquet", rows[20:40], labels[20:40], names)
    table(tmp_path / "data" / "test-00000-of-00001.parquet", rows[40:], labels[40:], names)
    form = Parquet()
    arrays = form.read(form.find(tmp_path) or {})
    np.testing.assert_array_equal(arrays.train.images, digits.images[:40])
    assert arrays.train.labels.tolist() == labels[:40]
    assert arrays.test is not None
    assert arrays.test.labels.tolist() == labels[40:]
    assert arrays.classes == tuple(names)


def test_parquet_of_one_part_and_text_labels_is_split(tmp_path: Path) -> None:
    rows = [RNG.integers(0, 256, (6, 5)).tolist() for _ in range(40)]
    table(tmp_path / "all.parquet", rows, ["dog", "cat"] * 20)
    dataset = data.load(tmp_path / "all.parquet")
    assert dataset.classes == ("cat", "dog")
    assert dataset.preprocessing.input == (1, 6, 5)
    parts = dataset.train, dataset.validation, dataset.test
    assert sum(map(len, parts)) == 40
    assert all(set(part.labels) == {0, 1} for part in parts)


def test_parquet_of_mixed_sizes_takes_the_wanted_size(tmp_path: Path) -> None:
    sides = [20, 30, 40, 50] * 10
    rows = [{"bytes": png(RNG.integers(0, 256, (s, s, 3), dtype=np.uint8))} for s in sides]
    table(tmp_path / "all.parquet", rows, [0, 1] * 20)
    assert data.load(tmp_path / "all.parquet").preprocessing.input == (3, 35, 35)
    wanted = data.load(tmp_path / "all.parquet", input_shape=(1, 28, 28))
    assert wanted.preprocessing.input == (1, 28, 28)


def test_parquet_names_bad_images_or_leaves_them_out(tmp_path: Path) -> None:
    rows = [{"bytes": png(RNG.integers(0, 256, (8, 8), dtype=np.uint8))} for _ in range(40)]
    rows[7] = {"bytes": b"nothing"}
    table(tmp_path / "all.parquet", rows, [0, 1] * 20)
    with pytest.raises(DataError, match="row 8 of"):
        data.load(tmp_path / "all.parquet")
    skipped = data.load(tmp_path / "all.parquet", bad_images="skip")
    assert any("row 8 of" in note for note in skipped.notes)


def test_a_path_in_a_parquet_table_stays_below_it(tmp_path: Path) -> None:
    Image.fromarray(RNG.integers(0, 256, (8, 8), dtype=np.uint8)).save(tmp_path / "secret.png")
    rows = [{"path": "../secret.png"}, {"path": str(tmp_path / "secret.png")}]
    table(tmp_path / "set" / "all.parquet", rows, [0, 1])
    with pytest.raises(DataError, match="no image that can be read"):
        data.load(tmp_path / "set" / "all.parquet")
    (tmp_path / "secret.png").rename(tmp_path / "set" / "secret.png")
    table(tmp_path / "set" / "all.parquet", [{"path": "secret.png"}] * 2, [0, 1])
    assert len(Parquet().read({"train_0": tmp_path / "set" / "all.parquet"}).train) == 2
