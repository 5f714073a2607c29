"""Settings that all tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
def shared_data() -> Path:
    """The folder with whole MNIST and the CIFAR-10 subset; the test is skipped without it."""
    places = [os.environ.get("CONVLENS_DATA"), Path(__file__).parents[1].parent / "shared" / "data"]
    for place in places:
        if place and Path(place).is_dir():
            return Path(place)
    pytest.skip("no real data sets: set CONVLENS_DATA to a folder with mnist/")
