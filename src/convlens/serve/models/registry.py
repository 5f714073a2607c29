"""All runs of a server, and how they change while it runs without losing a request.

A watcher looks every second for weights that changed, for trainings that began, and, where the
server was started with `last`, for a newer run. A new model is opened beside the old one and takes
its place between two requests; the old one goes on until what it was asked is answered.
"""

from __future__ import annotations

import asyncio
import logging
import time
import urllib.parse
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from convlens import runs
from convlens.foundation.errors import ConvlensError, InputError, RunError, nearest
from convlens.network import Network
from convlens.runs import Run
from convlens.runs.layout import STATUS, WEIGHTS, check_name, runs_root
from convlens.serve import schemas
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem
from convlens.serve.models import describe
from convlens.serve.models.served import ServedModel, weights_version

log = logging.getLogger("convlens.serve")

LAST = "last"
RETRY_SECONDS = 5.0
LOADED = 16
"""Models that stay open beyond those that were named at the start."""


class Description(NamedTuple):
    """What a run says of itself: all of it, and as a line of the list."""

    facts: schemas.RunFacts
    summary: schemas.ModelSummary


@dataclass
class RegisteredRun:
    """One run: where it lies, what it says of itself, and its model where it has weights."""

    folder: Path
    named: bool = False
    model: ServedModel | None = None
    description: Description | None = None
    staged: bool = False
    """Whether its folder lies elsewhere until its training is done; it is opened after that."""
    refused: tuple[object, float] = (None, 0.0)
    """The version of the weights that could not be opened, and when to try it again."""

    @property
    def run(self) -> Run:
        """The run, read anew."""
        return Run.open(self.folder)

    @property
    def listed(self) -> bool:
        """Whether the run's files have been read; until then, clients do not see it."""
        return self.description is not None

    @property
    def facts(self) -> schemas.RunFacts:
        """All that a listed run says of itself."""
        assert self.description is not None
        return self.description.facts

    @property
    def summary(self) -> schemas.ModelSummary:
        """A listed run as a line of the list."""
        assert self.description is not None
        return self.description.summary

    @property
    def begun(self) -> bool:
        """Whether its folder can be read: a training makes it before it writes into it."""
        return (self.folder / STATUS).is_file()

    @property
    def training(self) -> bool:
        """Whether it was being trained when it was last looked at."""
        return not self.listed or self.summary["state"] == "running"


