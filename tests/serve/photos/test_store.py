"""Collections of photos on the disk."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photos as pictures
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem
from convlens.serve.photos.archive import add_archive
from convlens.serve.photos.collection import Collection
from convlens.serve.photos.store import FOLDER, Named, PhotoStore

LIMITS = replace(Limits(), photos=40, photo_collections=3, photo_classes=4)


def jpeg(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


TILES = {name: [jpeg(tile) for tile in pictures.tiles(name)[-30:]] for name in pictures.CLASSES}


def files(name: str, count: int, start: int = 0) -> list[Named]:
    chosen = TILES[name][start : start + count]
    return [(f"{name}-{n}.jpg", partial(bytes, content)) for n, content in enumerate(chosen)]


@pytest.fixture
def store(tmp_path: Path) -> PhotoStore:
    return PhotoStore(tmp_path / "runs", LIMITS)


@pytest.fixture
def collection(store: PhotoStore) -> Collection:
    return store.create(["china", "flower"])


def counts(collection: Collection) -> dict[str, int]:
    return {one.name: len(one.photos) for one in collection.classes}


def test_photos_are_kept_byte_for_byte_with_a_small_picture(
    store: PhotoStore, collection: Collection
) -> None:
    added = store.add(collection.id, "1", files("china", 3))
    assert (added.added, added.known, added.refused) == (3, 0, ())
    again = PhotoStore(store.root.parent, LIMITS).collection(collection.id)
    assert counts(again) == {"china": 3, "flower": 0}
    kept = [store.photo(collection.id, photo.id)[0] for photo in again.photos]
    assert kept == TILES["china"][:3]
    small = Image.open(io.BytesIO(store.thumbnail(collection.id, again.photos[0].id)))
    assert (small.format, small.size) == ("JPEG", (64, 64))
    assert again.bytes == sum(map(len, kept))


def test_others_on_this_machine_cannot_look_into_the_folder(
    store: PhotoStore, collection: Collection
) -> None:
    assert store.root.stat().st_mode & 0o077 == 0


def test_each_file_is_taken_or_refused_by_itself(store: PhotoStore, collection: Collection) -> None:
    good = TILES["china"][0]
    animated = io.BytesIO()
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save(animated, "GIF", save_all=True, append_images=frames[1:])
    sent = {
        "good.jpg": good,
        "cut.jpg": good[: len(good) // 2],
        "text.jpg": b"no photo at all",
        "empty.png": b"",
        "dot.png": jpeg(np.zeros((4, 4, 3), np.uint8)),
        "film.gif": animated.getvalue(),
        "again.jpg": good,
    }
    added = store.add(collection.id, "1", [(n, partial(bytes, c)) for n, c in sent.items()])
    assert (added.added, added.known) == (1, 1)
    told = {one.file: one.what for one in added.refused}
    assert list(told) == ["cut.jpg", "text.jpg", "empty.png", "dot.png", "film.gif"]
    assert "4 x 4 pixels" in told["dot.png"]
    assert "animated" in told["film.gif"]
    assert len(list((store.root / collection.id / "photos").iterdir())) == 1


def test_a_photo_lies_in_one_class(store: PhotoStore, collection: Collection) -> None:
    store.add(collection.id, "1", files("china", 1))
    added = store.add(collection.id, "2", files("china", 1))
    (refused,) = added.refused
    assert refused.what == 'the same photo is in the class "china"'
    assert counts(added.collection) == {"china": 1, "flower": 0}


def test_what_is_removed_is_gone_from_the_disk(store: PhotoStore, collection: Collection) -> None:
    photo, *_ = store.add(collection.id, "1", files("china", 3)).collection.photos
    assert counts(store.remove(collection.id, photo.id)) == {"china": 2, "flower": 0}
    with pytest.raises(Problem, match="no such photo"):
        store.photo(collection.id, photo.id)
    assert counts(store.remove_class(collection.id, "1")) == {"flower": 0}
    for part in ("photos", "thumbnails"):
        assert list((store.root / collection.id / part).iterdir()) == []
    store.delete(collection.id)
    assert store.listing() == []
    assert [path.name for path in store.root.iterdir() if path.is_dir()] == []


@pytest.mark.parametrize("name", ["../../etc", "a/b", "train", ".", "猫", "=1+1", 'a"b,c', "CON"])
def test_any_name_is_a_name_and_none_is_a_path(store: PhotoStore, name: str) -> None:
    collection = store.create([name, "other"])
    store.add(collection.id, "1", files("china", 2))
    assert store.collection(collection.id).classes[0].name == name
    written = {path.name for path in store.root.parent.parent.rglob("*")}
    assert name not in written - {".", "train"}


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb\x00", "a\u202eb"])
def test_what_cannot_be_shown_is_no_name(store: PhotoStore, name: str) -> None:
    with pytest.raises(Problem, match="cannot name a class"):
        store.create([name])


def test_classes_have_different_names(store: PhotoStore, collection: Collection) -> None:
    with pytest.raises(Problem, match="already"):
        store.add_class(collection.id, " China ")
    with pytest.raises(Problem, match="already"):
        store.rename_class(collection.id, "2", "CHINA")
    renamed = store.rename_class(collection.id, "2", "Flower")
    assert [one.name for one in renamed.classes] == ["china", "Flower"]
    assert [one.id for one in store.add_class(collection.id, "third").classes] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "name", ["", "..", "../runs", "0" * 12, "x" * 12, ".lock", "0" * 11 + "\n"]
)
def test_no_name_leads_out_of_the_folder(
    store: PhotoStore, collection: Collection, name: str
) -> None:
    asked = (
        lambda: store.collection(name),
        lambda: store.delete(name),
        lambda: store.add(name, "1", []),
        lambda: store.photo(collection.id, name),
        lambda: store.thumbnail(collection.id, name),
        lambda: store.remove(collection.id, name),
        lambda: store.add(collection.id, name, files("china", 1)),
        lambda: store.remove_class(collection.id, name),
    )
    for ask in asked:
        with pytest.raises(Problem) as refused:
            ask()
        assert (refused.value.status, refused.value.code) == (404, "no_such_photos")


def test_there_are_bounds(store: PhotoStore, collection: Collection) -> None:
    store.add(collection.id, "1", files("china", 30))
    with pytest.raises(Problem, match="would have 41 photos") as refused:
        store.add(collection.id, "2", files("flower", 11))
    assert (refused.value.status, refused.value.code) == (413, "too_many_photos")
    assert counts(store.collection(collection.id)) == {"china": 30, "flower": 0}
    store.add_class(collection.id, "three")
    store.add_class(collection.id, "four")
    with pytest.raises(Problem, match="has 4 classes"):
        store.add_class(collection.id, "five")
    store.create([])
    store.create([])
    with pytest.raises(Problem, match="there are 3 collections"):
        store.create([])
    tight = PhotoStore(
        store.root.parent, replace(LIMITS, photo_bytes=store.collection(collection.id).bytes + 10)
    )
    with pytest.raises(Problem, match="more than"):
        tight.add(collection.id, "2", files("flower", 1))


def packed(folder: Path, entries: dict[str, bytes], **more: int) -> Path:
    path = folder / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path


def test_the_folders_of_a_zip_are_classes(store: PhotoStore, collection: Collection) -> None:
    entries = {
        "holiday/china/a.jpg": TILES["china"][0],
        "holiday/china/b.jpg": TILES["china"][1],
        "holiday/Train/dog/c.JPG": TILES["flower"][0],
        "holiday/dog/broken.jpg": b"nothing",
        "holiday/readme.txt": b"text",
        "__MACOSX/holiday/china/._a.jpg": b"text",
        "loose.jpg": TILES["flower"][1],
    }
    with store.incoming() as folder:
        added = add_archive(store, collection.id, packed(folder, entries), "rest", LIMITS)
    assert counts(added.collection) == {"china": 2, "flower": 0, "dog": 1, "rest": 1}
    assert [one.file for one in added.refused] == ["holiday/dog/broken.jpg"]
    assert [path.name for path in store.root.iterdir() if path.name.startswith(".inc")] == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"../../evil.jpg": b"x"}, "leads out of the folder"),
        ({"/etc/evil.jpg": b"x"}, "absolute name"),
        ({f"a/{n}.jpg": b"x" for n in range(161)}, "more than 160 entries"),
        ({"a/bomb.bmp": bytes(40 * 2**20)}, "justify"),
        ({"a/readme.txt": b"x"}, "holds no image"),
    ],
)
def test_a_hostile_zip_is_refused(
    store: PhotoStore, collection: Collection, entries: dict[str, bytes], said: str
) -> None:
    with store.incoming() as folder, pytest.raises(Problem, match=said) as refused:
        add_archive(store, collection.id, packed(folder, entries), "rest", LIMITS)
    assert (refused.value.status, refused.value.code) == (422, "bad_archive")
    assert str(store.root) not in str(refused.value)
    assert counts(store.collection(collection.id)) == {"china": 0, "flower": 0}


def test_a_file_that_is_no_zip_is_refused(store: PhotoStore, collection: Collection) -> None:
    with store.incoming() as folder:
        (folder / "photos.zip").write_bytes(b"PK no zip")
        with pytest.raises(Problem, match="the archive") as refused:
            add_archive(store, collection.id, folder / "photos.zip", "rest", LIMITS)
    assert refused.value.code == "bad_archive"


def test_a_server_removes_what_a_killed_one_left(store: PhotoStore, collection: Collection) -> None:
    store.add(collection.id, "1", files("china", 1))
    home = store.root / collection.id
    (home / "photos" / "0123.jpg").write_bytes(b"half")
    for left in ("training/run", "trained/gone/photos", "trained/kept/photos"):
        (home / left).mkdir(parents=True)
    (store.root / ".incoming-1" / "unpacked").mkdir(parents=True)
    renamed = store.root.parent / "renamed"  # a run keeps its data under any name
    renamed.mkdir()
    source = str(home / "trained" / "kept" / "photos")
    (renamed / "data.json").write_text(json.dumps({"source": source}))
    lock = store.tidy(store.root.parent)
    assert lock is not None
    (home / "training" / "run").mkdir(parents=True)
    assert store.tidy(store.root.parent) is None  # another server's, which is at work
    assert (home / "training" / "run").is_dir()
    lock.release()
    assert len(list((home / "photos").iterdir())) == 1
    assert [path.name for path in (home / "trained").iterdir()] == ["kept"]
    assert not (store.root / ".incoming-1").exists()
    assert store.root.name == FOLDER
