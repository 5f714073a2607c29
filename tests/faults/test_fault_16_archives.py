"""Fault 16: archives that lead outside, hold links, unfold without end or fight over names."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from convlens.data.archives import ArchiveLimits, unpack
from convlens.foundation.errors import DataError


def zipped(path: Path, *entries: tuple[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            file.writestr(info, content)
    return path


def tarred(path: Path, *entries: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as file:
        for info in entries:
            file.addfile(info, io.BytesIO(bytes(info.size)))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def refused(archive: Path, reason: str, limits: ArchiveLimits | None = None) -> None:
    """Unpack into a folder of its own; nothing may be left there or beside it."""
    before = everything_below(archive.parent)
    with pytest.raises(DataError, match=reason):
        unpack(archive, archive.parent / "out" / "set", limits=limits or ArchiveLimits())
    assert everything_below(archive.parent) - before <= {"out"}


OUTSIDE = [
    "../evil",
    "a/../../evil",
    "/tmp/evil",
    "..\\evil",
    "C:\\evil",
    "\\evil",
    "a/b/../../../e",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_fault_16_a_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    refused(zipped(tmp_path / "a.zip", ("good", b"1"), (name, b"2")), "leads out|absolute")
    refused(tarred(tmp_path / "a.tgz", entry("good"), entry(name)), "leads out|absolute")


@pytest.mark.parametrize("name", ["", ".", "./."])
def test_fault_16_a_file_without_a_name_is_refused(tmp_path: Path, name: str) -> None:
    refused(tarred(tmp_path / "a.tgz", entry("good"), entry(name)), "has no name")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_fault_16_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    refused(tarred(tmp_path / "a.tgz", entry("a", kind, "/etc/passwd")), "a link or a device")


def test_fault_16_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    link = zipped(tmp_path / "a.zip", ("a", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777)
    refused(link, "a link or a device")


@pytest.mark.parametrize("names", [("a", "a"), ("Cat/1", "cat/2"), ("a", "a/b"), ("É", "É")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_fault_16_two_entries_in_one_place_are_refused(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    refused(zipped(tmp_path / "a.zip", *((name, b"1") for name in names)), "another entry lies")
    refused(tarred(tmp_path / "a.tgz", *map(entry, names)), "another entry lies")


def test_fault_16_a_thousandfold_bomb_is_refused(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "a.zip", *((f"{n}", bytes(10_000_000)) for n in range(4)))
    assert bomb.stat().st_size * 900 < 40_000_000
    refused(bomb, "unpacked bytes")
    refused(
        tarred(tmp_path / "a.tgz", *(entry(str(n), size=10_000_000) for n in range(4))), "bytes"
    )


def test_fault_16_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ("a", bytes(100_000)))
    content = path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(content)
    refused(path, "not as long as declared|CRC|cannot be unpacked")


def test_fault_16_too_many_entries_are_refused(tmp_path: Path) -> None:
    names = [(str(n), b"") for n in range(101)]
    refused(zipped(tmp_path / "a.zip", *names), "more than 100", ArchiveLimits(entries=100))
    many = tarred(tmp_path / "a.tgz", *(entry(name) for name, _ in names))
    refused(many, "more than 100", ArchiveLimits(entries=100))


@pytest.mark.slow
def test_fault_16_a_million_entries_cost_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(1_000_000):
            file.writestr(zipfile.ZipInfo(f"some-folder/another-folder/{number}.png"), b"")
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from convlens.data.archives import unpack\n"
        "from convlens.foundation.errors import DataError\n"
        "use = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = use()\n"
        "try: unpack(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except DataError: pass\n"
        "else: raise SystemExit('it was unpacked')\n"
        "assert use() - before < 50_000, use() - before\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path), str(tmp_path / "out")], check=True)


def test_fault_16_a_tar_name_that_is_said_to_be_endless_costs_no_memory(tmp_path: Path) -> None:
    head = entry("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=2**33)
    (tmp_path / "a.tar").write_bytes(head.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    refused(tmp_path / "a.tar", "cannot be unpacked")


@pytest.mark.parametrize("cut", [0, 7, 60, -1])
@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_fault_16_a_cut_archive_is_refused(tmp_path: Path, cut: int, mode: str) -> None:
    path = tarred(tmp_path / "a.tar", entry("a", size=5000), mode=mode)
    path.write_bytes(path.read_bytes()[:cut])
    refused(path, "cannot be unpacked")


def test_fault_16_an_encrypted_zip_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ("a", b"1"))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    refused(path, "is encrypted")