class Registry:
    """The runs of one server.

    Parameters
    ----------
    references : iterable of str
        Runs by name or folder, or "last", which follows the newest run. None at all follows it
        too, from whenever there is one.
    root : Path, optional
        Folder of the runs.
    limits : Limits
        For the models' queues.
    threads : int
        Cores that one batch may use.
    on_batch : callable
        Called with the size of each batch.

    Raises
    ------
    ConvlensError
        Where one of the runs is missing or cannot be opened: nothing is served then.
    """

    def __init__(
        self,
        references: Iterable[str],
        root: Path | None,
        limits: Limits,
        *,
        threads: int = 1,
        on_batch: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.root = runs_root(root)
        self._limits, self._threads, self._on_batch = limits, threads, on_batch
        self.entries: dict[str, RegisteredRun] = {}
        named = list(references)
        self._follows = LAST in named or not named
        for reference in named or ([LAST] if newest(self.root) else []):
            run = self._last() if reference == LAST else runs.find(reference, root)
            known = self.entries.get(run.name)
            if known is not None and known.folder.resolve() != run.folder.resolve():
                raise InputError(
                    f'two of the runs are called "{run.name}"',
                    "a name for each, since it stands in the address",
                    "rename one of the folders",
                )
            entry = self.entries[run.name] = RegisteredRun(run.folder, named=True)
            entry.model = self._open(run)
            entry.description = _read(run)
        self.default = next(iter(self.entries), None)
        self._settled = {path.name for path in _folders(self.root)}
        with suppress(ConvlensError):
            for row in runs.listing(self.root):
                if row.state == "running":
                    self._settled.discard(row.name)

    def _last(self) -> Run:
        run = newest(self.root)
        if run is None:
            raise RunError(
                f"there are no runs with weights in {self.root}",
                "at least one",
                "train one: convlens train; or start without a run: convlens serve",
            )
        return run

    def _open(self, run: Run) -> ServedModel:
        return ServedModel(run, self._limits, threads=self._threads, on_batch=self._on_batch)

    def entry(self, name: str) -> RegisteredRun:
        """Return a run by its name, or by "last".

        Raises
        ------
        Problem
            400 where it can be no run's name, 404 where there is no such run here, or one that
            was met so lately that nothing is known of it yet.
        """
        entry = self.entries.get((self.default or LAST) if name == LAST else name)
        if entry is None or not entry.listed:
            listed = [known for known, other in self.entries.items() if other.listed]
            if not listed:
                raise Problem(
                    *(404, "no_such_model", "there is no run yet"),
                    "a run that was trained",
                    "train one: convlens train, or POST /v1/trainings",
                )
            shown = urllib.parse.quote(name[:60])
            try:
                check_name(name)
            except RunError as error:
                raise Problem(
                    400, "bad_name", f"{shown} cannot name a run", error.expected
                ) from None
            raise Problem(
                *(
                    404,
                    "no_such_model",
                    f'there is no model "{shown}"{nearest(name, listed)}',
                ),
                "one of " + ", ".join(listed[:20]),
                "see GET /v1/models",
            )
        return entry

    def model(self, name: str) -> ServedModel:
        """Return the model of a run.

        Raises
        ------
        Problem
            As `entry`; 409 where the run has no weights yet.
        """
        entry = self.entry(name)
        if entry.model is None:
            raise Problem(
                *(409, "no_weights", "the run has no weights yet: it is still training"),
                "a run that has saved its weights",
                "ask again later",
                headers={"Retry-After": "2"},
            )
        return entry.model

    def listing(self) -> list[schemas.ModelSummary]:
        """Return a line about every run, the default first, then as they came."""
        names = sorted(self.entries, key=lambda name: name != self.default)
        return [
            {**self.entries[name].summary, "default": name == self.default}
            for name in names
            if self.entries[name].listed
        ]

    def expect(self, name: str, description: Description, folder: Path) -> None:
        """Add a run whose folder a training is about to make."""
        staged = folder != self.root / name
        self.entries[name] = RegisteredRun(folder, description=description, staged=staged)

    def settle(self, name: str) -> None:
        """Look for a run that was expected among the runs: it lies there now."""
        entry = self.entries.get(name)
        if entry is not None:
            entry.folder, entry.staged = self.root / name, False

    def forget(self, name: str) -> None:
        """Take out a run that was expected and does not come."""
        self.entries.pop(name, None)

    def refresh_facts(self, entry: RegisteredRun) -> None:
        """Read again what a run says of itself, if it is there; a training changes it."""
        if entry.begun:
            with suppress(ConvlensError):  # in the middle of being written for the first time
                entry.description = _read(entry.run)

    def waiting(self) -> int:
        """Return how many images wait, or are being computed, in all queues."""
        models = [entry.model for entry in self.entries.values()]
        return sum(model.batcher.waiting for model in models if model)

    def close(self) -> None:
        """End all queues when what waits in them is done."""
        for entry in self.entries.values():
            if entry.model is not None:
                entry.model.close()

    async def watch(self, seconds: float = 1.0, after: Callable[[], None] = lambda: None) -> None:
        """Keep up with the runs until cancelled; call `after` each time."""
        while True:
            await asyncio.sleep(seconds)
            after()
            try:
                changes = await asyncio.to_thread(self._changes)
            except Exception:  # whatever it is, the runs that are open go on
                log.exception("the runs could not be looked at")
                continue
            for change in changes:
                change()

    def _changes(self) -> list[Callable[[], None]]:
        """Look at the disk, in a thread; return what to change, in the event loop."""
        changes = self._new_folders()
        for entry in list(self.entries.values()):
            change = None if entry.staged else self._opened(entry)
            if change is not None:
                changes.append(change)
                if not entry.listed:  # a run that was not listed yet is, with its weights
                    continue
            if change is not None or entry.training:
                self.refresh_facts(entry)
        return changes

    def _opened(self, entry: RegisteredRun) -> Callable[[], None] | None:
        """Open a run's weights where they are new; return how they take their place."""
        try:
            version = weights_version(Run(entry.folder))
        except RunError:  # not yet, or no longer: what is open stays
            return None
        known = entry.model.version if entry.model else None
        refused, again = entry.refused
        if version == known or (version == refused and time.monotonic() < again):
            return None
        try:
            run = entry.run
            description = _read(run)
            return partial(self._swap, entry, self._open(run), description)
        except ConvlensError as error:
            if version != refused:
                log.warning("%s is not taken: %s", entry.folder.name, error.what)
            # a folder that is being copied becomes whole without its weights changing again
            entry.refused = version, time.monotonic() + RETRY_SECONDS
            return None

    def _new_folders(self) -> list[Callable[[], None]]:
        """Return what to do about folders that appeared since."""
        changes: list[Callable[[], None]] = []
        for folder in _folders(self.root):
            name = folder.name
            if name in self._settled:
                continue
            try:
                run = Run.open(folder)
                state = str(run.status.get("state"))
            except ConvlensError:
                continue
            if state == "running":
                if name not in self.entries:
                    changes.append(partial(self._meet, name, folder))
                continue
            self._settled.add(name)
            if (folder / WEIGHTS["best"]).is_file() and self._follows:
                changes.append(partial(self._follow, name, folder))
        return changes

    def _meet(self, name: str, folder: Path) -> None:
        """Add a run that another process is training."""
        self.entries.setdefault(name, RegisteredRun(folder))

    def _follow(self, name: str, folder: Path) -> None:
        """Remember that a newer run is complete; it becomes the default when it is open."""
        entry = self.entries.setdefault(name, RegisteredRun(folder))
        if entry.model is not None:
            self.default = name
        else:
            self._next = name

    _next: str | None = None

    def _swap(self, entry: RegisteredRun, model: ServedModel, description: Description) -> None:
        old, entry.model = entry.model, model
        if not entry.listed:
            entry.description = description
        log.info("%s: weights opened", model.name)
        if self._next == model.name:
            self._next = None
            self.default = model.name
        elif self.default is None:  # the first run that there is
            self.default = model.name
        self._forget()
        if old is not None:
            self._retire(old)

    def _forget(self) -> None:
        """Close the oldest models that nobody named, where there are too many."""
        spare = [
            name
            for name, entry in self.entries.items()
            if entry.model and not entry.named and name != self.default
        ]
        for name in spare[: max(0, len(spare) - LOADED)]:
            model = self.entries.pop(name).model
            if model is not None:
                self._retire(model)

    def _retire(self, model: ServedModel) -> None:
        """Close a model when no request uses it any more."""
        longest = self._limits.client_seconds + self._limits.request_seconds + 5
        asyncio.get_running_loop().call_later(longest, model.close)


def newest(root: Path) -> Run | None:
    """Return the newest run that has weights, if there is one."""
    rows = [row for row in runs.listing(root) if not row.problem]
    for row in reversed(rows):
        if (row.folder / WEIGHTS["best"]).is_file():
            return Run.open(row.folder)
    return None


def _read(run: Run) -> Description:
    """Return what a run says of itself."""
    network = Network.from_toml(run.network_text)
    return Description(
        describe.run_facts(run, network), describe.summary(run, network, default=False)
    )


def _folders(root: Path) -> list[Path]:
    try:
        return [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    except OSError:
        return []
