"""ONNX Runtime for browsers, which a published page runs its model with.

The two files are as the npm package onnxruntime-web has them (MIT licence). `make web` puts them
beside the built page; where they are missing they are downloaded once and checked.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import platformdirs

from convlens.foundation.download import Report, fetch
from convlens.foundation.errors import ConvlensError, InputError
from convlens.foundation.known_files import File

VERSION = "1.30.0"
FILES = (
    File(
        "ort.wasm.bundle.min.mjs",
        "sha256:11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
        73054,
    ),
    File(
        "ort-wasm-simd-threaded.wasm",
        "sha256:3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
        14239897,
    ),
)
MIRRORS = (
    f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist",
    f"https://unpkg.com/onnxruntime-web@{VERSION}/dist",
)


def find_runtime(
    built: Path,
    named: Path | None = None,
    *,
    cache: Path | None = None,
    mirrors: tuple[str, ...] = MIRRORS,
    report: Report | None = None,
) -> list[Path]:
    """Return the files of ONNX Runtime, from the first place that has them.

    Parameters
    ----------
    built : Path
        Folder beside the built page.
    named : Path, optional
        A folder that the user names: it must hold them.
    cache : Path, optional
        Where to download to; by default the user's cache.
    mirrors : tuple of str
        Where to download from.
    report : Report, optional
        Called with how far a download is.

    Raises
    ------
    InputError
        Where the folder that was named holds other files.
    DownloadError, InputError
        Where they cannot be had; says how to get them by hand.
    """
    if named is not None:
        wrong = [file.name for file in FILES if not _is(named / file.name, file)]
        if wrong:
            raise InputError(
                f"{named} has no {' and no '.join(wrong)} of onnxruntime-web {VERSION}",
                "the folder dist of that npm package",
                f"npm pack onnxruntime-web@{VERSION}; tar -xf onnxruntime-web-{VERSION}.tgz; "
                "then `runtime=package/dist`",
            )
        return [named / file.name for file in FILES]
    if all(_is(built / file.name, file) for file in FILES):
        return [built / file.name for file in FILES]
    folder = cache or platformdirs.user_cache_path("convlens") / f"onnxruntime-web-{VERSION}"
    try:
        fetch(FILES, mirrors, folder, report=report)
    except ConvlensError as error:
        error.fix += (
            f"\n      or, where npm works: npm pack onnxruntime-web@{VERSION}; "
            f"tar -xf onnxruntime-web-{VERSION}.tgz; and publish with `runtime=package/dist`"
        )
        raise
    return [folder / file.name for file in FILES]


def _is(path: Path, file: File) -> bool:
    try:
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == file.known_hash
    except OSError:
        return False
