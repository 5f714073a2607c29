"""Faults 20 and 35 to 43: what a server meets, over real connections to a real one."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convlens import cli, data
from serving import SAFETENSORS, Server, as_form, as_tensor, received, serving

PREDICT = "/v1/models/first:predict"
IMAGE = [[0] * 28 for _ in range(28)]


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run `convlens serve` in this process; it must exit with 2. Returns what it says."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["convlens", "serve", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        assert ended.value.code == 2, told.err
        assert "Traceback" not in told.err
        assert not told.out
        return told.err

    return run


def still_answers(server: Server) -> None:
    """The next valid request succeeds, and the process is the same."""
    assert server.post(PREDICT, {"images": [IMAGE]}).status == 200
    assert server.process.poll() is None


def head(path: str = PREDICT, **headers: str | int) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def bomb(side: int) -> bytes:
    """A PNG of side x side pixels in a few kilobytes: one bit a pixel, all zero."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checked)

    rows = zlib.compress(bytes((side // 8 + 1) * 256), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def test_fault_20_a_picture_of_400_million_pixels_is_refused_from_its_header(
    server: Server,
) -> None:
    still_answers(server)
    content = bomb(20_000)
    assert len(content) < 10_000
    form, kind = as_form(("image", "bomb.png", content))
    before = server.memory()
    for path in (PREDICT, "/v1/models/first:activations", "/v1/models/first:attribution"):
        reply = server.ask("POST", path, form, {"Content-Type": kind})
        assert (reply.status, reply.error["code"]) == (413, "too_large")
    assert server.memory() - before < 50e6
    still_answers(server)


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "..%2f..%2fx",
        "..%252f",
        "%2e%2e",
        "a;b",
        "a%00b",
        "x" * 300,
        "%2Fetc%2Fpasswd",
        "a%20b",
        "%0d%0aX:1",
    ],
)
def test_fault_35_a_name_that_is_none_is_refused(server: Server, name: str) -> None:
    for method, path in (
        ("POST", f"/v1/models/{name}:predict"),
        ("GET", f"/v1/models/{name}"),
        ("GET", f"/v1/models/{name}/weights"),
        ("GET", f"/v1/models/{name}/kernels/conv1"),
        ("DELETE", f"/v1/trainings/{name}"),
    ):
        reply = server.ask(method, path)
        assert reply.status in (400, 404, 405), (method, path)
        assert reply.error
        assert "x-1" not in {key.lower() for key in reply.headers}
    assert server.ask("POST", f"/v1/models/{name}:predict").status == 400


def test_fault_35_static_files_stay_in_their_folder(server: Server) -> None:
    for path in ("/../app.py", "/..%2fapp.py", "/assets/../../app.py", "//etc/passwd"):
        reply = server.get(path)
        assert reply.status == 404
        assert b"import" not in reply.body


