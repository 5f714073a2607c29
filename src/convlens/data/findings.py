"""What can be wrong with a data set: each check looks at one thing and says what it found.

An error would make training fail, teach it contradictions, or make its test accuracy untrue. A
warning is worth a look and may be meant.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Dataset
from convlens.data.duplicates import NearPairs, constant, exact_groups
from convlens.data.files import FileFacts
from convlens.data.folder_dataset import FEW_IMAGES

SPLITS = ("train", "validation", "test")
IMBALANCE = 10
"""The largest class may have this many times the images of the smallest."""
SIZE_FACTOR = 4
"""A side this many times shorter or longer than the median is an outlier."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Parameters
    ----------
    kind : str
        A stable key, such as "unreadable" or "near-across-splits".
    severity : {"error", "warning"}
        Whether it would harm training or what is said about its result.
    count : int
        How many files, images, pairs or classes it concerns.
    what : str
        One sentence.
    fix : str
        What to do.
    examples : tuple of str
        Names of files, or of images as "train 17".
    """

    kind: str
    severity: Literal["error", "warning"]
    count: int
    what: str
    fix: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pictures:
    """All images of a set: pixels (N, C, H, W), labels, splits as 0 to 2, and names."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    split: NDArray[np.int64]
    names: Sequence[str]
    classes: Sequence[str]

    def text_of(self, *numbers: int) -> str:
        """Name images, with their split where they differ in it, and their class likewise."""
        splits = len({int(self.split[number]) for number in numbers}) > 1
        labels = len({int(self.labels[number]) for number in numbers}) > 1
        words = []
        for number in numbers:
            split = SPLITS[self.split[number]]
            notes = [split] * (splits and not self.names[number].startswith(f"{split} "))
            notes += [self.classes[int(self.labels[number])]] * labels
            words.append(self.names[number] + (f" ({', '.join(notes)})" if notes else ""))
        return " = ".join(words)


def of_files(files: Sequence[FileFacts]) -> Iterator[Finding]:
    """Find files that cannot be read, and those of another size or mode than the rest."""
    bad = [fact for fact in files if fact.error]
    if bad:
        yield Finding(
            "unreadable",
            "error",
            len(bad),
            f"{len(bad)} of {_some(len(files), 'file')} cannot be read",
            "mend or remove them, or train with `bad_images='skip'`",
            tuple(f"{fact.name}: {fact.error}" for fact in bad),
        )
    good = [fact for fact in files if fact.size is not None]
    if not good:
        return
    sides = np.array([fact.size for fact in good])
    ratio = sides / np.median(sides, axis=0)
    odd = np.flatnonzero(((ratio > SIZE_FACTOR) | (ratio < 1 / SIZE_FACTOR)).any(axis=1))
    if len(odd):
        height, width = np.median(sides, axis=0).astype(int)
        yield Finding(
            "sizes",
            "warning",
            len(odd),
            f"{_some(len(odd), 'image')} over {SIZE_FACTOR} times larger or smaller than the "
            f"median, {width}x{height}",
            "see whether they belong to the set: thumbnails, icons, panoramas",
            tuple(f"{good[i].name}: {sides[i, 1]}x{sides[i, 0]}" for i in odd),
        )
    modes = Counter(fact.mode for fact in good)
    rare, usual = min(modes, key=lambda m: modes[m]), max(modes, key=lambda m: modes[m])
    if rare != usual and modes[rare] <= len(good) // 10:
        words = {"L": "grey", "RGB": "colour"}
        yield Finding(
            "modes",
            "warning",
            modes[rare],
            f"{_some(modes[rare], 'image')} {words[rare]} among {modes[usual]:,} {words[usual]}",
            "see whether they belong to the set; a network may learn the mode instead of the class",
            tuple(fact.name for fact in good if fact.mode == rare),
        )


def of_names(classes: Sequence[str]) -> Iterator[Finding]:
    """Find class names that differ in spelling only."""
    alike = defaultdict(list)
    for name in classes:
        alike[name.strip().casefold()].append(name)
    doubled = [names for names in alike.values() if len(names) > 1]
    if doubled:
        yield Finding(
            "class-names",
            "error",
            len(doubled),
            f"{_some(len(doubled), 'class', 'classes')} spelt in ways that differ only in case or "
            "spaces",
            "put their images into one folder",
            tuple(" and ".join(f'"{name}"' for name in names) for names in doubled),
        )


