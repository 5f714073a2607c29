"""`load`: a data set by its name or its path, in three parts that never mix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from convlens.data import digits
from convlens.data.catalog import CATALOG, Entry, find, places
from convlens.data.dataset import Dataset, Split, check_split
from convlens.data.decode import shown
from convlens.data.folder import TEST_FRACTION, is_image_folder, read_folder, split_by_content
from convlens.data.idx import find_idx, read_idx
from convlens.data.npz import read_npz
from convlens.data.preprocessing import Framing, Preprocessing, background_of, mean_std
from convlens.data.split import check_fraction, hold_out
from convlens.errors import DataError, nearest


def load(
    source: str | Path,
    *,
    input_shape: tuple[int, int, int] | None = None,
    validation: float = 0.1,
    validation_method: str = "stratified",
    split_seed: int = 0,
    normalise: str = "train",
    bad_images: str = "fail",
) -> Dataset:
    """Load a known set, a folder with IDX files, a `.npz` file or a folder of images.

    Parameters
    ----------
    source : str or Path
        A name of `names()`, or a path.
    input_shape : (C, H, W), optional
        What a folder of images is brought to; sets of one fixed size keep theirs.
    validation : float
        Share of the training images that is held out.
    validation_method : {"stratified", "last"}
        See `hold_out`.
    split_seed : int
        Seed of the splits.
    normalise : {"train", "unit", "half"}
        Mean and std of the training part (after validation was held out), 0 and 1, or 0.5
        and 0.5.
    bad_images : {"fail", "skip"}
        What to do with unreadable files of an image folder.

    Raises
    ------
    DataError
        Where there is no such set, or it cannot be trained on.
    """
    check_fraction(validation, split_seed)
    raw = _read(source, input_shape, bad_images, split_seed)
    split: dict[str, Any] = {"seed": split_seed, **raw.split}
    if raw.validation is not None:
        train, held = raw.train, raw.validation
        split["method"] = "folders"
    else:
        if raw.by_content and validation_method == "stratified":
            train, held = split_by_content(raw.train, validation, split_seed + 1)
        else:
            kept, chosen = hold_out(raw.train.labels, validation, validation_method, split_seed)
            train, held = raw.train.take(kept), raw.train.take(chosen)
        split |= {"fraction": validation, "method": validation_method}
    channels = train.images.shape[1]
    if normalise == "train":
        mean, std = mean_std(train.images)
    elif normalise in ("unit", "half"):
        mean, std = ((0.0,), (1.0,)) if normalise == "unit" else ((0.5,), (0.5,))
        mean, std = mean * channels, std * channels
    else:
        raise DataError(f'normalise is "{normalise}"', "train, unit or half", "use one of these")
    preprocessing = Preprocessing(
        raw.input,
        mean,
        std,
        framing=raw.framing,
        background=background_of(train.images),
        fit="crop" if raw.by_content else "exact",
    )
    split |= {"normalise": normalise, "bad_images": bad_images}
    return Dataset(
        raw.name,
        str(source),
        raw.classes,
        train,
        held,
        raw.test,
        preprocessing,
        split,
        tuple(raw.notes),
    )


def load_like(recorded: Mapping[str, Any], source: str | None = None) -> Dataset:
    """Load the data of a run again, as its `data.json` records it.

    Parameters
    ----------
    recorded : mapping
        The content of `data.json`.
    source : str, optional
        Another source of the same classes, prepared with the run's statistics.

    Raises
    ------
    DataError
        Where the recorded source has changed since, or the classes differ.
    """
    preprocessing = Preprocessing.from_dict(recorded.get("preprocessing"))
    split = recorded.get("split")
    if not isinstance(split, Mapping) or not isinstance(recorded.get("source"), str):
        raise DataError("data.json is damaged", "a source and a split", "train again")
    if not (source or recorded["source"]):  # a model that convlens did not train
        raise DataError(
            "the model was imported: the data it was trained on is not known",
            "data of its classes",
            "name some where the command takes it: --data NAME|PATH",
        )
    dataset = load(
        source or recorded["source"],
        input_shape=preprocessing.input,
        validation=float(split.get("fraction", 0.1)),
        validation_method=str(split.get("method", "stratified")).replace("folders", "stratified"),
        split_seed=int(split.get("seed", 0)),
        normalise=str(split.get("normalise", "train")),
        bad_images=str(split.get("bad_images", "fail")),
    )
    if list(dataset.classes) != list(recorded.get("classes", [])):
        raise DataError(
            f"{shown(str(source or recorded['source']))} has the classes "
            f"{', '.join(dataset.classes[:8])}",
            "the run's classes " + ", ".join(map(str, recorded.get("classes", [])[:8])),
            "use data of the same classes",
        )
    if dataset.preprocessing.input != preprocessing.input:
        raise DataError(
            f"its images are {dataset.preprocessing.input}",
            f"the run's {preprocessing.input}",
            "use data of the same size, or a folder of images",
        )
    if source is None and dataset.fingerprint != recorded.get("fingerprint"):
        raise DataError(
            f"{shown(recorded['source'])} has changed since the run was trained",
            f"data with the fingerprint {str(recorded.get('fingerprint'))[:12]}",
            "restore it, or name the new data with --data",
        )
    return replace(dataset, preprocessing=preprocessing)


@dataclass(frozen=True)
class _Raw:
    """A set as its files give it, before validation is held out."""

    name: str
    classes: tuple[str, ...]
    input: tuple[int, int, int]
    train: Split
    test: Split
    validation: Split | None = None
    framing: Framing = "none"
    by_content: bool = False
    split: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _read(
    source: str | Path, input_shape: tuple[int, int, int] | None, bad_images: str, seed: int
) -> _Raw:
    name = str(source)
    if name == "digits-5k":
        train, test = digits.read()
        return _fixed(name, CATALOG[name], train, test)
    if name in CATALOG:
        entry = CATALOG[name]
        place = find(name, entry)
        if place is None:
            raise DataError(
                f"{name} is not on this machine; looked in "
                + ", ".join(str(folder) for folder in places(name)),
                "its files in one of these folders",
                entry.how_to_get,
            )
        return _fixed(name, entry, *_read_files(place))
    path = Path(source)
    try:
        if path.suffix == ".npz" or (path.is_dir() and find_idx(path)):
            return _unknown(path, *_read_files(path))
        if path.is_dir() and is_image_folder(path):
            return _read_images(path, input_shape, bad_images, seed)
    except OSError as error:
        raise DataError(f"{shown(name)} cannot be read: {error.strerror}", "a data set") from None
    raise DataError(
        f'"{shown(name)}" is neither a known data set nor a folder of images'
        f"{nearest(name, CATALOG)}",
        "one of " + ", ".join(CATALOG) + ", a folder with a subfolder a class, a folder with IDX "
        "files, or a .npz file",
        "see convlens data list, or check the path",
    )


def _read_files(place: Path) -> tuple[Split, Split]:
    """Read a training and a test part from a .npz file or a folder of IDX files."""
    if place.suffix == ".npz":
        arrays = read_npz(place)
    else:
        files = find_idx(place) or {}
        arrays = {
            role: read_idx(path, 3 if "images" in role else 1) for role, path in files.items()
        }
        for part in ("train", "test"):
            arrays[f"{part}_images"] = arrays[f"{part}_images"][:, None]
    train, test = (
        Split(arrays[f"{part}_images"], arrays[f"{part}_labels"].astype("int64"))
        for part in ("train", "test")
    )
    return train, test


def _fixed(name: str, entry: Entry, train: Split, test: Split) -> _Raw:
    for part, split in (("train", train), ("test", test)):
        check_split(split, len(entry.classes), f"the {part} part of {name}")
    shape = train.images.shape[1:]
    return _Raw(name, entry.classes, shape, train, test, framing=entry.framing)


def _unknown(path: Path, train: Split, test: Split) -> _Raw:
    """Name the classes of a set that brings none by their numbers."""
    for part, split in (("train", train), ("test", test)):
        check_split(split, 2**31, f"the {part} part of {shown(path)}")
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DataError(
            f"{shown(path)} has training images of {train.images.shape[1:]} and test images of "
            f"{test.images.shape[1:]}",
            "one size",
            "correct the file",
        )
    count = int(max(train.labels.max(), test.labels.max())) + 1
    if count > len(train):
        raise DataError(
            f"{shown(path)} has labels up to {count - 1} and {len(train)} training images",
            "labels 0, 1, 2, ... without gaps",
            "renumber the labels",
        )
    classes = tuple(str(number) for number in range(count))
    return _Raw(path.stem or str(path), classes, train.images.shape[1:], train, test)


def _read_images(
    path: Path, input_shape: tuple[int, int, int] | None, bad_images: str, seed: int
) -> _Raw:
    found = read_folder(path, input_shape, bad_images)
    split: dict[str, Any] = {}
    parts = found.parts
    train = parts.get("train", parts.get("all"))
    assert train is not None  # read_folder gives one of the two
    if "test" in parts:
        test = parts["test"]
    else:
        check_split(train, len(found.classes), shown(path))
        train, test = split_by_content(train, TEST_FRACTION, seed)
        split["test_fraction"] = TEST_FRACTION
    return _Raw(
        shown(path.resolve().name),
        found.classes,
        found.input,
        train,
        test,
        validation=parts.get("validation"),
        by_content=True,
        split=split,
        notes=tuple(found.notes),
    )
