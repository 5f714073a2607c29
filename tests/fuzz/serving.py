"""Damaged forms, and damaged heads and trailers over a real socket, for `convlens serve`.

    python tests/fuzz/serving.py forms 1000000 SEED
    python tests/fuzz/serving.py heads 1000000 SEED

Stops with a traceback at the first input whose answer is none: for `forms` an exception that is no
`ConvlensError`; for `heads` a status of 500 and more other than 503, a server that ended, or one
that does not answer the next valid request. What was run is added to `counts.json`.
"""

from __future__ import annotations

import json
import random
import re
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from convlens.foundation.errors import ConvlensError
from convlens.serve.http.multipart import read_form
from fuzz.mutate import damaged
from serving import Server, as_form, serving

COUNTS = Path(__file__).with_name("counts.json")
_HEADS = [
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\r\n",
    b"POST /v1/shapes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\n",
    b"POST /v1/shapes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/models/first:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    b"Content-Type: multipart/form-data; boundary=xyz\r\nExpect: 100-continue\r\n\r\n--xyz",
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
    """Send damaged requests, each over a connection of its own that is closed for writing."""
    chance = random.Random(seed)
    for number in range(count):
        content = damaged(chance.choice(_HEADS), chance)
        answer = b""
        with suppress(OSError), socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(5)
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                answer += part
        statuses = [int(n) for n in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]
        assert all(n < 500 or n == 503 for n in statuses), (number, seed, content, answer)
        if number % 1000 == 0:
            assert server.get("/healthz").status == 200, (number, seed)
    assert server.process.poll() is None


def _server_for(root: Path, count: int, seed: int) -> None:
    import convlens

    convlens.train("fast-mnist", epochs=1, seed=0, runs=root, name="first")
    with serving("first", "--runs", root, "--patience", "2") as server:
        heads(count, seed, server)


if __name__ == "__main__":
    name, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    started = time.monotonic()
    if name == "forms":
        forms(count, seed)
    else:
        with tempfile.TemporaryDirectory() as folder:
            _server_for(Path(folder), count, seed)
    seconds = round(time.monotonic() - started, 1)
    counts = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    before = counts.get(name, {"inputs": 0, "seconds": 0.0, "found": 0})
    counts[name] = {
        "inputs": before["inputs"] + count,
        "seconds": round(before["seconds"] + seconds, 1),
        "found": before["found"],
    }
    COUNTS.write_text(json.dumps(counts, indent=2) + "\n")
    print(f"{name}: {count} inputs in {seconds} s")