@pytest.mark.parametrize("name", ["../../x", "a;b", "x" * 300, "a\nb", "a\0b", ""])
def test_fault_35_the_command_line_refuses_such_a_run(
    name: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert refused(name, "--runs", str(tmp_path))


def test_fault_36_a_body_over_the_limit_is_refused_whatever_its_length_says(
    server: Server,
) -> None:
    large = 17 * 2**20
    honest = server.raw(head(Content_Type=SAFETENSORS, Content_Length=large))
    assert status_of(honest) == 413
    # said to be short: what follows is no request
    lying = server.raw(head(Content_Type=SAFETENSORS, Content_Length=10) + bytes(1000))
    assert status_of(lying) in (400, 422)
    assert b"200 OK" not in lying
    # a client that sends all of it before it reads gets to know why
    reply = server.ask("POST", PREDICT, bytes(large), {"Content-Type": SAFETENSORS})
    assert (reply.status, reply.error["code"]) == (413, "too_large")
    before = server.memory()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(head(Content_Type=SAFETENSORS, Transfer_Encoding="chunked"))
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        sent = 0
        try:
            for _ in range(4000):  # 256 MB, were it taken
                client.sendall(chunk)
                sent += 0x10000
        except OSError:
            pass  # closed on us, as it should be
        try:
            answer = received(client)
        except OSError:
            answer = b"HTTP/1.1 413 "  # reset before we read it
    assert status_of(answer) == 413
    assert sent < 128 * 2**20  # with what both ends hold on a busy machine
    assert server.memory() - before < 60e6
    still_answers(server)


def test_fault_36_a_refusal_before_the_body_is_complete_leaves_the_connection_in_order(
    server: Server,
) -> None:
    body = bytes(200_000)
    refused = head(Content_Type="text/plain", Content_Length=len(body))
    good = as_tensor(np.zeros((1, 1, 28, 28), np.uint8))
    asked = head(Content_Type=SAFETENSORS, Content_Length=len(good), Connection="close")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(refused)
        time.sleep(0.3)  # it is answered from its head alone
        client.sendall(body)
        client.sendall(asked + good)
        answers = received(client)
    assert [int(n) for n in re.findall(rb"HTTP/1.1 (\d+) ", answers)] == [415, 200]


def test_fault_36_slow_clients_are_closed_and_health_answers_meanwhile(server: Server) -> None:
    """The server of these tests waits 2 seconds for a client."""
    ends: dict[str, float] = {}
    answers: dict[str, bytes] = {}

    def drip(name: str, first: bytes, piece: bytes) -> None:
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.settimeout(0.1)
            client.sendall(first)
            got = b""
            while time.monotonic() - started < 15:
                try:
                    client.sendall(piece)
                    part = client.recv(65536)
                    if not part:
                        break
                    got += part
                except TimeoutError:
                    continue
                except OSError:
                    break
        ends[name], answers[name] = time.monotonic() - started, got

    def silent() -> None:
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            received(client)
        ends["silent"] = time.monotonic() - started

    body = head(Content_Type="application/json", Content_Length=100_000)
    threads = [
        threading.Thread(target=drip, args=("body", body, b"1")),
        threading.Thread(target=drip, args=("head", b"POST / HTTP/1.1\r\n", b"X: 1\r\n")),
        threading.Thread(target=silent),
    ]
    for thread in threads:
        thread.start()
    waited = []
    while any(thread.is_alive() for thread in threads):
        started = time.monotonic()
        assert server.get("/healthz").status == 200
        waited.append(time.monotonic() - started)
        time.sleep(0.05)
    assert max(ends.values()) < 8
    assert status_of(answers["body"]) == 408
    assert status_of(answers["head"]) == 408
    assert statistics.median(waited) < 0.1
    still_answers(server)


def test_fault_36_a_client_that_never_reads_its_answer_is_closed(server: Server) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.settimeout(20)
        request = b"GET /v1/models/first/weights HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.sendall(request * 8)  # several megabytes of answers
        time.sleep(4.5)
        got = 0
        try:
            while part := client.recv(65536):
                got += len(part)
        except ConnectionResetError:
            pass
        assert got < 8 * 861_392
    still_answers(server)


def test_fault_37_multipart_bodies_are_bounded(server: Server) -> None:
    still_answers(server)
    before = server.memory()
    many, kind = as_form(*[("image", "a.png", b"x")] * 1001)
    reply = server.ask("POST", PREDICT, many, {"Content-Type": kind})
    assert (reply.status, reply.error["code"]) == (413, "too_many_parts")
    # a part of 1 GB without a file name, announced and dripped in
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(
            head(Content_Type="multipart/form-data; boundary=xyz", Transfer_Encoding="chunked")
        )
        try:
            first = b'--xyz\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
            client.sendall(f"{len(first):x}\r\n".encode() + first + b"\r\n")
            for _ in range(1000):
                client.sendall(b"100000\r\n" + bytes(0x100000) + b"\r\n")
            raise AssertionError("a gigabyte was taken")
        except OSError:
            pass
    boundary = b"b" * (10 * 2**20)
    try:
        answer = server.raw(
            b"POST /v1/models/first:predict HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/form-data; boundary=" + boundary + b"\r\n\r\n"
        )
    except OSError:  # reset while we still sent it
        answer = b"HTTP/1.1 400 "
    assert status_of(answer) == 400
    assert server.memory() - before < 80e6
    still_answers(server)


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"--xyz", 400),
        ("multipart/form-data; boundary=", b"--xyz", 400),
        ("multipart/form-data; boundary=" + "b" * 71, b"--xyz", 400),
        ("multipart/form-data; boundary=xyz", b"no parts at all", 400),
        ("multipart/form-data; boundary=xyz", b"--xyz\r\n\r\ncut", 400),
        ("multipart/form-data; boundary=xyz", b"--xyz--\r\n", 422),
        ("multipart/form-data; boundary=xyz", as_form(("other", "a", b"1"))[0], 422),
        ("multipart/form-data; boundary=xyz", as_form(("image", "a.png", b"text"))[0], 422),
        ("multipart/form-data; boundary=xyz", as_form(("image", "a.png", b""))[0], 422),
        ("multipart/form-data; boundary=xyz", as_form(("t", None, b"x" * 20_000))[0], 413),
    ],
)
def test_fault_37_a_multipart_body_that_is_none(
    server: Server, kind: str, body: bytes, status: int
) -> None:
    reply = server.ask("POST", PREDICT, body, {"Content-Type": kind})
    assert reply.status == status, reply.body
    assert reply.error["message"]


