"""`load`: a data set by its name or its path, in three parts that never mix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from convlens.data import archives, formats
from convlens.data.catalog import names
from convlens.data.dataset import Dataset, Split, check_split
from convlens.data.decode import shown
from convlens.data.folder import TEST_FRACTION, is_image_folder, read_folder, split_by_content
from convlens.data.formats.parquet import Parquet
from convlens.data.known import read_known
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
    """Load a known set, files of a known format, a folder of images, or an archive of these.

    Nothing is downloaded; `convlens.data.download.get` does that.

    Parameters
    ----------
    source : str or Path
        A name of `names()`, or a path.
    input_shape : (C, H, W), optional
        What images of mixed sizes are brought to; sets of one fixed size keep theirs.
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
    if name in names():
        entry, arrays = read_known(name)
        raw = _fixed(name, arrays, entry.classes, seed)
        return replace(raw, framing=entry.framing)
    path = place = Path(source)
    try:
        if archives.is_archive(path):
            place = archives.top(archives.unpacked(path))
        if recognised := formats.recognise(place):
            form, files = recognised
            if isinstance(form, Parquet):
                form = Parquet(input_shape, bad_images)
            return _unknown(path, form.read(files), seed)
        if place.is_dir() and is_image_folder(place):
            raw = _read_images(place, input_shape, bad_images, seed)
            return raw if place is path else replace(raw, name=shown(path.stem))
    except OSError as error:
        raise DataError(f"{shown(name)} cannot be read: {error.strerror}", "a data set") from None
    raise DataError(
        f'"{shown(name)}" is neither a known data set nor a folder of images'
        f"{nearest(name, names())}",
        "one of " + ", ".join(names()) + ", a folder with a subfolder a class, a folder or file "
        f"of a known format ({', '.join(formats.FORMATS)}), or an archive of these",
        "see convlens data list, or check the path",
    )


def _fixed(name: str, arrays: formats.Arrays, classes: tuple[str, ...], seed: int) -> _Raw:
    """Make a set of arrays whose classes are known; the test part is cut off where none came."""
    train, test = arrays.train, arrays.test
    check_split(train, len(classes), f"the train part of {name}")
    split: dict[str, Any] = {}
    if test is None:
        train, test = split_by_content(train, TEST_FRACTION, seed)
        split["test_fraction"] = TEST_FRACTION
    check_split(test, len(classes), f"the test part of {name}")
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DataError(
            f"{name} has training images of {train.images.shape[1:]} and test images of "
            f"{test.images.shape[1:]}",
            "one size",
            "correct the file",
        )
    shape = train.images.shape[1:]
    # a test part cut off by content calls for the same care with the validation part
    return _Raw(
        *(name, classes, shape, train, test),
        by_content=bool(split),
        split=split,
        notes=arrays.notes,
    )


def _unknown(path: Path, arrays: formats.Arrays, seed: int) -> _Raw:
    """Name the classes of a set by its files, or by their numbers where those say none."""
    name = shown(path.stem.removesuffix(".tar") or str(path))
    classes = arrays.classes
    if classes is None:
        labels = [part.labels for part in (arrays.train, arrays.test) if part is not None]
        count = max((int(numbers.max()) + 1 for numbers in labels if len(numbers)), default=0)
        if count > max(len(arrays.train), 1):
            raise DataError(
                f"{name} has labels up to {count - 1} and {len(arrays.train)} training images",
                "labels 0, 1, 2, ... without gaps",
                "renumber the labels",
            )
        classes = tuple(str(number) for number in range(count))
    return _fixed(name, arrays, tuple(map(shown, classes)), seed)


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
