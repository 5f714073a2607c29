"""Trainings started from the page: a child process of the same command a person would type.

Everything that reaches the command line is checked first: the data is one of the sets found on
this machine, the recipe one of the named ones, the settings numbers within bounds, and the network
travels as data in a file of its own. One training runs at a time.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

from convlens import data as datasets
from convlens.foundation.errors import ConvlensError, RecipeError, nearest
from convlens.inside.reasons import possible_methods
from convlens.network import Network
from convlens.network.misfit import Limits as NetworkLimits
from convlens.runs import Run
from convlens.runs.layout import check_name
from convlens.serve import schemas
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem, wrong
from convlens.serve.models import describe
from convlens.serve.models.registry import Description, Registry
from convlens.training import recipe as recipes

log = logging.getLogger("convlens.serve")

SETTINGS = {"epochs": 1_000, "batch_size": 8_192, "learning_rate": 10, "seed": 2**32 - 1}
"""What may be set, and the most that is accepted."""
SNAPSHOTS = 40
"""About so many times in a training the kernels are kept, for the page to show."""

REPORT_SECONDS = 60
"""How long the next training waits for the last one's report."""


class Startable(Protocol):
    """A training that `Trainings` can start."""

    @property
    def title(self) -> str:
        """What its run is called, after the date and the time."""

    @property
    def resumable(self) -> bool:
        """Whether a training that is stopped saves its state; otherwise nothing of it stays."""

    def folder(self, name: str, root: Path) -> Path:
        """Return where the run lies while it is trained."""

    def command(self, name: str, root: Path, place: Path) -> list[str]:
        """Return the command of its process; `place` is an empty folder that it may use."""

    def expected(self, name: str) -> Description:
        """Return what is said of the run whose folder is not there yet."""

    def ended(self, name: str, root: Path, code: int | None, output: Path) -> bool:
        """Put things in order after the process; return whether there is a run now.

        `code` is the exit code, or None where the process was killed because it was stopped.
        """


@dataclass(frozen=True)
class Order:
    """A training that was asked for, checked."""

    network: Network
    data: str
    recipe: str
    settings: dict[str, Any]
    classes: tuple[str, ...]

    resumable: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """What its run is called."""
        return self.network.name

    def folder(self, name: str, root: Path) -> Path:
        """Return where the run lies."""
        return root / name

    def command(self, name: str, root: Path, place: Path) -> list[str]:
        """Return the command that a person would type."""
        network = place / "network.json"
        network.write_text(self.network.to_json(), encoding="utf-8")
        command = [sys.executable, "-m", "convlens", "train", str(network), "--json"]
        command += ["--data", self.data, "--recipe", self.recipe]
        command += ["--name", name, "--runs", str(root)]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={json.dumps(value)}"]
        return command

    def expected(self, name: str) -> Description:
        """Return what is said of the run whose folder is not there yet."""
        entry = datasets.describe(self.data)
        network = self.network.adapted(tuple(entry["shape"]), len(self.classes))
        recipe = recipes.load(self.recipe).changed(self.settings)
        return expected_run(name, network, self.classes, self.data, recipe)

    def ended(self, name: str, root: Path, code: int | None, output: Path) -> bool:
        """Say whether the training got so far that it made its folder."""
        return (root / name).exists()


