"""`load`: a data set by its name or its path, in three parts that never mix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convlens.data import digits
from convlens.data.catalog import CATALOG, Entry, find, places
from convlens.data.dataset import Dataset, Split, check_split
from convlens.data.decode import shown
from convlens.data.folder_dataset import folder_dataset
from convlens.data.folders import is_image_folder, read_folder
from convlens.data.idx import find_idx, read_idx
from convlens.data.npz import read_npz
from convlens.data.preprocessing import Framing, Preprocessing, background_of, mean_std
from convlens.data.split import check_fraction, hold_out
from convlens.errors import DataError, nearest

_STATISTICS: dict[str, tuple[float, float] | None] = {
    "train": None,  # those of the training images
    "unit": (0.0, 1.0),
    "half": (0.5, 0.5),
}


def load(
    source: str | Path,
    *,
    input_shape: tuple[int, int, int] | None = None,
    validation: float = 0.1,
    validation_method: str = "stratified",
    split_seed: int = 0,
    normalise: str = "train",
    bad_images: str = "fail",
    fit: str | None = None,
    memory: int | None = None,
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
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
    fit : {"crop", "pad", "stretch"}, optional
        How images of a folder are brought to their input; chosen from a sample by default.
    memory : int, optional
        Bytes that a folder's images may take in memory; half of what is free by default. Where
        they would take more, they stay on disk and are read as they are needed.
    on_event : callable
        Receives `{"event": "decoding", ...}` while a folder is decoded.

    Raises
    ------
    DataError
        Where there is no such set, or it cannot be trained on.
    """
    check_fraction(validation, split_seed)
    if normalise not in _STATISTICS:
        raise DataError(f'normalise is "{normalise}"', "train, unit or half", "use one of these")
    statistics = _STATISTICS[normalise]
    recorded = {"normalise": normalise, "bad_images": bad_images}
    if _is_image_folder(source):
        found = read_folder(
            Path(source), input_shape, bad_images, fit=fit, memory=memory, on_event=on_event
        )
        return folder_dataset(
            str(source),
            found,
            validation=validation,
            validation_method=validation_method,
            split_seed=split_seed,
            statistics=statistics,
            recorded=recorded,
        )
    raw = _read(source)
    kept, chosen = hold_out(raw.train.labels, validation, validation_method, split_seed)
    train, held = raw.train.take(kept), raw.train.take(chosen)
    split: dict[str, Any] = {"seed": split_seed, "fraction": validation}
    split |= {"method": validation_method, **recorded}
    if statistics is None:
        mean, std = mean_std(train.images)
    else:
        mean, std = ((value,) * train.images.shape[1] for value in statistics)
    preprocessing = Preprocessing(
        raw.input,
        mean,
        std,
        framing=raw.framing,
        background=background_of(train.images),
        fit="exact",
    )
    return Dataset(raw.name, str(source), raw.classes, train, held, raw.test, preprocessing, split)


def load_like(
    recorded: Mapping[str, Any],
    source: str | None = None,
    *,
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
) -> Dataset:
    """Load the data of a run again, as its `data.json` records it.

    Parameters
    ----------
    recorded : mapping
        The content of `data.json`.
    source : str, optional
        Another source of the same classes, prepared with the run's statistics.
    on_event : callable
        See `load`.

    Raises
    ------
    DataError
        Where the recorded source has changed since, or the classes differ.
    """
    preprocessing = Preprocessing.from_dict(recorded.get("preprocessing"))
    split = recorded.get("split")
    if not isinstance(split, Mapping) or not isinstance(recorded.get("source"), str):
        raise DataError("data.json is damaged", "a source and a split", "train again")
    dataset = load(
        source or recorded["source"],
        input_shape=preprocessing.input,
        validation=float(split.get("fraction", 0.1)),
        validation_method=str(split.get("method", "stratified")).replace("folders", "stratified"),
        split_seed=int(split.get("seed", 0)),
        normalise=str(split.get("normalise", "train")),
        bad_images=str(split.get("bad_images", "fail")),
        fit=None if preprocessing.fit == "exact" else preprocessing.fit,
        memory=int(split["memory"]) if isinstance(split.get("memory"), int) else None,
        on_event=on_event,
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
    framing: Framing = "none"


def _is_image_folder(source: str | Path) -> bool:
    """Say whether a source is a folder of images, and nothing that has a name of its own."""
    path = Path(source)
    try:
        return str(source) not in CATALOG and not find_idx(path) and is_image_folder(path)
    except OSError as error:
        raise DataError(
            f"{shown(str(source))} cannot be read: {error.strerror}", "a data set"
        ) from None


def _read(source: str | Path) -> _Raw:
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
