"""Whole files or none: a file appears under its final name complete, or not at all.

The bytes go to a temporary name in the same folder, reach the disk (fsync), and take the final
name in one step (`os.replace`), which POSIX makes atomic. A crash at any moment leaves the old
file or the new one, and at worst a stray temporary that `is_temporary` recognises.

References
----------
Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014: why the file *and* its folder
need an fsync.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convlens.foundation.errors import ConvlensError, RunError, StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WRONG_PLACE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}


def write_bytes(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Write `data` to `path`, replacing what was there in one step.

    Parameters
    ----------
    path : Path
        Final name; its folder must exist. A new file gets the mode that the umask allows.
    data : bytes-like
        The whole content.

    Raises
    ------
    StorageError
        The disk is full or failing; an old file is intact.
    RunError
        The folder is missing or not writable.
    """
    temporary = _temporary(path.parent)
    try:
        with _removed_on_error(temporary):
            _write_new(temporary, data)
            os.replace(temporary, path)  # noqa: PTH105
        _sync_folder(path.parent)
    except OSError as error:
        raise explain(error, path, memoryview(data).nbytes) from error


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, by `encoded`; otherwise as `write_bytes`."""
    write_bytes(path, encoded(text))


def encoded(text: str) -> bytes:
    r"""Return a text as valid UTF-8, also one with names that Python could not decode.

    Where the locale knows ASCII only, or a name is not UTF-8, Python holds its bytes as lone
    surrogates. They become the bytes again if that is UTF-8, and visible escapes otherwise.

    Examples
    --------
    >>> encoded("ph\udcc3\udcb6t").decode(), encoded("caf\udce9").decode()
    ('phöt', 'caf\\udce9')
    """
    try:
        content = text.encode("utf-8", "surrogateescape")
        content.decode()
    except UnicodeError:
        return text.encode("utf-8", "backslashreplace")
    return content


def write_folder(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write text files into a folder, made where it is missing: all of them or none.

    Parameters
    ----------
    folder : Path
        Where.
    files : mapping of str to str
        Text by file name.

    Returns
    -------
    list of str
        The files' paths, in the same order.

    Raises
    ------
    RunError, StorageError
        Where the folder or a file cannot be written; what was there before is as it was, and no
        empty folder stays behind.
    """
    place = folder
    contents = {name: encoded(text) for name, text in files.items()}
    temporaries = {name: _temporary(folder) for name in files}
    try:
        made = [place for place in (folder, *folder.parents) if not place.exists()]
        with _removed_on_error(*temporaries.values(), *made):
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                place = folder / name
                _write_new(temporaries[name], content)
            for name, temporary in temporaries.items():
                place = folder / name
                os.replace(temporary, place)  # noqa: PTH105
        _sync_folder(folder)
    except OSError as error:
        raise explain(error, place, sum(map(len, contents.values()))) from error
    return [str(folder / name) for name in files]


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder that appears under its name whole, or not at all.

    The caller holds a lock, so that one process at a time fills it; what a killed one left is
    removed first.

    Parameters
    ----------
    folder : Path
        Final name, not there yet.

    Yields
    ------
    Path
        The folder to write into; it takes the final name when the block ends without an error, and
        is removed otherwise.

    Raises
    ------
    RunError, StorageError
        Where it cannot be made.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, folder)  # noqa: PTH105
        _sync_folder(folder.parent)
    except OSError as error:
        raise explain(error, folder) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, obj: object) -> None:
    """Write `obj` as indented JSON; otherwise as `write_bytes`.

    Raises
    ------
    ValueError
        `obj` holds NaN or an infinity, which JSON cannot say; pass it through `finite` first.
    """
    write_text(path, json.dumps(obj, indent=2, allow_nan=False) + "\n")


def finite(obj: Any) -> Any:
    """Copy dicts and lists with every NaN or infinity replaced by None, JSON's null.

    Examples
    --------
    >>> finite({"loss": float("nan"), "history": [0.5, float("inf")], "epoch": 3})
    {'loss': None, 'history': [0.5, None], 'epoch': 3}
    """
    if isinstance(obj, float):
        return obj if math.isfinite(obj) else None
    if isinstance(obj, dict):
        return {key: finite(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [finite(value) for value in obj]
    return obj


def is_temporary(path: Path) -> bool:
    """Tell whether `path` is named like a temporary of `write_bytes`.

    Examples
    --------
    >>> is_temporary(Path("run/.0123456789abcdef.tmp")), is_temporary(Path("notes.tmp"))
    (True, False)
    """
    return path.name.startswith(".") and path.suffix == ".tmp"


def explain(error: OSError, path: Path, needed: int = 0) -> ConvlensError:
    """Turn an `OSError` met while writing `path` into the error the user should see.

    Parameters
    ----------
    error : OSError
        What the operating system answered.
    path : Path
        The file or folder that was to be written.
    needed : int
        Size of the write, in bytes.

    Returns
    -------
    ConvlensError
        `RunError` (exit code 2) when the place was badly chosen, `StorageError` (exit code 1)
        when the place was right and the disk let us down.

    Examples
    --------
    >>> print(explain(OSError(errno.ENOSPC, "No space left on device"), Path("run/a.bin"), 4096))
    cannot write run/a.bin: the disk is full
      expected: 4096 free bytes
      to do: free some space or choose another folder, then run the command again
    """
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return StorageError(
            f"cannot write {path}: the disk is full",
            f"{needed} free bytes",
            "free some space or choose another folder, then run the command again",
        )
    if error.errno in _WRONG_PLACE:
        return RunError(
            f"cannot write {path}: {reason.lower()}",
            "a folder that exists and that you may write to",
            "choose another folder, or correct its permissions",
        )
    return StorageError(
        f"cannot write {path}: {reason.lower()}",
        f"a disk that takes {needed} bytes",
        "check the disk, then run the command again",
    )


def _temporary(folder: Path) -> Path:
    return folder / f".{secrets.token_hex(8)}.tmp"


def _write_new(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Write a file that must not exist yet, and wait until the disk has it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _removed_on_error(*paths: Path) -> Iterator[None]:
    """Remove files, and folders that are empty, when the block fails; also at Ctrl-C."""
    try:
        yield
    except BaseException:
        for path in paths:
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    if os.name == "nt":  # Windows cannot open a folder, and does not need to
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
