"""A training on a collection of photos: it makes a run, or nothing is left of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from convlens.api.opening import PUBLISHED
from convlens.foundation import atomic
from convlens.network import zoo
from convlens.serve import schemas
from convlens.serve.http.problems import Problem
from convlens.serve.models.registry import Description
from convlens.serve.photos.collection import Collection, Trained
from convlens.serve.photos.snapshot import write_snapshot
from convlens.serve.photos.store import PhotoStore
from convlens.serve.photos.worker import RECIPE
from convlens.serve.workbench.trainings import Trainings, expected_run
from convlens.training import recipe as recipes

FEWEST = 3
"""Photos of each class: one to train on, one to validate with, and one to test with."""

_TITLE = "photos"
_STAGES = ("decoding", "looking", "training")


@dataclass(frozen=True)
class PhotoJob:
    """A training on the photos of one moment.

    Parameters
    ----------
    store : PhotoStore
        Where the photos lie.
    collection : Collection
        The photos, and what their classes are called.
    failures : dict
        Where it is noted, by collection, why a training failed.
    """

    store: PhotoStore
    collection: Collection
    failures: dict[str, schemas.PhotoFailure]

    title: ClassVar[str] = _TITLE
    resumable: ClassVar[bool] = False

    @property
    def _home(self) -> Path:
        return self.store.root / self.collection.id

    def folder(self, name: str, root: Path) -> Path:
        """Return where the run lies while it is trained: not among the runs yet."""
        return self._home / "training" / name

    def command(self, name: str, root: Path, place: Path) -> list[str]:
        """Write down the photos as they are now; return the command that trains on them."""
        self.failures.pop(self.collection.id, None)
        photos = self._home / "trained" / name / "photos"
        folder = self.folder(name, root)
        try:
            folder.parent.mkdir(exist_ok=True)
            photos.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise atomic.explain(error, self._home) from error
        write_snapshot(self.collection, self._home / "photos", photos)
        order = {
            "data": str(photos),
            "out": str(folder),
            "batch_size": _batch_size(len(self.collection.photos)),
            "parent": os.getpid(),
        }
        (place / "order.json").write_text(json.dumps(order), encoding="utf-8")
        return [sys.executable, "-m", "convlens.serve.photos.worker", str(place / "order.json")]

    def expected(self, name: str) -> Description:
        """Return what is said of the run before its folder is there."""
        network = zoo.load(PUBLISHED)
        classes = tuple(sorted(one.name for one in self.collection.classes))
        adapted = network.adapted(network.input, len(classes))
        return expected_run(name, adapted, classes, _TITLE, recipes.load(RECIPE))

    def ended(self, name: str, root: Path, code: int | None, output: Path) -> bool:
        """Put a run that is whole among the others; leave nothing of one that is not."""
        folder = self.folder(name, root)
        there = False
        if code == 0:
            with suppress(OSError):
                folder.rename(root / name)
                there = True
        if there:
            self.store.remember(self.collection.id, Trained(name, self.collection.revision))
        else:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(self._home / "trained" / name, ignore_errors=True)
            if code is not None:
                self.failures[self.collection.id] = _failure(output, self._home, code)
        return there


class PhotoTrainings:
    """The trainings on collections of photos: what may begin, how far one is, why one failed."""

    def __init__(self, store: PhotoStore, trainings: Trainings) -> None:
        self._store, self._trainings = store, trainings
        self._failures: dict[str, schemas.PhotoFailure] = {}
        self._jobs: dict[str, str] = {}
        self._starting = threading.Lock()

    def start(self, name: str) -> str:
        """Start a training on a collection; return the name of its run.

        Raises
        ------
        Problem
            404 where there is no such collection, 409 where a training runs, 422 where there are
            too few classes or photos.
        """
        collection = self._store.collection(name)
        _require_enough(collection)
        with self._starting:
            run = self._trainings.start(PhotoJob(self._store, collection, self._failures))
            self._jobs = {run: name}
        return run

    def progress(self, name: str) -> schemas.PhotoTraining | None:
        """Return how far the training on a collection is; None where none runs."""
        run = self._trainings.running
        if run is None or self._jobs.get(run) != name:
            return None
        starting: schemas.PhotoTraining = {
            "run": run,
            "stage": "starting",
            "done": 0,
            "total": None,
        }
        for line in reversed(self._trainings.said(run)):
            with suppress(ValueError, KeyError, TypeError):
                line_json = json.loads(line)
                if line_json["stage"] in _STAGES:
                    stage, done, total = (line_json[key] for key in ("stage", "done", "total"))
                    return {"run": run, "stage": stage, "done": done, "total": total}
        return starting

    def failure(self, name: str) -> schemas.PhotoFailure | None:
        """Return why the last training on a collection failed; None where it did not."""
        return self._failures.get(name)

    def require_idle(self, name: str) -> None:
        """Refuse while a training on the collection runs.

        Raises
        ------
        Problem
            409.
        """
        if self.progress(name) is not None:
            raise Problem(
                *(409, "busy", "a training on these photos is running"),
                "photos that nothing is trained on",
                "wait for it, or stop it",
            )


def _batch_size(photos: int) -> int:
    """Return the recipe's batch size, or one that the training part of few photos fills.

    >>> _batch_size(4), _batch_size(24), _batch_size(400)
    (1, 8, 32)
    """
    usual: int = recipes.load(RECIPE).batch_size
    return min(usual, 1 << max(0, (photos // 3).bit_length() - 1))


def _require_enough(collection: Collection) -> None:
    """Refuse what no classifier can be trained on."""
    if len(collection.classes) < 2:
        raise _too_few(
            "there is one class" if collection.classes else "there is no class",
            "at least two: what one class is told apart from",
        )
    for one in collection.classes:
        if len(one.photos) < FEWEST:
            raise _too_few(
                f'the class "{one.name}" has {len(one.photos)} photos',
                f"at least {FEWEST} photos in each class, ten or more to be worth it",
            )


def _too_few(what: str, expected: str) -> Problem:
    return Problem(422, "too_few_photos", what, expected, "add photos, or remove the class")


def _failure(output: Path, home: Path, code: int) -> schemas.PhotoFailure:
    """Return what a training that could not go on said last."""
    for line in reversed(_lines(output)):
        with suppress(ValueError, KeyError, TypeError):
            error: dict[str, Any] = json.loads(line)["error"]
            what, expected, fix = (
                str(error[part]).replace(str(home), "the collection")
                for part in ("what", "expected", "fix")
            )
            return {"message": what, "expected": expected, "fix": fix}
    return {
        "message": f"the process that trained ended with the exit code {code} and said nothing",
        "expected": "enough memory, and a disk with room",
        "fix": "train again; if it comes back, train with fewer photos",
    }


def _lines(output: Path) -> Sequence[bytes]:
    try:
        return output.read_bytes().splitlines()
    except OSError:
        return []
