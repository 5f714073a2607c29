"""A page and its figures in a folder that an earlier page may have filled.

The folder lists what was written into it, with a digest of each file. The next page takes away what
is on that list, no longer needed and unchanged since; nothing else is ever removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from convlens.foundation.atomic import encoded, explain, write_folder

LISTING = ".convlens-page.json"
"""The list: a JSON object of SHA-256 digests by file name."""
LARGEST_LISTING = 1 << 20
"""Most bytes of the list; a longer one was not written by convlens and is not read."""
LARGEST_FIGURE = 64 << 20
"""Most bytes of a figure; a larger file was not written by convlens and stays."""


def write_page(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write a page into a folder, and remove the figures of the page that was there before.

    Parameters
    ----------
    folder : Path
        Where; made where it is missing.
    files : mapping of str to str
        Text by file name, the page first.

    Returns
    -------
    list of str
        The paths of the files, in the same order.

    Raises
    ------
    RunError, StorageError
        Where the folder or a file cannot be written; then nothing is removed.
    """
    earlier = {
        name: digest
        for name, digest in _listed(folder).items()
        if name not in files and _is_unchanged(folder / name, digest)
    }
    digests = {name: sha256(encoded(text)).hexdigest() for name, text in files.items()}
    # the list comes first and still names the earlier files: what a killed process leaves behind
    # is removed by the next page
    listing = json.dumps({**earlier, **digests}, indent=2) + "\n"
    written = write_folder(folder, {LISTING: listing, **files})[1:]
    for name in earlier:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise explain(error, folder / name) from error
    return written


def _listed(folder: Path) -> dict[str, str]:
    """Return the digests by name that an earlier page left; empty where there is no such list."""
    path = folder / LISTING
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_LISTING:
            return {}
        listing = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(listing, dict):
        return {}
    return {
        name: digest
        for name, digest in listing.items()
        if isinstance(digest, str) and name == Path(name).name and "\0" not in name
    }


def _is_unchanged(path: Path, digest: str) -> bool:
    """Say whether a file is there, no link, and holds what was written."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_FIGURE:
            return False
        return sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False