BODIES = {
    "no JSON": (b"{", "body"),
    "empty": (b"", "body"),
    "a list": (b"[]", "body"),
    "deep": (b'{"images": ' + b"[" * 10**5 + b"]" * 10**5 + b"}", "body"),
    "unclosed": (b"[" * 10**5, "body"),
    "NaN": (b'{"images": [[[NaN]]]}', "body"),
    "no images": (b"{}", "images"),
    "null": (b'{"images": null}', "images"),
    "a number": (b'{"images": 5}', "images"),
    "none": (b'{"images": []}', "images"),
    "too many": (json.dumps({"images": [[[0]]] * 65}).encode(), "images"),
    "fractions": (json.dumps({"images": [[[0.5] * 28] * 28]}).encode(), "images"),
    "truth": (json.dumps({"images": [[[True] * 28] * 28]}).encode(), "images"),
    "too bright": (json.dumps({"images": [[[256] * 28] * 28]}).encode(), "images"),
    "negative": (json.dumps({"images": [[[-1] * 28] * 28]}).encode(), "images"),
    "beyond any integer": (json.dumps({"images": [[[10**30] * 28] * 28]}).encode(), "images"),
    "texts": (json.dumps({"images": [[["a"]]]}).encode(), "images"),
    "ragged": (json.dumps({"images": [[[1, 2], [3]]]}).encode(), "images[0]"),
    "two channels": (json.dumps({"images": [[[[1]], [[1]]]]}).encode(), "images"),
    "five axes": (json.dumps({"images": [[[[[1]]]]]}).encode(), "images"),
    "empty rows": (json.dumps({"images": [[[]]]}).encode(), "images"),
    "an object": (json.dumps({"images": [{"a": 1}]}).encode(), "images"),
    "no UTF-8": (b'{"images": "\xff"}', "body"),
}


@pytest.mark.parametrize("name", BODIES)
def test_fault_38_wrong_json_is_told_by_its_field(server: Server, name: str) -> None:
    body, field = BODIES[name]
    reply = server.post(PREDICT, body)
    assert reply.status == 422, reply.body
    assert reply.error["field"] == field


@pytest.mark.parametrize("kind", ["", "text/plain", "image/png", "application/x-python-pickle"])
def test_fault_38_other_content_types_are_refused(server: Server, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    for path in (PREDICT, "/v1/shapes", "/v1/trainings"):
        reply = server.ask("POST", path, b"{}", headers)
        assert reply.status == 415
        assert "application/json" in reply.error["expected"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2**62) + b"{}",
        as_tensor(np.zeros((1, 1, 28, 28), np.uint8))[:-1],
        as_tensor(np.zeros((1, 1, 28, 28), np.uint8)) + b"more",
        as_tensor(np.zeros((1, 1, 28, 28), np.uint8), "other"),
        as_tensor(np.zeros((65, 1, 28, 28), np.uint8)),
        as_tensor(np.zeros((0, 1, 28, 28), np.uint8)),
        as_tensor(np.zeros((1, 2, 28, 28), np.uint8)),
        as_tensor(np.zeros(784, np.uint8)),
        as_tensor(np.zeros((1, 1, 28, 28), np.uint8)).replace(b"U8", b"F8"),
        as_tensor(np.zeros((1, 1, 28, 28), np.uint8)).replace(b"[0,", b"[1,"),
        as_tensor(np.zeros((1, 1, 28, 28), np.uint8)).replace(b"[0, 784]", b"[0, -84]"),
        as_tensor(np.zeros((1, 1, 28, 28), np.uint8)).replace(b"28, 28]", b"28, 1e]"),
    ],
)
def test_fault_38_tensors_that_are_none(server: Server, body: bytes) -> None:
    reply = server.ask("POST", PREDICT, body, {"Content-Type": SAFETENSORS})
    assert reply.status == 422, reply.body
    assert reply.error["field"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/v1/models/first:window", {"image": IMAGE}),
        ("/v1/models/first:window", {"image": IMAGE, "layer": "conv1"}),
        ("/v1/models/first:window", {"image": IMAGE, "layer": "conv1", "cell": "a"}),
        ("/v1/models/first:window", {"image": IMAGE, "layer": "conv1", "cell": [0, 99, 0]}),
        ("/v1/models/first:window", {"image": IMAGE, "layer": "conv1", "cell": [0.5, 1, 1]}),
        ("/v1/models/first:window", {"image": IMAGE, "layer": "no", "cell": [0, 0, 0]}),
        ("/v1/models/first:window", {"image": IMAGE, "layer": ["a", "b"], "cell": [0, 0, 0]}),
        ("/v1/models/first:attribution", {"image": IMAGE}),
        ("/v1/models/first:attribution", {"image": IMAGE, "method": "magic"}),
        ("/v1/models/first:attribution", {"image": IMAGE, "method": 5}),
        ("/v1/models/first:attribution", {"image": IMAGE, "method": "saliency", "class": "?"}),
        ("/v1/models/first:attribution", {"image": IMAGE, "method": "saliency", "class": 1.5}),
        ("/v1/models/first:activations", {"image": IMAGE, "layers": 5}),
        ("/v1/shapes", {}),
        ("/v1/shapes", {"network": 5}),
        ("/v1/shapes", {"network": {"input": [1, 28, 28], "layers": "conv"}}),
        ("/v1/shapes", {"network": {"input": [1, 28, 28], "layers": [{"conv": 1}] * 1001}}),
        ("/v1/shapes", {"network": {"input": [1, 28, 28], "layers": []}, "rounding": "up"}),
        ("/v1/shapes", {"network": {"input": [10**9, 28, 28], "layers": []}}),
        ("/v1/trainings", {}),
        ("/v1/trainings", {"network": {}, "data": "digits-5k", "command": "rm"}),
    ],
)
def test_fault_38_wrong_fields_are_told(server: Server, path: str, content: object) -> None:
    reply = server.post(path, content)
    assert reply.status == 422, reply.body
    assert reply.error["message"]


