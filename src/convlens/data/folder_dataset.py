"""A folder of images as a `Dataset`: its parts, their statistics, and the notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Dataset, Split, check_split, stored
from convlens.data.decode import shown
from convlens.data.duplicates import across_note
from convlens.data.folders import PARTS, UNDECIDED, FolderSet, hold_out_by_content
from convlens.data.preprocessing import Preprocessing, background_of, mean_std_of_sums
from convlens.data.split import hold_out
from convlens.data.stored import StoredImages

TEST_FRACTION = 0.2
LOOKED_AT = 2000
"""Training images whose borders tell whether the set has a plain ground."""

FEW_IMAGES = 10
"""A class with fewer training images is hardly learned, and told of before the training."""
NAMED = 5
"""Pictures or classes named in a note."""

Rows = NDArray[np.int64]


def folder_dataset(
    source: str,
    folder: FolderSet,
    *,
    name: str,
    validation: float,
    validation_method: str,
    split_seed: int,
    statistics: tuple[float, float] | None,
    recorded: Mapping[str, Any],
) -> Dataset:
    """Divide a folder's images into their parts.

    Parameters
    ----------
    source : str
        What to pass to `load` to get it again.
    folder : FolderSet
        The decoded images.
    name : str
        What the set is called.
    validation, validation_method, split_seed
        See `load`. "last" holds out the last of the training images in the order of their names.
    statistics : (float, float), optional
        Mean and std of every channel where they are not those of the training images.
    recorded : mapping
        What else `split` must hold to make the set again.

    Raises
    ------
    DataError
        Where a part is empty, or a class has too few different images.
    """
    classes = folder.listing.classes
    check_split(Split(_images(folder), folder.listing.labels), len(classes), shown(source))
    parts, split = _divide(folder, validation, validation_method, split_seed)
    notes = [*folder.notes, *_no_test_part(folder, parts, split), *_copies(folder, parts)]
    channels, height, width = folder.policy.input
    if statistics is None:
        mean, std = mean_std_of_sums(folder.sums[parts["train"]], height * width)
    else:
        mean, std = ((value,) * channels for value in statistics)
    some = parts["train"][:: max(1, len(parts["train"]) // LOOKED_AT)]
    preprocessing = Preprocessing(
        folder.policy.input,
        mean,
        std,
        background=background_of(np.asarray(folder.images[some])),
        fit=folder.policy.fit,
        draft=folder.policy.draft,
    )
    split |= {"seed": split_seed, **recorded}
    if folder.memory is not None:
        split["memory"] = folder.memory
    train, held, test = _splits(folder, [parts[part] for part in PARTS])
    notes += [*_in_two_classes(folder), *_few(classes, train), *across_note(train, held, test)]
    return Dataset(name, source, classes, train, held, test, preprocessing, split, tuple(notes))


def _images(folder: FolderSet) -> NDArray[np.uint8]:
    images = folder.images
    return stored(images) if isinstance(images, StoredImages) else images


def _splits(folder: FolderSet, parts: list[Rows]) -> list[Split]:
    """Return the parts: in memory where they fit, whatever file they lie in."""
    images, labels, digests = folder.images, folder.listing.labels, folder.digests
    if isinstance(images, StoredImages) and folder.memory is None:
        loaded = images.file.parts([images.index[rows] for rows in parts])
        return [
            Split(pixels, labels[rows], digests[rows], _files(folder, rows))
            for pixels, rows in zip(loaded, parts, strict=True)
        ]
    whole = Split(_images(folder), labels, digests, folder.listing.paths)
    return [whole.take(rows) for rows in parts]


def _files(folder: FolderSet, rows: Rows) -> tuple[str, ...]:
    return tuple(map(folder.listing.paths.__getitem__, rows.tolist()))


def _divide(
    folder: FolderSet, fraction: float, method: str, seed: int
) -> tuple[dict[str, Rows], dict[str, Any]]:
    """Return the rows of each part, and how they were chosen."""
    parts, labels = folder.listing.parts, folder.listing.labels
    train = np.flatnonzero((parts == UNDECIDED) | (parts == PARTS.index("train")))
    held, test = (np.flatnonzero(parts == PARTS.index(part)) for part in PARTS[1:])
    split: dict[str, Any] = {}

    def by_content(
        rows: Rows, share: float, number: int, *, every_class: bool
    ) -> tuple[Rows, Rows]:
        what = folder.contents[rows], labels[rows], folder.listing.classes
        chosen = hold_out_by_content(*what, share, number, every_class=every_class)
        return rows[~chosen], rows[chosen]

    if not len(test):
        train, test = by_content(train, TEST_FRACTION, 2 * seed, every_class=True)
        split["test_fraction"] = TEST_FRACTION
    if len(held):
        split["method"] = "folders"
    elif method == "stratified":
        train, held = by_content(train, fraction, 2 * seed + 1, every_class=False)
        split |= {"fraction": fraction, "method": method}
    else:
        names = [folder.listing.paths[row] for row in train.tolist()]
        by_name = train[sorted(range(len(names)), key=names.__getitem__)]
        kept, last = hold_out(labels[by_name], fraction, method, seed)
        train, held = np.sort(by_name[kept]), np.sort(by_name[last])
        split |= {"fraction": fraction, "method": method}
    return {"train": train, "validation": held, "test": test}, split


def _in_two_classes(folder: FolderSet) -> list[str]:
    """Say which pictures lie in more than one class: whatever is answered to them is wrong once."""
    keys = np.ascontiguousarray(folder.contents).view("V16")[:, 0]
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    labels = folder.listing.labels
    other = np.flatnonzero(labels != labels[first[group]])
    if not len(other):
        return []
    paths = folder.listing.paths
    pairs = [
        f"{shown(paths[first[group[row]]])} is {shown(paths[row])}"
        for row in other[:NAMED].tolist()
    ]
    more = f" and {len(other) - NAMED:,} more" if len(other) > NAMED else ""
    return [
        f"pictures in more than one class, {len(other):,}: {', '.join(pairs)}{more}; "
        "keep each in one"
    ]


def _few(classes: tuple[str, ...], train: Split) -> list[str]:
    """Say which classes have few images to train on."""
    counts = np.bincount(train.labels, minlength=len(classes))
    few = [f"{shown(classes[i])} {counts[i]}" for i in np.flatnonzero(counts < FEW_IMAGES).tolist()]
    if not few:
        return []
    more = f" and {len(few) - NAMED:,} more" if len(few) > NAMED else ""
    return [
        f"classes with fewer than {FEW_IMAGES} images to train on: {', '.join(few[:NAMED])}{more}; "
        "the accuracy is known as well as its 95% interval says, and that is wide"
    ]


def _no_test_part(
    folder: FolderSet, parts: Mapping[str, Rows], split: Mapping[str, Any]
) -> list[str]:
    """Say that the test part was taken out of the training part, where the user divided the set."""
    if "test_fraction" not in split or (folder.listing.parts == UNDECIDED).all():
        return []
    return [no_test_note(len(parts["test"]), len(parts["train"]) + len(parts["test"]))]


def no_test_note(test: int, whole: int) -> str:
    """Return the note on a set without a test part.

    >>> no_test_note(49, 245)
    'there is no test part: 49 of the 245 training images are held out for the test, not trained on'
    """
    return (
        f"there is no test part: {test:,} of the {whole:,} training images are held out for the "
        "test, not trained on"
    )


def _copies(folder: FolderSet, parts: Mapping[str, Rows]) -> list[str]:
    """Say where parts that the folder itself gives share pictures."""
    keys = np.ascontiguousarray(folder.contents).view("V16")[:, 0]
    notes = []
    for one, other in (("test", "train"), ("validation", "train"), ("test", "validation")):
        shared = int(np.isin(keys[parts[one]], keys[parts[other]]).sum())
        if shared:
            notes.append(f"{shared:,} {one} images are copies of {other} images")
    return notes
