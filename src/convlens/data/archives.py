"""Zip and tar archives, unpacked without trusting them.

Names are checked before anything is written, sizes while it is written, and what is written lies
in a folder that takes its final name only when all is well. Refused are: absolute names and `..`,
links and devices, two entries of one name (also where only the case differs), encrypted and sparse
entries, too many entries, too many bytes, and more bytes than an honest archive of its size holds.

References
----------
D. Fifield, "A better zip bomb", WOOT 2019. The `data` filter of
https://docs.python.org/3/library/tarfile.html#extraction-filters refuses some of this; it sets no
limits on sizes and mends names that are refused here.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from convlens.data import cache
from convlens.data.decode import shown
from convlens.foundation import atomic
from convlens.foundation.errors import ConvlensError, DataError, StorageError
from convlens.foundation.locking import lock

EXTENSIONS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

_CHUNK = 1 << 20
_MAX_READ = 1 << 26
_XZ_MEMORY = 1 << 27
_MOST_PADDING = 1 << 24
_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_IGNORED = re.compile(r"(^|.*/)(__MACOSX/.*|\.DS_Store|\._[^/]*|Thumbs\.db)$")


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may hold.

    Parameters
    ----------
    entries : int
        Most files and folders.
    total : int
        Most bytes, unpacked.
    ratio : int
        Most unpacked bytes for each byte of the archive, where they are more than `free`.
    free : int
        Bytes that need no justification by the archive's size: label files pack 1000:1.
    """

    entries: int = 300_000
    total: int = 32 * 10**9
    ratio: int = 200
    free: int = 16 * 2**20


LIMITS = ArchiveLimits()


@dataclass(frozen=True)
class _Entry:
    """One entry of an archive, of either kind."""

    name: str
    size: int
    is_folder: bool
    flaw: str
    """Why it is refused whatever its name; empty where it is not."""
    open: Callable[[], IO[bytes]]


def is_archive(path: Path) -> bool:
    """Say whether a path is named like an archive and is a file.

    Examples
    --------
    >>> is_archive(Path("photos.zip"))  # there is none
    False
    """
    return path.name.lower().endswith(EXTENSIONS) and path.is_file()


def unpacked(archive: Path, members: Collection[str] | None = None) -> Path:
    """Return a folder with the archive's content, unpacked into the cache the first time.

    Parameters
    ----------
    archive : Path
        A zip or tar file (plain, gz, bz2 or xz).
    members : collection of str, optional
        The only entries to unpack.

    Raises
    ------
    DataError
        Where the archive is refused or damaged.
    RunError, StorageError
        Where the cache cannot be written.
    """
    try:
        status = archive.stat()
    except OSError as error:
        raise _unreadable(archive, error.strerror or str(error)) from error
    # the file's identity, not its content: hashing gigabytes would take longer than training
    identity = f"{archive.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0{members}"
    name = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    folder = cache.unpacked_root() / name
    with lock(folder.parent, name):
        if not folder.is_dir():
            unpack(archive, folder, members=members)
    return folder


def top(folder: Path) -> Path:
    """Return the folder that an archive was packed from: inside single folders, where they nest."""
    while len(inside := list(folder.iterdir())) == 1 and inside[0].is_dir():
        folder = inside[0]
    return folder


def unpack(
    archive: Path,
    folder: Path,
    *,
    members: Collection[str] | None = None,
    limits: ArchiveLimits = LIMITS,
) -> None:
    """Unpack an archive into a new folder, which appears whole or not at all.

    Parameters
    ----------
    archive : Path
        A zip or tar file (plain, gz, bz2 or xz; told by content).
    folder : Path
        Where; it does not exist yet, and the folder above it is made.
    members : collection of str, optional
        The only entries to unpack; all of them must be there.
    limits : ArchiveLimits
        What the archive may hold.

    Raises
    ------
    DataError
        Where the archive is damaged, breaks a limit, or holds an entry that is refused.
    RunError, StorageError
        Where the folder cannot be written.
    """
    with atomic.new_folder(folder) as place, _entries(archive, limits) as entries:
        _write(entries, place, archive, members, limits)


