"""Damaged forms, and damaged heads and trailers over a real socket, for `convlens serve`.

    python tests/fuzz/serving.py forms 1000000 SEED
    python tests/fuzz/serving.py heads 1000000 SEED

Stops with a traceback at the first input whose answer is none: for `forms` an exception that is no
`ConvlensError`; for `heads` a status of 500 and more other than 503, a connection that stays open,
a server that ended, or one that does not answer the next valid request. What was run is added to
`counts.json`.
"""

from __future__ import annotations

import random
import re
import socket
import sys
import tempfile
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from convlens.foundation.errors import ConvlensError
from convlens.serve.http.multipart import read_form
from fuzz.counts import in_parts
from fuzz.mutate import damaged
from serving import Server, as_form, serving

AT_A_TIME = 16
"""Connections at once; far fewer than a server takes."""
_HEADS = [
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\r\n",
    b"POST /v1/shapes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\n",
    b"POST /v1/shapes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/models/first:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    b"Content-Type: multipart/form-data; boundary=xyz\r\nExpect: 100-continue\r\n\r\n--xyz",
    b"POST /v1/shapes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5;a="b;c";d\r\n{"a":\r\n3\r\n 1}\r\n0;last\r\nA: b\r\nContent-Length: 9\r\nC: d\r\n\r\n'
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"HEAD /?token=%41%ff&lang=zh HTTP/1.1\r\nHost: [::1]:8000\r\nAccept-Encoding: gzip, br\r\n"
    b'If-None-Match: "a", W/"b"\r\nRange: bytes=0-9,20-\r\nAuthorization: Bearer abc\r\n'
    b"Cookie: a=b; c\r\nOrigin: http://localhost\r\n\r\n",
    b"OPTIONS http://localhost/v1/models/first/metrics HTTP/1.0\r\nHost: localhost:1\r\n"
    b"Connection: keep-alive, close\r\nContent-Length: 0\r\nX:\r\n folded\r\n\r\n",
]
_FORM, _KIND = as_form(("image", "a.png", b"\x89PNG"), ("layer", None, b"conv1"))
_FORMS = [
    _KIND.encode() + b"\0" + _FORM,
    b"multipart/form-data; boundary*0=a; boundary*=utf-8''b\0" + _FORM,
    _KIND.encode() + b"\0" + _FORM.replace(b'name="image"', b"name*0*=image; name*=utf-8''x"),
]


def forms(count: int, seed: int) -> None:
    """Read damaged forms, each with its damaged content type before a NUL."""
    chance = random.Random(seed)
    for number in range(count):
        kind, _, body = damaged(chance.choice(_FORMS), chance).partition(b"\0")
        try:
            read_form(kind.decode("latin-1"), body, 80)
        except ConvlensError:
            continue
        except Exception as error:
            raise AssertionError(f"forms, case {number} of seed {seed}: {error!r}") from error


def heads(count: int, seed: int, server: Server) -> None:
    """Send damaged requests, each over a connection of its own that is closed for writing.

    Some connections are open at a time, so that neither side waits for the other.
    """
    chance = random.Random(seed)
    for first in range(0, count, AT_A_TIME):
        contents = [
            damaged(chance.choice(_HEADS), chance) for _ in range(min(AT_A_TIME, count - first))
        ]
        for number, answer in enumerate(_answers(contents, server.port)):
            statuses = [int(n) for n in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]
            case = (first + number, seed, contents[number], answer)
            assert all(n < 500 or n == 503 for n in statuses), case
        if first % (50 * AT_A_TIME) == 0:
            assert server.get("/healthz").status == 200, (first, seed)
    assert server.get("/healthz").status == 200
    assert server.process.poll() is None


def _answers(contents: list[bytes], port: int) -> list[bytes]:
    """Send each content over its own connection; return what came back until each was closed."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            for _ in contents
        ]
        for client, content in zip(clients, contents, strict=True):
            with suppress(OSError):  # the server may have refused it already
                client.sendall(content)
                client.shutdown(socket.SHUT_WR)
        return [_received(*pair) for pair in zip(clients, contents, strict=True)]


def _received(client: socket.socket, content: bytes) -> bytes:
    """Read until the server closes, which it does at once or when its patience ends."""
    answer = b""
    with suppress(ConnectionError):
        try:
            while part := client.recv(65536):
                answer += part
        except TimeoutError:
            raise AssertionError(f"stays open after {content!r} and {answer!r}") from None
    return answer


def _with_a_server(count: int, seed: int) -> None:
    import convlens

    with tempfile.TemporaryDirectory() as root:
        convlens.train("fast-mnist", epochs=1, seed=0, runs=root, name="first")
        with serving("first", "--runs", root, "--patience", "2") as server:
            in_parts("heads", count, seed, partial(heads, server=server))


if __name__ == "__main__":
    name, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if name == "forms":
        in_parts("forms", count, seed, forms)
    else:
        _with_a_server(count, seed)
