"""A page and its figures written into a folder, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from convlens import atomic


def write_folder(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write text files into a folder, which is made where it is missing.

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
    StorageError
        Where the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic.explain(error, folder) from error
    for name, text in files.items():
        atomic.write_text(folder / name, text)
    return [str(folder / name) for name in files]
