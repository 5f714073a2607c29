"""`check`: what is wrong with a data set before time is spent on training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convlens.data.dataset import Dataset
from convlens.data.decode import shown
from convlens.data.duplicates import near_pairs
from convlens.data.files import FolderFiles, digest, folder_files
from convlens.data.findings import (
    SPLITS,
    Finding,
    Pictures,
    of_constant,
    of_counts,
    of_exact,
    of_files,
    of_names,
    of_near,
)
from convlens.data.loading import load
from convlens.data.source import ImageFolder, find_source
from convlens.data.stored import StoredImages
from convlens.foundation.errors import DataError
from convlens.foundation.progress import track

NEAR_IMAGES = 100_000
"""Larger sets are searched for near-duplicates only when asked to."""


@dataclass(frozen=True)
class Checked:
    """The result of a check.

    Parameters
    ----------
    source : str
        What was checked.
    classes : tuple of str
        Its classes.
    images : dict
        Number of images by split; empty where the set cannot be loaded.
    findings : tuple of Finding
        Errors first.
    skipped : tuple of str
        What was not looked at, and why.
    """

    source: str
    classes: tuple[str, ...]
    images: dict[str, int]
    findings: tuple[Finding, ...]
    skipped: tuple[str, ...] = ()

    @property
    def harmful(self) -> bool:
        """Whether anything found would harm training."""
        return any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "source": self.source,
            "classes": list(self.classes),
            "images": self.images,
            "harmful": self.harmful,
            "findings": [asdict(finding) for finding in self.findings],
            "skipped": list(self.skipped),
        }


def check(
    source: str | Path,
    *,
    input_shape: tuple[int, int, int] | None = None,
    near: bool | None = None,
) -> Checked:
    """Look for what would harm a training on a data set.

    Parameters
    ----------
    source : str or Path
        As for `load`.
    input_shape : (C, H, W), optional
        What a folder of images is brought to before pictures are compared.
    near : bool, optional
        Search for near-duplicates; by default in sets of up to 100,000 images.

    Raises
    ------
    DataError
        Where there is no such set. What is wrong inside of a set is a finding.
    """
    name, place = str(source), find_source(source)
    files: FolderFiles | None = None
    findings: list[Finding] = []
    classes: tuple[str, ...] = ()
    try:
        if isinstance(place, ImageFolder):
            files = folder_files(place.path, input_shape)
            classes, input_shape = files.classes, files.shape
            findings += [*of_files(files.files), *of_names(files.classes)]
        dataset = load(source, input_shape=input_shape, bad_images="skip")
    except DataError as error:
        what = error.what + (f"; expected: {error.expected}" if error.expected else "")
        findings.append(Finding("unusable", "error", 1, what, error.fix or "correct the set"))
        return Checked(shown(name), classes, {}, _ordered(findings))
    parts = [dataset.part(split) for split in SPLITS]
    counts = {split: len(part) for split, part in zip(SPLITS, parts, strict=True)}
    findings += of_counts(dataset)
    if any(isinstance(part.images, StoredImages) for part in parts):
        left = ("what the pictures show: they do not fit in memory together",)
        return Checked(shown(name), dataset.classes, counts, _ordered(findings), left)
    images = np.concatenate([part.images for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    split_of = np.repeat(np.arange(3), list(counts.values()))
    seen = Pictures(images, labels, split_of, _names(dataset, files), dataset.classes)
    findings += [*of_constant(seen), *of_exact(seen)]
    skipped: list[str] = []
    if near or (near is None and len(images) <= NEAR_IMAGES):
        pairs = near_pairs(images)
        findings += of_near(seen, pairs)
        if not pairs.complete:
            skipped.append("some near-duplicates: too many pictures are alike to compare them all")
    else:
        skipped.append(f"near-duplicates, among {len(images):,} images: ask with `near=True`")
    return Checked(shown(name), dataset.classes, counts, _ordered(findings), tuple(skipped))


def _names(dataset: Dataset, files: FolderFiles | None) -> list[str]:
    """Return a name for each image: its file where there is one, else "train 17"."""
    known: dict[tuple[bytes, int], list[str]] = defaultdict(list)
    for fact in files.files if files else ():
        known[fact.digest, fact.label].append(fact.name)
    names = []
    for split in SPLITS:
        part = dataset.part(split)
        pairs = zip(part.images, part.labels, strict=True)
        for number, (image, label) in enumerate(track(pairs, "images compared", len(part))):
            same = known[digest(image), int(label)] if files else []
            names.append(same.pop(0) if same else f"{split} {number}")
    return names


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.severity != "error"))
