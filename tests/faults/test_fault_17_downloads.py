"""Fault 17: a mirror that forbids, stalls, lies, cuts or sends elsewhere; two downloads at once."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from convlens.foundation.download import Timeouts, fetch
from convlens.foundation.errors import DownloadError, InputError
from convlens.foundation.known_files import File
from servers import Mirror, mirror

NAME = "train-images-idx3-ubyte.gz"
CONTENT = gzip.compress(np.random.default_rng(0).bytes(200_000))
FILE = File(NAME, "sha256:" + hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
SHORT = Timeouts(connect=0.5, read=0.5)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy between the tests and their own server, and a cache of their own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CONVLENS_OFFLINE", raising=False)


@pytest.fixture
def server() -> Iterator[Mirror]:
    with mirror({NAME: CONTENT}) as running:
        yield running


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


BAD = {
    "forbidden": "HTTP 403",
    "stalled": "did not answer in time",
    "page": "a web page instead of the file",
    "unlabelled_page": "a web page instead of the file",
    "wrong": "its file is another one",
    "half": f"it gives {len(CONTENT) // 2:,} of {len(CONTENT):,} bytes",
    "longer": f"more than {len(CONTENT):,} bytes",
    "to_disk": "not http or https",
    "round": "Exceeded 30 redirects",
}


@pytest.mark.parametrize("kind", BAD)
def test_fault_17_a_bad_mirror_gives_way_to_the_next(
    server: Mirror, tmp_path: Path, kind: str
) -> None:
    fetch([FILE], [server.at(kind), server.at("good")], tmp_path / "set", timeouts=SHORT)
    assert (tmp_path / "set" / NAME).read_bytes() == CONTENT
    assert any(path.startswith(f"/{kind}/") for path, _, _ in server.requests)


@pytest.mark.parametrize("kind", BAD)
def test_fault_17_no_good_mirror_leaves_nothing_and_says_what_to_do(
    server: Mirror, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(DownloadError) as told:
        fetch([FILE], [server.at(kind)], tmp_path / "set", timeouts=SHORT)
    assert told.value.exit_code == 1
    assert BAD[kind] in told.value.what
    for fact in (NAME, FILE.known_hash, f"{len(CONTENT):,} bytes", str(tmp_path / "set")):
        assert fact in told.value.fix
    assert visible(tmp_path / "set") == []


def test_fault_17_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with mirror({}) as gone:
        pass
    with pytest.raises(DownloadError, match="no connection"):
        fetch([FILE], [gone.at("good")], tmp_path / "set", timeouts=SHORT)


def test_fault_17_a_cut_connection_goes_on_where_it_was_cut(server: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="cut again and again"):
        fetch([FILE], [server.at("cut")], tmp_path / "set", timeouts=SHORT)
    part = tmp_path / "set" / f".{NAME}.part"
    assert CONTENT.startswith(part.read_bytes())
    arrived = part.stat().st_size
    assert arrived > len(CONTENT) // 2
    assert visible(tmp_path / "set") == []
    server.requests.clear()
    fetch([FILE], [server.at("good")], tmp_path / "set", timeouts=SHORT)
    assert (tmp_path / "set" / NAME).read_bytes() == CONTENT
    assert server.ranges() == [f"bytes={arrived}-"]
    assert not part.exists()


def test_fault_17_a_server_without_ranges_starts_anew(server: Mirror, tmp_path: Path) -> None:
    part = tmp_path / "set" / f".{NAME}.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT[:1000])
    fetch([FILE], [server.at("rangeless")], tmp_path / "set", timeouts=SHORT)
    assert (tmp_path / "set" / NAME).read_bytes() == CONTENT
    assert server.ranges() == ["bytes=1000-"]


@pytest.mark.parametrize("left", [b"stale" * 100, CONTENT + b"stale"])
def test_fault_17_a_poisoned_part_is_thrown_away(
    server: Mirror, tmp_path: Path, left: bytes
) -> None:
    part = tmp_path / "set" / f".{NAME}.part"
    part.parent.mkdir()
    part.write_bytes(left)
    fetch([FILE], [server.at("good")], tmp_path / "set", timeouts=SHORT)
    assert (tmp_path / "set" / NAME).read_bytes() == CONTENT
    assert server.ranges()[-1] is None


def test_fault_17_a_whole_part_needs_no_more_bytes(server: Mirror, tmp_path: Path) -> None:
    part = tmp_path / "set" / f".{NAME}.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    fetch([FILE], [server.at("good")], tmp_path / "set", timeouts=SHORT)
    assert server.ranges() == [f"bytes={len(CONTENT)}-"]
    assert visible(tmp_path / "set") == [NAME]


def test_fault_17_a_damaged_file_in_the_cache_is_replaced(server: Mirror, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / NAME).write_bytes(CONTENT[:-1])
    fetch([FILE], [server.at("good")], tmp_path / "set", timeouts=SHORT)
    assert (tmp_path / "set" / NAME).read_bytes() == CONTENT
    server.requests.clear()
    fetch([FILE], [server.at("good")], tmp_path / "set", timeouts=SHORT)
    assert server.requests == []


def test_fault_17_a_file_called_gzip_encoded_stays_packed(server: Mirror, tmp_path: Path) -> None:
    fetch([FILE], [server.at("encoded")], tmp_path / "set", timeouts=SHORT)
    assert (tmp_path / "set" / NAME).read_bytes() == CONTENT


def test_fault_17_a_redirect_within_the_web_is_followed(server: Mirror, tmp_path: Path) -> None:
    fetch([FILE], [server.at("to_good")], tmp_path / "set", timeouts=SHORT)
    assert visible(tmp_path / "set") == [NAME]


def test_fault_17_a_proxy_is_used(
    server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    with pytest.raises(DownloadError):  # it asks the proxy, which does not know what to do
        fetch([FILE], ["http://mirror.invalid/good/"], tmp_path / "set", timeouts=SHORT)
    assert [path for path, _, _ in server.requests] == [f"http://mirror.invalid/good/{NAME}"]


def test_fault_17_offline_asks_nobody(
    server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLENS_OFFLINE", "1")
    with pytest.raises(InputError, match="CONVLENS_OFFLINE"):
        fetch([FILE], [server.at("good")], tmp_path / "set")
    assert server.requests == []


def test_fault_17_two_processes_at_once_download_once(server: Mirror, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from convlens.foundation.download import fetch\n"
        "from convlens.foundation.known_files import File\n"
        "name, known, size, url, folder = sys.argv[1:]\n"
        "fetch([File(name, known, int(size))], [url], Path(folder))\n"
    )
    facts = [NAME, FILE.known_hash, str(FILE.bytes), server.at("slow"), str(tmp_path / "set")]
    started = [
        subprocess.Popen([sys.executable, "-c", code, *facts], env=dict(os.environ))
        for _ in range(2)
    ]
    assert [process.wait(60) for process in started] == [0, 0]
    assert len(server.requests) == 1
    assert visible(tmp_path / "set") == [NAME]


def test_fault_17_a_folder_that_cannot_be_written_is_the_users_affair(
    server: Mirror, tmp_path: Path
) -> None:
    (tmp_path / "set").write_text("a file where the folder should be")
    with pytest.raises(Exception, match="cannot write") as told:
        fetch([FILE], [server.at("good")], tmp_path / "set")
    assert told.value.exit_code == 2
    assert server.requests == []
