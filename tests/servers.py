"""A real HTTP server on this machine that can misbehave in the ways that mirrors do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(BaseHTTPRequestHandler):
    """One request; what to do with it stands in the server's `behaviour` by first path part."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        mirror = self.server.mirror
        mirror.requests.append((self.path, self.headers.get("Range"), dict(self.headers)))
        kind, _, name = self.path.strip("/").partition("/")
        try:
            getattr(self, f"_{kind}")(mirror.files.get(name, b""))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, content: bytes, status: int = 200, length: int | None = None, **headers: str):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def _good(self, content: bytes) -> None:
        wanted = self.headers.get("Range")
        if wanted is None:
            self._send(content)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            self._send(b"", 416, Content_Range=f"bytes */{len(content)}")
            return
        place = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(content[start:], 206, Content_Range=place)

    def _rangeless(self, content: bytes) -> None:
        self._send(content)

    def _forbidden(self, content: bytes) -> None:
        self._send(b"no", 403)

    def _page(self, content: bytes) -> None:
        self._send(b"<!DOCTYPE html><p>Sign in to go on", Content_Type="text/html; charset=utf-8")

    def _unlabelled_page(self, content: bytes) -> None:
        self._send(b"\n<html><body>moved", Content_Type="application/octet-stream")

    def _wrong(self, content: bytes) -> None:
        self._send(bytes(len(content)))

    def _half(self, content: bytes) -> None:
        """Say that half of the file is the whole."""
        self._send(content[: len(content) // 2])

    def _longer(self, content: bytes) -> None:
        self._send(content + b"more")

    def _cut(self, content: bytes) -> None:
        """Cut the connection in the middle of the file, every time, wherever the client begins."""
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        rest = content[start:]
        place = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        status = 206 if start else 200
        half = rest[: -(-len(rest) // 2)] if len(rest) > 8 else rest
        self._send(half, status, len(rest), **(place if start else {}))
        self.close_connection = True

    def _stalled(self, content: bytes) -> None:
        """Send a little, and then nothing for longer than anyone waits."""
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self._send(b"", 206 if start else 200, len(content) - start)
        self.server.mirror.stalls.wait(5)
        self.close_connection = True

    def _slow(self, content: bytes) -> None:
        time.sleep(0.3)
        self._good(content)

    def _encoded(self, content: bytes) -> None:
        """Call the gzip file gzip-encoded, as some servers do."""
        self._send(content, Content_Encoding="gzip", Content_Type="application/x-gzip")

    def _to_disk(self, content: bytes) -> None:
        self._send(b"", 302, Location="file:///etc/passwd")

    def _to_good(self, content: bytes) -> None:
        self._send(b"", 302, Location=self.path.replace("to_good", "good"))

    def _round(self, content: bytes) -> None:
        self._send(b"", 302, Location=self.path)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@dataclass
class Mirror:
    """A running server.

    Parameters
    ----------
    url : str
        Its address; `url/KIND/` behaves as the method `_KIND` of `Answer` says.
    files : dict
        What it serves, by name.
    requests : list
        Path, Range and headers of each request so far.
    """

    url: str
    files: dict[str, bytes]
    requests: list[tuple[str, str | None, dict[str, str]]] = field(default_factory=list)
    stalls: threading.Event = field(default_factory=threading.Event)

    def at(self, kind: str) -> str:
        """Return the address of a mirror that behaves in one way."""
        return f"{self.url}/{kind}/"

    def ranges(self) -> list[str | None]:
        """Return the Range header of each request so far."""
        return [asked for _, asked, _ in self.requests]


@contextmanager
def mirror(files: dict[str, bytes]) -> Iterator[Mirror]:
    """Serve files until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    server.block_on_close = False
    server.mirror = Mirror(f"http://127.0.0.1:{server.server_port}", dict(files))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.mirror
    finally:
        server.mirror.stalls.set()
        server.shutdown()
        thread.join()
        server.server_close()