def test_fault_38_a_network_nested_without_end(server: Server) -> None:
    for depth in (30, 500, 10**5):
        network = b'{"network": {"input": [1, 9, 9], "layers": ' + b'[{"residual": ' * depth
        network += b"[]" + b"}]" * depth + b"}}"
        assert server.post("/v1/shapes", network).status == 422


@pytest.mark.parametrize(
    "image",
    [
        "http://127.0.0.1:@PORT@/steal.png",
        "file:///etc/passwd",
        "/etc/passwd",
        "data:image/png;base64,AAAA",
        {"url": "http://127.0.0.1:@PORT@/steal.png"},
        {"__reduce__": ["os.system", "touch /tmp/owned"]},
    ],
)
def test_fault_39_an_address_or_a_path_is_no_image(server: Server, image: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.3)
        port = str(trap.getsockname()[1])
        given = json.loads(json.dumps(image).replace("@PORT@", port))
        for content in ({"images": [given]}, {"images": given}):
            assert server.post(PREDICT, content).status == 422
        for path in (":activations", ":window", ":attribution"):
            reply = server.post(f"/v1/models/first{path}", {"image": given})
            assert reply.status == 422
        with pytest.raises(TimeoutError):
            trap.accept()


def test_fault_39_a_pickle_is_no_image(server: Server) -> None:
    content = b"cos\nsystem\n(S'touch /tmp/convlens-owned'\ntR."
    form, kind = as_form(("image", "model.pkl", content))
    assert server.ask("POST", PREDICT, form, {"Content-Type": kind}).status == 422
    assert server.post(PREDICT, content).status == 422
    assert not Path("/tmp/convlens-owned").exists()


def test_fault_40_200_requests_at_once_are_answered_as_one_by_one(server: Server) -> None:
    images = data.load("digits-5k").test.images[:200]
    alone = {}
    for number in range(0, 200, 10):
        body = as_tensor(images[number : number + 1])
        reply = server.ask("POST", PREDICT, body, {"Content-Type": SAFETENSORS})
        alone[number] = reply.json()["predictions"][0]

    async def one(number: int) -> tuple[int, dict]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        body = as_tensor(images[number : number + 1])
        writer.write(
            head(Content_Type=SAFETENSORS, Content_Length=len(body), Connection="close") + body
        )
        answer = await reader.read()
        writer.close()
        return status_of(answer), json.loads(answer.partition(b"\r\n\r\n")[2])

    async def all_of_them() -> list[tuple[int, dict]]:
        return await asyncio.gather(*map(one, range(200)))

    for number, (status, told) in enumerate(asyncio.run(all_of_them())):
        assert status == 200
        (found,) = told["predictions"]
        if number in alone:
            assert found["class"] == alone[number]["class"]
            assert found["probability"] == pytest.approx(alone[number]["probability"], abs=1e-6)