def _write(
    entries: Iterator[_Entry],
    place: Path,
    archive: Path,
    members: Collection[str] | None,
    limits: ArchiveLimits,
) -> None:
    allowed = min(limits.total, max(limits.free, limits.ratio * archive.stat().st_size))
    names = _Names(archive)
    wanted = set(members or ())
    total = 0
    for count, entry in enumerate(entries, start=1):
        if count > limits.entries:
            raise _refused(archive, f"it has more than {limits.entries:,} entries")
        if entry.flaw:
            raise _refused(archive, f"{shown(entry.name)} {entry.flaw}")
        parts = names.check(entry.name, is_folder=entry.is_folder)
        total += entry.size
        if entry.size < 0 or total > allowed:
            raise _refused(
                archive,
                f"{shown(entry.name)} brings it to {total:,} unpacked bytes, and "
                f"{archive.stat().st_size:,} packed ones justify {allowed:,}",
            )
        name = "/".join(parts)
        if _IGNORED.match(name) or (members is not None and name not in wanted):
            continue
        wanted.discard(name)
        path = place.joinpath(*parts)
        if entry.is_folder:
            path.mkdir(parents=True, exist_ok=True)
        else:
            _write_file(entry, path, archive)
        if members is not None and not wanted:
            return
    if wanted:
        raise _unreadable(archive, f"it has no {', '.join(sorted(wanted))}")