def read_order(asked: Mapping[str, Any], limits: Limits) -> Order:
    """Check what a request wants trained.

    Raises
    ------
    Problem, ConvlensError
        422 with the field that is wrong.
    """
    for key in asked:
        if key not in ("network", "data", "recipe", "settings"):
            raise wrong(str(key)[:60], "the key is not known", "network, data, recipe, settings")
    known = {row["name"]: row for row in available()}
    name = asked.get("data", "")
    if not isinstance(name, str) or name not in known:
        raise wrong(
            "data",
            "the data is not a set of this machine"
            + (nearest(name[:60], known) if isinstance(name, str) else ""),
            "one of " + ", ".join(known),
        )
    network = read_network(asked.get("network"), limits)
    entry = datasets.describe(name)
    classes = tuple(entry["classes"])
    fitted = network.adapted(tuple(entry["shape"]), len(classes))
    fitted.plan(limits=network_limits(limits))
    recipe = asked.get("recipe")
    if recipe is None:
        recipe = recipes.suiting(name)
    if not isinstance(recipe, str) or recipe not in recipes.names():
        raise wrong("recipe", "there is no such recipe", "one of " + ", ".join(recipes.names()))
    settings = _settings(asked.get("settings") or {})
    chosen = recipes.load(recipe).changed(settings)
    if chosen.batch_size > entry["train"] * (1 - chosen.validation):
        raise wrong(
            "settings.batch_size",
            f"a batch of {chosen.batch_size} is more than the training images",
            f"fewer than {entry['train']:,}",
        )
    every = max(1, -(-chosen.epochs // SNAPSHOTS))
    return Order(network, name, recipe, {**settings, "record_kernels": every}, classes)


def _settings(asked: object) -> dict[str, Any]:
    if not isinstance(asked, dict):
        raise wrong("settings", "the settings are not an object", "keys and numbers")
    for key, value in asked.items():
        field = f"settings.{str(key)[:60]}"
        if key not in SETTINGS:
            raise wrong(
                field,
                f"the key is not known{nearest(str(key)[:60], SETTINGS)}",
                ", ".join(SETTINGS),
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(field, f"{field} is not a number", "a number")
        if value > SETTINGS[key]:
            raise wrong(field, f"{field} is {value:g}", f"at most {SETTINGS[key]:,}")
    try:
        recipes.Recipe().changed(dict(asked))
    except RecipeError as error:
        raise wrong("settings", error.what, error.expected) from None
    return dict(asked)


def read_network(written: object, limits: Limits) -> Network:
    """Read a network from a request.

    Raises
    ------
    NetworkError
        Where it is not understood.
    """
    if not isinstance(written, dict):
        raise wrong("network", "the network is not an object", "the keys input and layers")
    layers = written.get("layers")
    if isinstance(layers, list) and len(layers) > limits.layers:
        raise wrong("network.layers", f"there are {len(layers)} layers", f"at most {limits.layers}")
    return Network.read(written)


def network_limits(limits: Limits) -> NetworkLimits:
    """Return the largest network that a request may describe."""
    return NetworkLimits(
        layers=limits.layers, parameters=limits.parameters, side=4_096, activations=2**28
    )


def available() -> list[schemas.DataSet]:
    """Return the data sets that lie on this machine."""
    return [
        {
            "name": name,
            "title": entry["title"],
            "input": tuple(entry["shape"]),
            "classes": len(entry["classes"]),
            "train": entry["train"],
            "test": entry["test"],
        }
        for name in datasets.names()
        for entry in [datasets.describe(name)]
        if entry["found"]
    ]


@dataclass
class _Current:
    """The training that runs, or was the last one."""

    child: subprocess.Popen[bytes]
    name: str
    job: Startable
    place: tempfile.TemporaryDirectory[str]
    killed: bool = False

    @property
    def output(self) -> Path:
        """What the process says."""
        return Path(self.place.name) / "out"

    def kill(self) -> None:
        """End the process at once, and those that it started."""
        self.killed = True
        if self.child.poll() is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.child.pid, signal.SIGKILL)
            else:
                self.child.kill()


class Trainings:
    """The training that was started here, if one runs.

    Parameters
    ----------
    registry : Registry
        Where the new run appears.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._current: _Current | None = None

    @property
    def running(self) -> str | None:
        """The name of the run that is being trained, or None.

        A training that is done still has its report to write; its process is then not yet gone.
        """
        current = self._current
        if current is None:
            return None
        if not current.job.resumable:  # its run is there, or gone, when `look` has seen the end
            return current.name
        if current.child.poll() is not None:
            return None
        try:
            state = Run.open(current.job.folder(current.name, self._registry.root)).status
        except ConvlensError:  # its folder is still to come
            return current.name
        return current.name if state.get("state") == "running" else None

    def said(self, name: str) -> list[bytes]:
        """Return the lines that the process of a training has written so far."""
        current = self._current
        if current is None or current.name != name:
            return []
        with suppress(OSError):  # it ended meanwhile
            return current.output.read_bytes().splitlines()
        return []

    def start(self, job: Startable) -> str:
        """Start a training; return the name of its run.

        Raises
        ------
        Problem
            409, where one is running.
        """
        if self.running:
            raise Problem(
                *(409, "busy", f'a training is running: "{self.running}"'),
                "one training at a time",
                "wait for it, or stop it with DELETE /v1/trainings/" + self.running,
                headers={"Retry-After": "10"},
            )
        if self._current is not None:
            with suppress(subprocess.TimeoutExpired):
                self._current.child.wait(REPORT_SECONDS)
            self.look()
        root = self._registry.root
        name = self._free_name(job.title)
        place = tempfile.TemporaryDirectory(prefix="convlens-serve-")
        command = job.command(name, root, Path(place.name))
        with (Path(place.name) / "out").open("wb") as out:
            # a group of its own: Ctrl-C reaches the server, which tells the child once
            child = subprocess.Popen(  # noqa: S603 - every word of it is checked
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        with suppress(OSError, AttributeError):  # answers come before training
            os.setpriority(os.PRIO_PROCESS, child.pid, 5)
        self._current = _Current(child, name, job, place)
        self._registry.expect(name, job.expected(name), job.folder(name, root))
        log.info("training %s started", name)
        return name

    def _free_name(self, network: str) -> str:
        stamp = check_name(f"{datetime.now():%Y%m%d-%H%M%S}-{network}"[:90])
        taken = [stamp, *(f"{stamp}-{number}" for number in range(2, 100))]
        return next(
            name
            for name in taken
            if name not in self._registry.entries and not (self._registry.root / name).exists()
        )

    def stop(self, name: str) -> None:
        """Ask the training to save its state and end; one that saves none ends at once.

        Raises
        ------
        Problem
            404, where no such training runs.
        """
        current = self._current
        if self.running != name or current is None:
            raise Problem(
                *(404, "no_such_training", "no training of that name is running here"),
                "a training that was started here",
                "see GET /v1/models",
            )
        if current.job.resumable:
            with suppress(ProcessLookupError):
                current.child.send_signal(signal.SIGINT)
        else:
            current.kill()

    def look(self) -> None:
        """Notice a training that ended; one that failed before it made a run says why."""
        current, self._current = self._current, None
        if current is None:
            return
        code = current.child.poll()
        if code is None:
            self._current = current
            return
        exit_code = None if current.killed else code
        there = current.job.ended(current.name, self._registry.root, exit_code, current.output)
        if there:
            self._registry.settle(current.name)
        elif not current.job.resumable:
            self._registry.forget(current.name)
        elif code:
            self._tell_failure(current)
        log.info("training %s ended with %s", current.name, code)
        current.place.cleanup()

    def _tell_failure(self, current: _Current) -> None:
        entry = self._registry.entries.get(current.name)
        if entry is None:
            return
        message = _last_words(current.output)
        facts, summary = entry.facts, entry.summary
        status: schemas.RunStatus = {**facts["status"], "state": "failed", "message": message}
        entry.description = Description({**facts, "status": status}, {**summary, "state": "failed"})

    def close(self, seconds: float = 10.0) -> None:
        """Stop what runs, and wait for it to save its state."""
        current = self._current
        if current is None:
            return
        if current.child.poll() is None:
            if current.job.resumable:
                current.child.send_signal(signal.SIGINT)
            else:
                current.kill()
            try:
                current.child.wait(seconds)
            except subprocess.TimeoutExpired:
                current.kill()
                current.child.wait()
        self.look()


def _last_words(output: Path) -> str:
    """Return what a training's process said last, without the names of our own folders."""
    try:
        error = json.loads(output.read_text().strip().splitlines()[-1])["error"]
        return str(error["what"]).replace(str(output.parent) + os.sep, "")
    except (OSError, ValueError, LookupError):
        return "the training ended before it began"


def expected_run(
    name: str, network: Network, classes: tuple[str, ...], data: str, recipe: recipes.Recipe
) -> Description:
    """Return what is said of a run whose folder is not there yet."""
    plan = network.plan()
    facts: schemas.RunFacts = {
        "name": name,
        **describe.shapes(network, plan),
        "classes": list(classes),
        "preprocessing": None,
        "data": {"name": data},
        "recipe": recipe.model_dump(mode="json"),
        "status": {"state": "running", "epoch": 0, "epochs": recipe.epochs, "message": "starting"},
        "tested": None,
        "has_samples": True,
        "attributions": list(possible_methods(plan)),
    }
    summary: schemas.ModelSummary = {
        "name": name,
        "network": network.name,
        "input": network.input,
        "classes": len(classes),
        "state": "running",
        "test_accuracy": None,
        "default": False,
    }
    return Description(facts, summary)