def test_fault_40_past_its_bound_the_queue_refuses_with_a_time_to_come_back(
    server: Server,
) -> None:
    """More images at once than may wait: some are computed, the others get 503 at once."""
    body = as_tensor(np.zeros((64, 1, 28, 28), np.uint8))
    request = head(Content_Type=SAFETENSORS, Content_Length=len(body), Connection="close") + body

    async def one() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(one() for _ in range(150)))

    answers = asyncio.run(all_of_them())
    statuses = [status_of(answer) for answer in answers]
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 16
    for answer in answers:
        if status_of(answer) == 503:
            assert re.search(rb"retry-after: \d+", answer.lower())
    still_answers(server)


def test_fault_40_a_client_that_leaves_frees_its_work(server: Server) -> None:
    def waiting() -> float:
        text = server.get("/metrics").body.decode()
        return float(re.search(r"^convlens_waiting_images (\S+)", text, re.MULTILINE)[1])  # type: ignore[index]

    body = as_tensor(np.zeros((64, 1, 28, 28), np.uint8))
    request = head(Content_Type=SAFETENSORS, Content_Length=len(body)) + body
    before = server.get("/metrics").body.decode()
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(request)
    started = time.monotonic()
    while waiting():
        assert time.monotonic() - started < 30
        time.sleep(0.02)
    after = server.get("/metrics").body.decode()

    def of(text: str, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    left = 'convlens_requests_total{route=":predict",status="499"}'
    gone = of(after, left) - of(before, left)
    computed = of(after, "convlens_batch_images_sum") - of(before, "convlens_batch_images_sum")
    assert gone > 30
    assert computed < 64 * 30  # what was under way when its client left, and no more
    still_answers(server)


def test_fault_41_a_missing_or_corrupt_model_is_refused_at_the_start(
    served_runs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    for name in ("cut", "flipped", "without", "no-network"):
        shutil.copytree(served_runs / "first", tmp_path / name)
    weights = tmp_path / "cut" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    weights = tmp_path / "flipped" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1000] ^= 1
    weights.write_bytes(content)
    (tmp_path / "without" / "weights.safetensors").unlink()
    (tmp_path / "no-network" / "network.toml").write_text("not a network")
    for name in ("cut", "flipped", "without", "no-network", "missing"):
        assert "expected:" in refused(name, "--runs", str(tmp_path), "--port", "0")
    # one good run does not make up for a bad one
    shutil.copytree(served_runs / "first", tmp_path / "good")
    assert "corrupt" in refused("good", "flipped", "--runs", str(tmp_path), "--port", "0")
    assert "no runs with weights" in refused("last", "--runs", str(tmp_path / "elsewhere"))


def test_fault_41_the_port_of_such_a_start_never_opens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "convlens", "serve", "missing", "--runs", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--port", str(port)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while process.poll() is None:
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) != 0
        time.sleep(0.02)
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert "Traceback" not in err


def test_fault_42_sigterm_answers_what_was_asked_and_exits_0(served_runs: Path) -> None:
    with serving("first", "--runs", served_runs) as server:
        body = json.dumps({"image": IMAGE, "method": "integrated-gradients"}).encode()
        request = head(
            "/v1/models/first:attribution",
            Content_Type="application/json",
            Content_Length=len(body),
        )
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
            client.sendall(request + body)  # seconds of work: PyTorch is loaded for it
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert server.process.poll() is None
            with pytest.raises(OSError):
                server.get("/healthz")
            assert status_of(received(client)) == 200
        assert server.process.wait(30) == 0
        assert "Traceback" not in server.process.stderr.read()


def test_fault_42_ctrl_c_ends_it_with_130(served_runs: Path) -> None:
    with serving("first", "--runs", served_runs) as server:
        assert server.get("/healthz").status == 200
        assert server.stop(signal.SIGINT) == 130


def test_fault_43_a_taken_port_and_an_open_host_are_refused(
    served_runs: Path, refused: Callable[..., str]
) -> None:
    first = ("first", "--runs", str(served_runs))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "is taken" in refused(*first, "--port", str(taken.getsockname()[1]))
    everywhere = (*first, "--host", "0.0.0.0", "--port", "0")
    assert "there is no token" in refused(*everywhere)
    assert "too short" in refused(*everywhere, "--token", "abc")
    assert "cannot listen" in refused(*first, "--host", "203.0.113.7", "--token", "new")