def of_counts(dataset: Dataset) -> Iterator[Finding]:
    """Find classes that are small, or small beside another."""
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.classes))
    few = np.flatnonzero(counts < FEW_IMAGES)
    if len(few):
        yield Finding(
            "few-images",
            "warning",
            len(few),
            f"{_some(len(few), 'class', 'classes')} with fewer than {FEW_IMAGES} training images",
            "add images, or leave the class out",
            tuple(f"{dataset.classes[i]}: {counts[i]}" for i in few.tolist()),
        )
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    if counts[largest] > IMBALANCE * counts[smallest]:
        yield Finding(
            "imbalance",
            "warning",
            1,
            f"{dataset.classes[largest]} has {counts[largest] / counts[smallest]:.0f} times the "
            f"training images of {dataset.classes[smallest]}",
            "read each class's recall in the report: accuracy hides a small class",
            tuple(f"{dataset.classes[i]}: {counts[i]:,}" for i in (largest, smallest)),
        )


def of_constant(seen: Pictures) -> Iterator[Finding]:
    """Find images of one colour."""
    plain = np.flatnonzero(constant(seen.images))
    if len(plain):
        yield Finding(
            "constant",
            "warning",
            len(plain),
            f"{_some(len(plain), 'image')} of one colour all over",
            "remove them: there is nothing to learn from",
            tuple(seen.names[number] for number in plain.tolist()),
        )


def of_exact(seen: Pictures) -> Iterator[Finding]:
    """Find pictures that are in the set more than once, bit for bit."""
    groups = [group.tolist() for group in exact_groups(seen.images)]
    conflicts = [group for group in groups if len(set(seen.labels[group].tolist())) > 1]
    across = [group for group in groups if len(set(seen.split[group].tolist())) > 1]
    within = [group for group in groups if group not in across and group not in conflicts]
    yield from _of_pictures(
        *(seen, conflicts, "label-conflict", "error"),
        f"{_some(len(conflicts), 'picture')} in the set with different labels",
        "keep one label for each picture",
    )
    yield from _of_pictures(
        *(seen, across, "duplicates-across-splits", "error"),
        f"{_some(len(across), 'picture')} in more than one of train, validation and test",
        "remove them from all but one: accuracy on a picture that was trained on is no measurement",
    )
    extra = sum(len(group) - 1 for group in within)
    yield from _of_pictures(
        *(seen, within, "duplicates", "warning"),
        f"{_some(extra, 'exact copy', 'exact copies')} of an image in the same split",
        "remove the copies: they weigh double",
        extra,
    )


def of_near(seen: Pictures, near: NearPairs) -> Iterator[Finding]:
    """Find pictures that are nearly the same but not equal."""
    pairs = [
        (i, j)
        for i, j in zip(near.first.tolist(), near.second.tolist(), strict=True)
        if not np.array_equal(seen.images[i], seen.images[j])
    ]
    across = [pair for pair in pairs if seen.split[pair[0]] != seen.split[pair[1]]]
    conflicts = [pair for pair in pairs if seen.labels[pair[0]] != seen.labels[pair[1]]]
    within = [pair for pair in pairs if seen.split[pair[0]] == seen.split[pair[1]]]
    rule = f"pixels correlate to {near.threshold:g} or more"
    yield from _of_pictures(
        *(seen, conflicts, "near-label-conflict", "warning"),
        f"{_some(len(conflicts), 'pair')} of nearly the same picture with different labels "
        f"({rule})",
        "look at them: one of the labels may be wrong",
    )
    yield from _of_pictures(
        *(seen, across, "near-across-splits", "warning"),
        f"{_some(len(across), 'pair')} of nearly the same picture in different splits ({rule})",
        "look at them: if they are one picture, keep it in one split",
    )
    yield from _of_pictures(
        *(seen, within, "near-duplicates", "warning"),
        f"{_some(len(within), 'pair')} of nearly the same picture in one split ({rule})",
        "look at them: copies weigh double",
    )


def _of_pictures(
    seen: Pictures,
    groups: Sequence[Sequence[int]],
    kind: str,
    severity: Literal["error", "warning"],
    what: str,
    fix: str,
    count: int | None = None,
) -> Iterator[Finding]:
    """Yield a finding about groups of pictures, where there are any."""
    if groups:
        examples = tuple(seen.text_of(*group) for group in groups)
        yield Finding(kind, severity, count or len(groups), what, fix, examples)


def _some(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
