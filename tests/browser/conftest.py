"""A real browser on a real server of real runs; `make test-browser` runs these."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

    from serving import Server

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--use-fake-device-for-media-stream",
]
ALLOWED, REFUSED = "--use-fake-ui-for-media-stream", "--use-fake-ui-for-media-stream=deny"
"""What the person answers whom the browser asks for the camera."""
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}

Open = Callable[..., "Page"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained runs: `digits`, `photos` and `deep` on tiles of photos, `wide` on 20x40 images."""
    import convlens
    import photos
    import sides

    root = tmp_path_factory.mktemp("browser-runs")
    convlens.train("tutorial-torch", epochs=4, seed=0, runs=root, name="digits", record_kernels=1)
    folder = photos.write(tmp_path_factory.mktemp("data") / "photos", count=24)
    convlens.train(
        "tiny-vgg", data=folder, epochs=6, batch_size=8, seed=0, runs=root, name="photos"
    )
    convlens.train(
        "bottleneck-resnet", data=folder, epochs=1, batch_size=8, seed=0, runs=root, name="deep"
    )
    folder = sides.write(tmp_path_factory.mktemp("data") / "sides")
    convlens.train(
        sides.NETWORK, data=folder, epochs=6, batch_size=8, seed=0, runs=root, name="wide"
    )
    return root


@pytest.fixture(scope="session")
def explorer(runs: Path) -> Iterator[Server]:
    """`convlens serve digits photos deep wide`."""
    from serving import serving

    with serving("digits", "photos", "deep", "wide", "--runs", runs) as server:
        yield server


@pytest.fixture(scope="session")
def site(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The run `digits` as `convlens publish` writes it, on a plain file server."""
    from convlens.serve.pages.site import publish

    folder = tmp_path_factory.mktemp("published") / "site"
    publish(runs / "digits", folder)
    handler = partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


class Quiet(SimpleHTTPRequestHandler):
    """`python -m http.server` without its log."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable[..., Browser]]:
    """How to start a browser, with further flags."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the extra dev is not installed")
    found = CHROMIUM if CHROMIUM.exists() else shutil.which("chromium")
    if not found:
        pytest.skip("there is no chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        yield lambda *flags: driver.chromium.launch(
            executable_path=str(found), args=[*FLAGS, *flags]
        )


@pytest.fixture(scope="session")
def browser(chromium: Callable[..., Browser]) -> Iterator[Browser]:
    running = chromium(ALLOWED)
    yield running
    running.close()


@pytest.fixture(scope="session")
def refusing(chromium: Callable[..., Browser]) -> Iterator[Browser]:
    running = chromium(REFUSED)
    yield running
    running.close()


def failure(answer: Response) -> list[str]:
    """Return a line for an answer that is an error."""
    return [f"{answer.status} for {answer.url}"] if answer.status >= 400 else []


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start `convlens serve` for one test; it ends after the pages that the test opened."""
    from serving import serving

    with ExitStack() as servers:
        yield lambda *arguments: servers.enter_context(serving(*arguments))


@pytest.fixture
def open_page(browser: Browser, explorer: Server, serve: Callable[..., Server]) -> Iterator[Open]:
    yield from opening(browser, explorer)


@pytest.fixture
def refusing_page(explorer: Server, refusing: Browser) -> Iterator[Open]:
    """Like `open_page`, for someone who does not allow the camera."""
    yield from opening(refusing, explorer)


@pytest.fixture
def empty(serve: Callable[..., Server], tmp_path: Path) -> str:
    """The address of a server without runs."""
    return f"http://127.0.0.1:{serve('--runs', tmp_path / 'runs').port}/"


@pytest.fixture
def seeing(
    chromium: Callable[..., Browser], explorer: Server, empty: str, tmp_path: Path
) -> Iterator[Open]:
    """Open a page of a browser whose camera sees the photo of a flower."""
    seen = film(tmp_path / "flower.mjpeg", "flower")
    browser = chromium(ALLOWED, f"--use-file-for-fake-video-capture={seen}")
    yield from opening(browser, explorer)
    browser.close()


def film(path: Path, name: str, frames: int = 24) -> Path:
    """Write what a camera sees that moves over one photo, for Chromium's camera: motion JPEG."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    photo = Image.fromarray(load_sample_image(f"{name}.jpg"))
    with path.open("wb") as file:
        for number in range(frames):
            left = number * (photo.width - 320) // frames
            part = photo.crop((left, 60, left + 320, 300))
            part.save(file, "JPEG", quality=90)
    return path


def opening(browser: Browser, explorer: Server) -> Iterator[Open]:
    """Open a page in a fresh profile; at the end nothing failed and no other host was asked.

    A test that makes a request fail on purpose says so with `refused=True`.
    """
    opened: list[Any] = []
    problems: list[str] = []

    def open_one(
        url: str = "",
        *,
        viewport: dict[str, int] | None = None,
        scheme: str = "light",
        language: str = "en-US",
        still: bool = True,
        ready: bool = True,
        refused: bool = False,
        **more: Any,
    ) -> Page:
        base = url or f"http://127.0.0.1:{explorer.port}/"
        context = browser.new_context(
            viewport=viewport or DESKTOP,
            color_scheme=scheme,
            locale=language,
            reduced_motion="reduce" if still else "no-preference",
            **more,
        )
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)  # shared machines are slow at times
        own = (re.split("[?#]", base)[0], "data:", "blob:")
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(own) else problems.append(f"asked {request.url}")
            ),
        )
        page.on("pageerror", lambda error: problems.append(f"failed: {error}"))
        if not refused:
            page.on("response", lambda answer: problems.extend(failure(answer)))
            page.on(
                "console",
                lambda told: problems.append(told.text) if told.type == "error" else None,
            )
        page.goto(base)
        if ready:
            page.get_by_test_id("winner").wait_for()
        return page

    yield open_one
    for context in opened:
        context.close()
    assert problems == []
