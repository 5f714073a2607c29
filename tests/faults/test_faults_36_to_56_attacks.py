"""Faults 36, 37, 48 to 51 and 56: hostile clients over raw sockets, against a real server."""

from __future__ import annotations

import io
import re
import socket
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens.data import Preprocessing
from convlens.foundation.errors import DataError
from serving import Server, as_form

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import http_attacks
from http_attacks import Target

PREDICT = "/v1/models/first:predict"
PATIENCE = 2.0
"""Seconds that the server of these tests waits for a client."""


@pytest.fixture
def target(server: Server) -> Target:
    assert server.get("/healthz").status == 200
    return Target(server.port, server.process.pid, PATIENCE)


def grey_png(width: int, height: int) -> bytes:
    """Return a grey PNG of zeros, a few kilobytes for millions of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checked)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join([packer.compress(bytes(width + 1)) for _ in range(height)]) + packer.flush()
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize(
    "attack",
    [
        http_attacks.trailers,
        http_attacks.one_trailer,
        http_attacks.chunk_extension,
        http_attacks.chunk_extensions,
        http_attacks.header_lines,
        http_attacks.header_line,
        http_attacks.address,
    ],
    ids=lambda attack: attack.__name__,
)
def test_fault_48_floods_before_the_body_ends_take_no_memory(
    server: Server, target: Target, attack: Callable[[Target], str]
) -> None:
    suffered = http_attacks.suffer(target, attack)
    assert suffered["growth_mb"] < 60, suffered
    assert re.match(r"400|408|closed", suffered["answer"]), suffered
    assert suffered["median_health_ms"] < 100, suffered
    assert server.get("/readyz").status == 200


@pytest.mark.parametrize(
    "attack", [http_attacks.slow_head, http_attacks.slow_body, http_attacks.slow_trailers]
)
def test_fault_36_a_client_that_drips_is_told_and_closed(
    target: Target, attack: Callable[[Target], str]
) -> None:
    assert re.match(r"408 after [1-4]\.", attack(target))


def test_fault_36_silent_connections_beyond_the_bound_are_refused_and_end(
    server: Server, target: Target
) -> None:
    suffered = http_attacks.suffer(target, http_attacks.many_connections)
    assert suffered["growth_mb"] < 60, suffered
    time.sleep(PATIENCE + 1)
    assert server.get("/readyz").status == 200


@pytest.mark.parametrize(
    "attack",
    [
        http_attacks.upgrade,
        http_attacks.websocket,
        http_attacks.both_lengths,
        http_attacks.two_lengths,
    ],
    ids=lambda attack: attack.__name__,
)
def test_fault_49_a_body_is_never_answered_as_a_second_request(
    target: Target, attack: Callable[[Target], str]
) -> None:
    assert attack(target) in ("400 (one)", "415 (one)")


def test_fault_49_two_host_headers_are_refused(target: Target) -> None:
    assert http_attacks.two_hosts(target) == "400"


@pytest.mark.parametrize("address", [b"/v1?a=\x96", b"/v1/models?\xff", b"/?\xd0\xb0"])
def test_fault_49_an_address_of_other_bytes_than_ascii_is_refused(
    server: Server, address: bytes
) -> None:
    head = b"GET " + address + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(head)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "second",
    [
        b"GET /\xaf HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET \xafhealthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/9.1\r\nHost: localhost\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_fault_49_a_wrong_request_behind_a_right_one_is_refused_and_its_connection_closed(
    server: Server, second: bytes
) -> None:
    answer = server.raw(HEALTHZ + second, 10)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"400"]


@pytest.mark.parametrize("second", [b"", b"{", b"{}"])
def test_fault_36_a_body_that_never_comes_behind_a_right_request_is_told_and_closed(
    server: Server, second: bytes
) -> None:
    head = b"POST /v1/shapes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = server.raw(HEALTHZ + head + b"Content-Length: 9\r\n\r\n" + second, 10)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"408"]


def test_fault_49_an_upgrade_that_is_offered_is_ignored(server: Server) -> None:
    form, kind = as_form(("image", "a.png", grey_png(28, 28)))
    offered = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMA"}
    reply = server.ask("POST", PREDICT, form, {"Content-Type": kind, **offered})
    assert reply.status == 200


@pytest.mark.parametrize(
    "parameters",
    [
        "boundary*0=x; boundary*=utf-8''b",
        "boundary*=utf-8''xyz",
        "boundary*0*=x; boundary*1=yz",
        "boundary*9999999999=x",
        "boundary",
        'boundary="',
    ],
)
def test_fault_50_a_boundary_in_the_form_of_rfc_2231_is_none(
    server: Server, parameters: str
) -> None:
    body, _ = as_form(("image", "a.png", grey_png(28, 28)))
    reply = server.ask(
        "POST", PREDICT, body, {"Content-Type": f"multipart/form-data; {parameters}"}
    )
    assert (reply.status, reply.error["code"]) == (400, "bad_multipart")


@pytest.mark.parametrize(
    "disposition",
    [
        "form-data; name*0*=image; name*=utf-8''x",
        "form-data; name*=no-such-charset''image",
        "form-data; name*999999999999=image",
        "form-data; name",
        "form-data",
        "",
    ],
)
def test_fault_50_a_parts_name_in_the_form_of_rfc_2231_is_none(
    server: Server, disposition: str
) -> None:
    body = f"--xyz\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--xyz--\r\n".encode()
    reply = server.ask("POST", PREDICT, body, {"Content-Type": "multipart/form-data; boundary=xyz"})
    assert reply.status in (400, 422), reply.body
    assert reply.error["message"]


def test_fault_51_a_thin_picture_is_refused_from_its_header(server: Server) -> None:
    for width, height in ((1, 24_000_000), (24_000_000, 1)):
        content = grey_png(width, 1) if height == 1 else grey_png(1, 1)
        if height > 1:  # the header alone says so
            content = grey_png(1, 1).replace(
                struct.pack(">II", 1, 1), struct.pack(">II", width, height)
            )
            crc = zlib.crc32(content[12:29])
            content = content[:29] + struct.pack(">I", crc) + content[33:]
        before, started = server.memory(), time.monotonic()
        form, kind = as_form(("image", "thin.png", content))
        reply = server.ask("POST", PREDICT, form, {"Content-Type": kind})
        assert (reply.status, reply.error["code"]) == (413, "too_large")
        assert time.monotonic() - started < 2
        assert server.memory() - before < 100e6


def test_fault_51_the_pixels_of_a_request_are_bounded_together(server: Server) -> None:
    form, kind = as_form(*[("image", "large.png", grey_png(4_800, 5_000))] * 64)
    before, started = server.memory(), time.monotonic()
    reply = server.ask("POST", PREDICT, form, {"Content-Type": kind})
    assert (reply.status, reply.error["code"]) == (413, "too_large")
    assert "together" in reply.error["message"]
    assert time.monotonic() - started < 3
    assert server.memory() - before < 100e6


@pytest.mark.parametrize("framing", ["none", "mnist"])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_fault_51_the_longest_strip_that_is_read_costs_little(framing: str, fit: str) -> None:
    preprocessing = Preprocessing((1, 28, 28), (0.5,), (0.5,), framing, "mixed", fit)  # type: ignore[arg-type]
    image, _ = preprocessing.prepare(grey_png(30_000, 700))
    assert image.shape == (1, 28, 28)
    with pytest.raises(DataError, match="too many pixels"):
        preprocessing.prepare(grey_png(40_000, 1))


def test_fault_51_photos_are_framed_as_before() -> None:
    pixels = np.zeros((600, 800), np.uint8)
    pixels[100:500, 380:420] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    preprocessing = Preprocessing((1, 28, 28), (0.5,), (0.5,), "mnist", "dark", "crop")
    image, _ = preprocessing.prepare(file.getvalue())
    assert image[0, :, 13:15].max() == 255
    assert image[0, :, :11].max() == 0


def test_fault_56_a_client_that_sends_everything_first_reads_413(target: Target) -> None:
    assert http_attacks.too_large_at_once(target) == "413 413 413 413 413"


def test_fault_37_a_part_without_end_is_refused(target: Target) -> None:
    suffered = http_attacks.suffer(target, http_attacks.body)
    assert suffered["answer"].startswith("413")
    assert suffered["growth_mb"] < 100, suffered


def test_head_is_answered_wherever_get_is(server: Server) -> None:
    for path in ("/v1/models", "/v1/models/first", "/healthz", "/v1/zoo", "/"):
        reply = server.ask("HEAD", path)
        assert (reply.status, reply.body) == (200, b""), path
