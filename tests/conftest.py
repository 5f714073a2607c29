"""Settings that all tests share."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from serving import Server

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell's background job ignores Ctrl-C, and the programs under test would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path.insert(0, str(Path(__file__).parent))  # `import networks`, the strategies

settings.register_profile(
    "convlens",
    deadline=None,  # shared machines are noisy
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("convlens")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep decoded folders of the tests out of the user's cache."""
    os.environ["CONVLENS_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def served_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one in it, `first`: an epoch of real digits, its kernels recorded."""
    import convlens

    root = tmp_path_factory.mktemp("served")
    convlens.train("fast-mnist", epochs=1, seed=0, runs=root, name="first", record_kernels=1)
    return root


@pytest.fixture(scope="session")
def server(served_runs: Path) -> Iterator[Server]:
    """A real server of that run, which all tests share: none of them stops it."""
    from serving import serving

    with serving("first", "--runs", served_runs, "--patience", "2") as running:
        yield running


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with whole MNIST and the CIFAR-10 subset; the test is skipped without it."""
    places = [os.environ.get("CONVLENS_DATA"), Path(__file__).parents[1].parent / "shared" / "data"]
    for place in places:
        if place and Path(place).is_dir():
            return Path(place)
    pytest.skip("no real data sets: set CONVLENS_DATA to a folder with mnist/")
