"""`load`: a data set by its name or its path, in three parts that never mix."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from convlens.data import arrays as in_memory
from convlens.data import formats
from convlens.data.arrays import InMemory
from convlens.data.dataset import Dataset, Split, check_split
from convlens.data.decode import shown
from convlens.data.duplicates import across_note
from convlens.data.folder_dataset import TEST_FRACTION, folder_dataset, no_test_note
from convlens.data.folders import hold_out_by_content, read_folder
from convlens.data.formats.parquet import Parquet
from convlens.data.known import read_known
from convlens.data.preprocessing import Framing, Preprocessing, background_of, mean_std
from convlens.data.source import FormatFiles, ImageFolder, find_source
from convlens.data.split import check_fraction, hold_out
from convlens.foundation.errors import DataError

_STATISTICS: dict[str, tuple[float, float] | None] = {
    "train": None,  # those of the training images
    "unit": (0.0, 1.0),
    "half": (0.5, 0.5),
}


def load(
    source: str | Path | InMemory,
    *,
    input_shape: tuple[int, int, int] | None = None,
    validation: float = 0.1,
    validation_method: str = "stratified",
    split_seed: int = 0,
    normalise: str = "train",
    bad_images: str = "fail",
    fit: str | None = None,
    draft: bool = True,
    memory: int | None = None,
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
) -> Dataset:
    """Load a known set, files of a known format, a folder of images, an archive, or arrays.

    Nothing is downloaded; `convlens.data.download.get` does that.

    Parameters
    ----------
    source : str, Path or tuple
        A name of `names()`, a path, `(images, labels)` as arrays or lists, or a training and a
        test part of these; see `convlens.data.arrays.read_arrays`. A `Dataset` stays as it is.
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
    fit : {"crop", "pad", "stretch"}, optional
        How images of a folder are brought to their input; chosen from a sample by default.
    draft : bool
        Whether large JPEGs of a folder are decoded at a part of their size, never below what the
        resize needs.
    memory : int, optional
        Bytes that a folder's images may take in memory; half of what is free by default. Where
        they would take more, they stay on disk and are read as they are needed.
    on_event : callable
        Receives `{"event": "decoding", ...}` while a folder is decoded.

    Returns
    -------
    Dataset
        Training, validation and test images, uint8 (N, C, H, W), that never mix.

    Raises
    ------
    DataError
        Where there is no such set, or it cannot be trained on.
    """
    if isinstance(source, Dataset):
        return source
    check_fraction(validation, split_seed)
    if normalise not in _STATISTICS:
        raise DataError(f'normalise is "{normalise}"', "train, unit or half")
    statistics = _STATISTICS[normalise]
    recorded = {"normalise": normalise, "bad_images": bad_images}
    place = find_source(source) if isinstance(source, str | Path) else None
    if isinstance(place, ImageFolder):
        folder = read_folder(
            place.path,
            input_shape,
            bad_images,
            fit=fit,
            draft=draft,
            memory=memory,
            on_event=on_event,
        )
        return folder_dataset(
            str(source),
            folder,
            name=place.name,
            validation=validation,
            validation_method=validation_method,
            split_seed=split_seed,
            statistics=statistics,
            recorded=recorded,
        )
    if place is None:
        raw = _unknown(in_memory.NAME, in_memory.read_arrays(source, input_shape), split_seed)
    else:
        raw = _read(place, input_shape, bad_images, split_seed)
    if raw.by_content and validation_method == "stratified":
        train, held = _by_content(
            *(raw.train, raw.classes, validation, 2 * split_seed + 1), every_class=False
        )
    else:
        kept, chosen = hold_out(raw.train.labels, validation, validation_method, split_seed)
        train, held = raw.train.take(kept), raw.train.take(chosen)
    split: dict[str, Any] = {"seed": split_seed, **raw.split, "fraction": validation}
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
        fit="crop" if raw.by_content else "exact",
    )
    return Dataset(
        *(
            raw.name,
            "" if place is None else str(source),
            raw.classes,
            train,
            held,
            raw.test,
            preprocessing,
            split,
        ),
        notes=(*raw.notes, *(across_note(train, held, raw.test) if raw.by_content else ())),
    )


def load_like(
    recorded: Mapping[str, Any],
    source: str | Path | InMemory | None = None,
    *,
    same: bool = False,
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
) -> Dataset:
    """Load the data of a run again, as its `data.json` records it.

    Parameters
    ----------
    recorded : mapping
        The content of `data.json`.
    source : str, Path, Dataset or (images, labels), optional
        Another source of the same classes, prepared with the run's statistics. Of
        `(images, labels)` every part of the answer holds all images.
    same : bool
        `source` must hold the very data of the run, and is divided as that was.
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
    if in_memory.is_labelled(source) and not same:
        return _labelled_like(recorded, source, preprocessing)
    if source is None and not recorded["source"] and recorded.get("name") == in_memory.NAME:
        raise DataError(
            "the run was trained on arrays: they are in no file",
            "the same arrays, or other data of its classes",
            "pass them: `data=(images, labels)`; a command takes a name or a path: `data=PATH`",
        )
    if source is None and not recorded["source"]:  # a model that convlens did not train
        raise DataError(
            "the model was imported: the data it was trained on is not known",
            "data of its classes",
            "name some: `data=PATH`",
        )
    dataset = load(
        source or recorded["source"],
        input_shape=preprocessing.input,
        validation=float(split.get("fraction", 0.1)),
        validation_method=str(split.get("method", "stratified")).replace("folders", "stratified"),
        split_seed=int(split.get("seed", 0)),
        normalise=str(split.get("normalise", "train")),
        bad_images=str(split.get("bad_images", "fail")),
        fit=None if preprocessing.fit == "exact" else preprocessing.fit,
        draft=preprocessing.draft,
        memory=int(split["memory"]) if isinstance(split.get("memory"), int) else None,
        on_event=on_event,
    )
    if list(dataset.classes) != list(recorded.get("classes", [])):
        raise DataError(
            f"{shown(dataset.source or dataset.name)} has the classes "
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
    if (source is None or same) and dataset.fingerprint != recorded.get("fingerprint"):
        raise DataError(
            f"{shown(dataset.source or dataset.name)} has changed since the run was trained",
            f"data with the fingerprint {str(recorded.get('fingerprint'))[:12]}",
            "restore it; to measure on what it is now, name it: `data=PATH`",
        )
    return replace(dataset, preprocessing=preprocessing)


def _labelled_like(
    recorded: Mapping[str, Any], source: Any, preprocessing: Preprocessing
) -> Dataset:
    """Return `(images, labels)` as data of a run's classes; each part is all of it."""
    classes = tuple(str(name) for name in recorded.get("classes", []))
    part = in_memory.read_part(source, classes, None, preprocessing)
    return Dataset(*(in_memory.NAME, "", classes, part, part, part, preprocessing, {"parts": 1}))


@dataclass(frozen=True)
class _Raw:
    """A set as its files give it, before validation is held out."""

    name: str
    classes: tuple[str, ...]
    input: tuple[int, int, int]
    train: Split
    test: Split
    framing: Framing = "none"
    by_content: bool = False
    split: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _read(
    place: str | FormatFiles, input_shape: tuple[int, int, int] | None, bad_images: str, seed: int
) -> _Raw:
    if isinstance(place, str):
        entry, arrays = read_known(place)
        return replace(_fixed(place, arrays, entry.classes, seed), framing=entry.framing)
    form = place.form
    if isinstance(form, Parquet):
        form = Parquet(input_shape, bad_images)
    try:
        return _unknown(place.name, form.read(place.files), seed)
    except OSError as error:
        raise DataError(f"{place.name} cannot be read: {error.strerror}", "a data set") from None


def _fixed(name: str, arrays: formats.Arrays, classes: tuple[str, ...], seed: int) -> _Raw:
    """Make a set of arrays whose classes are known; the test part is cut off where none came."""
    train, test = arrays.train, arrays.test
    check_split(train, len(classes), f"the train part of {name}")
    split: dict[str, Any] = {}
    notes = list(arrays.notes)
    if test is None:
        train, test = _by_content(train, classes, TEST_FRACTION, 2 * seed, every_class=True)
        split["test_fraction"] = TEST_FRACTION
        notes.append(no_test_note(len(test), len(train) + len(test)))
    check_split(test, len(classes), f"the test part of {name}")
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DataError(
            f"{name} has training images of {train.images.shape[1:]} and test images of "
            f"{test.images.shape[1:]}",
            "one size",
        )
    shape = train.images.shape[1:]
    # a test part cut off by content calls for the same care with the validation part
    return _Raw(
        *(name, classes, shape, train, test),
        by_content=bool(split),
        split=split,
        notes=tuple(notes),
    )


def _unknown(name: str, arrays: formats.Arrays, seed: int) -> _Raw:
    """Name the classes of a set by its files, or by their numbers where those say none."""
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


def _by_content(
    part: Split, classes: tuple[str, ...], fraction: float, seed: int, *, every_class: bool
) -> tuple[Split, Split]:
    """Return (kept, held out) by the images' content: copies lie on one side."""
    digests = [hashlib.sha256(image.tobytes()).digest()[:16] for image in part.images]
    contents = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)
    what = contents, part.labels, classes
    held = hold_out_by_content(*what, fraction, seed, every_class=every_class)
    return part.take(np.flatnonzero(~held)), part.take(np.flatnonzero(held))
