"""Delete and rename runs: each in one step, and never a run that is being written."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from pathlib import Path

from convlens.foundation import atomic
from convlens.foundation.errors import RunError
from convlens.runs import lock, manifest
from convlens.runs.layout import STATUS, check_name
from convlens.runs.reader import Run
from convlens.runs.writer import open_existing


def delete(run: Run) -> None:
    """Delete a run's folder.

    It first takes a hidden name, in one step, so that no half-deleted run is ever listed.

    Raises
    ------
    RunError
        A process is writing the run, another run lies inside its folder, or the folder may not be
        changed.
    """
    folder = _place(run)
    if folder.is_symlink():
        try:
            folder.unlink()  # the link is the run's name; what it leads to is kept elsewhere
        except OSError as error:
            raise atomic.explain(error, folder) from error
        return
    inside = [path for path in folder.rglob(STATUS) if path.parent != folder]
    if inside:
        raise RunError(
            f"{folder} holds another run, {inside[0].parent}",
            "a run's own folder",
            "move the run inside elsewhere first",
        )
    hidden = folder.with_name(f".deleted-{secrets.token_hex(8)}")
    held = lock.acquire(folder)
    try:
        folder.rename(hidden)
    except OSError as error:
        raise atomic.explain(error, folder) from error
    finally:
        held.release()
    shutil.rmtree(hidden, ignore_errors=True)


def rename(run: Run, name: str) -> Run:
    """Give a run another name beside the one it has.

    Raises
    ------
    RunError
        The name is unsafe or taken, or a process is writing the run.
    """
    folder = _place(run)
    target = folder.with_name(check_name(name))
    held = lock.acquire(folder)
    try:
        try:
            target.mkdir()  # claims the name: a rename over an empty folder is one step
        except FileExistsError:
            raise RunError(f"{target} exists", "a free name") from None
        try:
            folder.replace(target)
        except OSError:
            with contextlib.suppress(OSError):
                target.rmdir()
            raise
    except OSError as error:
        raise atomic.explain(error, folder) from error
    finally:
        held.release()
    sealed = manifest.read(target) is not None
    with open_existing(target) as writer:
        writer.status(name=name)
        if sealed:
            writer.seal()
    return Run.open(target)


def _place(run: Run) -> Path:
    """Return where a run lies, also where it was opened as "."; a link stays a link."""
    return run.folder if run.folder.is_symlink() else run.folder.resolve()
