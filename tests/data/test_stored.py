"""Stored images read like the array they were written from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convlens.data.stored import PixelFile, StoredImages
from convlens.foundation.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 3, 8, 9), dtype=np.uint8)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("stored") / "pixels.npy"
    np.save(found, IMAGES)
    return found


@pytest.fixture(scope="module")
def stored(path: Path) -> StoredImages:
    return StoredImages(PixelFile(path), np.arange(len(IMAGES)))


@pytest.mark.parametrize(
    "key",
    [
        *(0, -1, np.int64(7), slice(None), slice(10, 200, 3), slice(5, 5), slice(None, None, -1)),
        *([3, 1, 2], np.array([299, 0, 0, 5]), IMAGES[:, 0, 0, 0] > 128),
        *((4, 1), (slice(2, 9), 0), (slice(None), slice(None), slice(1, 3), 4)),
    ],
    ids=str,
)
def test_every_index_gives_what_the_array_gives(stored: StoredImages, key: Any) -> None:
    np.testing.assert_array_equal(stored[key], IMAGES[key])
    assert isinstance(stored[key], np.ndarray)


def test_shape_and_type_are_the_arrays(stored: StoredImages) -> None:
    part = stored.take([1, 2, 3])
    assert (part.shape, part.dtype, part.ndim, len(part)) == ((3, 3, 8, 9), np.uint8, 4, 3)
    assert part.nbytes == IMAGES[:3].nbytes
    np.testing.assert_array_equal(np.asarray(part), IMAGES[1:4])
    np.testing.assert_array_equal(stored.take([5, 3, 9]).take([2, 0])[:], IMAGES[[9, 5]])


@given(
    st.lists(st.integers(0, 299), max_size=60),
    st.sampled_from([1, 216, 700, 10**6]),
    st.sampled_from([1, 500, 10**6]),
)
def test_rows_come_in_the_order_asked_for_however_they_are_read(
    path: Path, wanted: list[int], span: int, gap: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convlens.data.stored.SPAN_BYTES", span)
        patch.setattr("convlens.data.stored.GAP_BYTES", gap)
        found = PixelFile(path).rows(np.asarray(wanted, np.int64))
    np.testing.assert_array_equal(found, IMAGES[np.asarray(wanted, np.int64)])


@given(st.lists(st.sampled_from([0, 1, 2, None]), min_size=300, max_size=300), st.integers(1, 400))
def test_parts_are_read_in_one_pass(path: Path, owners: list[int | None], rows: int) -> None:
    wanted = [np.flatnonzero([owner == part for owner in owners]) for part in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convlens.data.stored.SPAN_BYTES", rows * IMAGES[0].nbytes)
        found = PixelFile(path).parts(wanted)
    for images, part in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(images, IMAGES[part])


def pieces(path: Path, content: NDArray[Any] | bytes) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    return path


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pixels.npy"
    for content in (
        b"",
        b"\x93NUMPY",
        IMAGES.astype(np.int16),
        IMAGES[0],
        np.asfortranarray(IMAGES),
    ):
        with pytest.raises(DataError, match="cannot be read"):
            PixelFile(pieces(path, content))
    with pytest.raises(DataError, match="cannot be read"):
        PixelFile(tmp_path / "none.npy")
    pieces(path, np.array([{}], dtype=object))  # a pickle: its header says so, and it stays closed
    with pytest.raises(DataError, match="cannot be read"):
        PixelFile(path)


def test_a_file_cut_short_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    path = pieces(tmp_path / "pixels.npy", IMAGES)
    opened = PixelFile(path)
    os.truncate(path, 1000)
    with pytest.raises(DataError, match="shorter"):
        opened.span(290, 10)
    with pytest.raises(DataError, match="not as long as it says"):
        PixelFile(path)
