"""What a training is done on, and that recordings do not lie on both sides of the split."""

from __future__ import annotations

import csv
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from convlens.serve.photos.collection import Collection, Photo, PhotoClass
from convlens.serve.photos.snapshot import divided_recordings, photos_to_test_with, write_snapshot


def collection(**classes: list[str | None]) -> Collection:
    """Return a collection whose photos have these recordings."""
    made = [
        PhotoClass(
            str(number),
            name,
            tuple(
                Photo(f"{number}{place:019x}", ".jpg", 1, recording)
                for place, recording in enumerate(recordings)
            ),
        )
        for number, (name, recordings) in enumerate(classes.items(), start=1)
    ]
    return Collection("0" * 12, "2026", classes=tuple(made))


recordings = st.lists(st.sampled_from([None, "a", "b", "c", "d"]), max_size=60)


@given(recordings, recordings)
def test_every_class_is_trained_on_and_tested_with(one, other) -> None:
    photos = collection(one=one, other=other)
    tested = photos_to_test_with(photos)
    if tested is None:
        assert not any(one + other)
        return
    for label in photos.classes:
        count = sum(photo.id in tested for photo in label.photos)
        # of no photo or a single one, none is tested with
        fewest = min(1, len(label.photos) // 2)
        assert fewest <= count <= max(fewest, len(label.photos) // 2)


@given(recordings)
def test_a_recording_is_divided_only_where_nothing_else_is_left(one) -> None:
    photos = collection(one=[*one, "x"])
    tested = photos_to_test_with(photos)
    assert tested is not None
    label = photos.classes[0]
    largest = max(
        sum(photo.recording == name for photo in label.photos)
        for name in {photo.recording for photo in label.photos if photo.recording}
    )
    for name in divided_recordings(photos):
        assert name == "one"
        # whatever else there is, is no more than half of the class only if the recording is more
        assert 2 * largest > len(label.photos)


def test_three_recordings_are_tested_with_one_of_them() -> None:
    photos = collection(cat=["a"] * 20 + ["b"] * 20 + ["c"] * 20)
    tested = photos_to_test_with(photos)
    assert tested is not None
    assert len(tested) == 20
    assert len({photo.recording for photo in photos.photos if photo.id in tested}) == 1
    assert divided_recordings(photos) == []


def test_the_end_of_a_single_recording_is_tested() -> None:
    photos = collection(cat=["a"] * 20, dog=["b"] * 20 + ["c"] * 20)
    tested = photos_to_test_with(photos)
    assert tested is not None
    assert [photo.id in tested for photo in photos.classes[0].photos] == [False] * 16 + [True] * 4
    assert divided_recordings(photos) == ["cat"]


def test_the_data_has_names_as_data_and_links_to_the_photos(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    photos = collection(**{'a "b", c': [None] * 3, "../d": ["r"] * 2})
    for photo in photos.photos:
        (tmp_path / "photos" / photo.file).write_text(photo.id)
    write_snapshot(photos, tmp_path / "photos", tmp_path / "data")
    with (tmp_path / "data" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ['a "b", c'] * 3 + ["../d"] * 2
    assert {row["split"] for row in rows} == {"train", "test"}
    for row in rows:
        assert (tmp_path / "data" / row["file"]).read_text() == Path(row["file"]).stem