def _write_file(entry: _Entry, path: Path, archive: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(path.parent).free < entry.size:
        raise StorageError(
            f"cannot unpack {shown(archive)}: the disk is full",
            f"{entry.size:,} free bytes for {shown(entry.name)}",
            "free some space, or set XDG_CACHE_HOME to another disk, then run the command again",
        )
    left = entry.size
    with entry.open() as source, path.open("xb") as target:
        while chunk := source.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            target.write(chunk)
    if left:
        raise _unreadable(archive, f"{shown(entry.name)} is not as long as declared")


class _Names:
    """The names seen so far, as the least particular of file systems would tell them apart."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.files: set[str] = set()
        self.folders: dict[str, str] = {}

    def check(self, name: str, *, is_folder: bool) -> tuple[str, ...]:
        """Return the parts of an entry's path, or refuse it."""
        # some programs of Windows write backslashes; a part never contains one
        parts = tuple(part for part in re.split(r"[/\\]", name) if part not in ("", "."))
        reason = _flaw_of_name(name, parts)
        if reason or not (parts or is_folder):
            raise _refused(
                self.archive, f"{shown(name[:200]) or 'an entry'} {reason or 'has no name'}"
            )
        folders = parts if is_folder else parts[:-1]
        for depth in range(1, len(folders) + 1):
            spelling = "/".join(folders[:depth])
            key = _key(spelling)
            if key in self.files or self.folders.setdefault(key, spelling) != spelling:
                raise self._twice(name)
        if not is_folder:
            key = _key("/".join(parts))
            if key in self.files or key in self.folders:
                raise self._twice(name)
            self.files.add(key)
        return parts

    def _twice(self, name: str) -> DataError:
        return _refused(
            self.archive, f"{shown(name)} would lie where another entry lies (case aside)"
        )


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _flaw_of_name(name: str, parts: tuple[str, ...]) -> str:
    """Return why a name is refused, or an empty string.

    >>> _flaw_of_name("../a", ("..", "a")), _flaw_of_name("a/b", ("a", "b"))
    ('leads out of the folder', '')
    """
    if ".." in parts:
        return "leads out of the folder"
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return "is an absolute name"
    if not parts and name.strip("./\\"):
        return "has no name"
    try:
        lengths = [len(os.fsencode(part)) for part in parts]
    except UnicodeEncodeError:
        return "has a name that no file can have"
    if "\0" in name or max(lengths, default=0) > 255 or sum(lengths) > 2000 or len(parts) > 50:
        return "has a name that no file can have"
    return ""


@contextmanager
def _entries(archive: Path, limits: ArchiveLimits) -> Iterator[Iterator[_Entry]]:
    """Open an archive of either kind; whatever goes wrong with it becomes a `DataError`."""
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(_LimitedReads(archive))
            head = raw.read(6)
            raw.seek(0)
            if head[:2] == b"PK":
                file = zipfile.ZipFile(cast("IO[bytes]", raw))
                yield _zip_entries(stack.enter_context(file))
                return
            unpacker = next((f for magic, f in _UNPACKERS.items() if head.startswith(magic)), None)
            stream: Any = unpacker(raw) if unpacker else raw
            limited = stack.enter_context(_LimitedReads(stream))
            tar = tarfile.open(fileobj=cast("IO[bytes]", limited), mode="r:")  # noqa: SIM115
            yield _tar_entries(stack.enter_context(tar), limited, archive)
    except ConvlensError:
        raise
    except OSError as error:
        # decompressors give no number; the rest is about the folder that is written to
        if error.errno is not None and str(error.filename) != str(archive):
            raise
        raise _unreadable(archive, error.strerror or str(error)) from error
    except Exception as error:  # an archive of hostile bytes may raise anything
        raise _unreadable(archive, str(error) or type(error).__name__) from error


@contextmanager
def opened_zip(source: Path | bytes) -> Iterator[zipfile.ZipFile]:
    """Open a zip file whose list of entries takes no more memory than a few megabytes."""
    raw = source if isinstance(source, Path) else io.BytesIO(source)
    with (
        _LimitedReads(raw, limit=1 << 22) as limited,
        zipfile.ZipFile(cast("IO[bytes]", limited)) as file,
    ):
        if any(info.compress_type not in _ZIP_METHODS for info in file.infolist()):
            raise zipfile.BadZipFile("an entry is packed in an unusual way")
        yield file


def _zip_entries(file: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in file.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        flaw = ""
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            flaw = "is a link or a device"
        elif info.flag_bits & 0x1:
            flaw = "is encrypted"
        elif info.compress_type not in _ZIP_METHODS:
            flaw = "is packed in an unusual way"
        yield _Entry(
            # `filename` ends at a NUL, so that what is checked would not be what was written
            info.orig_filename,
            info.file_size,
            info.is_dir(),
            flaw,
            partial(file.open, info),
        )


def _tar_entries(file: tarfile.TarFile, stream: _LimitedReads, archive: Path) -> Iterator[_Entry]:
    last = -1
    while (info := file.next()) is not None:
        file.members = []  # type: ignore[attr-defined] # it would keep all of them
        if info.offset <= last or info.size < 0:
            raise _unreadable(archive, "its entries do not follow each other")
        last = info.offset
        flaw = ""
        if not (info.isreg() or info.isdir()):
            flaw = "is a link or a device"
        elif info.issparse():
            flaw = "is sparse"
        yield _Entry(
            info.name,
            0 if info.isdir() else info.size,
            info.isdir(),
            flaw,
            cast("Callable[[], IO[bytes]]", partial(file.extractfile, info)),
        )
    # tarfile takes any block that is no header for the end, and leaves a checksum behind it unread
    rest = stream.last
    for _ in range(_MOST_PADDING // _CHUNK):
        if any(rest):
            raise _unreadable(archive, "one of its entries is damaged")
        if not (rest := stream.read(_CHUNK)):
            return
    raise _unreadable(archive, "it goes on after its end")


@contextmanager
def _reading() -> Iterator[None]:
    """Tell errors of the archive from errors of the disk that is written to."""
    try:
        yield
    except OSError as error:
        raise zipfile.BadZipFile(error.strerror or str(error)) from error


class _LimitedReads(io.RawIOBase):
    """A stream that refuses to read much at once.

    The list of a zip file's entries and the long names of a tar file are read in one piece, as
    long as the archive says they are.
    """

    def __init__(self, source: Path | IO[bytes], limit: int = _MAX_READ) -> None:
        self.stream = source.open("rb") if isinstance(source, Path) else source
        self.limit = limit
        self.last = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        asked = self.limit + 1 if size is None or size < 0 else size
        if asked > self.limit and size is not None and size >= 0:
            raise zipfile.BadZipFile(f"a part of it is said to be {size:,} bytes long")
        with _reading():
            content = self.stream.read(asked)
        if len(content) > self.limit:
            raise zipfile.BadZipFile("a part of it is too long")
        self.last = content
        return content

    def readinto(self, buffer: Any) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        with _reading():
            return self.stream.seek(offset, whence)

    def tell(self) -> int:
        return self.stream.tell()

    def close(self) -> None:
        self.stream.close()
        super().close()


class _Xz(io.RawIOBase):
    """Read an .xz stream with a bound on the memory that its header may ask for."""

    def __init__(self, packed: IO[bytes]) -> None:
        self.packed = packed
        self.place = 0
        self.decoder = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.decoder.eof:
            fed = self.packed.read(_CHUNK) if self.decoder.needs_input else b""
            if self.decoder.needs_input and not fed:
                raise EOFError("it ends inside the compressed data")
            if content := self.decoder.decompress(fed, len(buffer)):
                buffer[: len(content)] = content
                self.place += len(content)
                return len(content)
        return 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence != 0 or offset < self.place:
            raise tarfile.ReadError("its entries do not follow each other")
        while self.place < offset and self.read(min(_CHUNK, offset - self.place)):
            pass
        return self.place


_UNPACKERS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": _Xz,
}


def _refused(archive: Path, reason: str) -> DataError:
    return DataError(
        f"{shown(archive)} is refused: {reason}",
        "an archive of plain files with relative names, no larger than its size allows",
        "pack it again from a folder, or unpack it yourself and give the folder",
    )


def _unreadable(archive: Path, reason: str) -> DataError:
    return DataError(
        f"{shown(archive)} cannot be unpacked: {reason}",
        "a whole archive: " + ", ".join(EXTENSIONS),
        "fetch or pack it again",
    )
