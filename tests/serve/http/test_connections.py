"""Connections that bring predictions, in all the ways in which bytes can arrive."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from convlens import data
from serving import SAFETENSORS, Server, as_tensor, serving, status_of_metric

PATH = "/v1/models/first:predict"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return data.load("digits-5k").test.images[:8]


def request(image: np.ndarray, path: str = PATH, **headers: str) -> bytes:
    body = as_tensor(image if image.ndim == 4 else image[None])
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {SAFETENSORS}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Line:
    """One connection, read answer by answer."""

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        self.held = b""

    def send(self, *pieces: bytes, pause: float = 0.05) -> None:
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, piece in enumerate(pieces):
            time.sleep(pause * bool(number))
            self.socket.sendall(piece)

    def answer(self) -> tuple[int, dict]:
        while b"\r\n\r\n" not in self.held:
            self._more()
        head, _, rest = self.held.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        while len(rest) < length:
            self._more()
            rest = self.held.partition(b"\r\n\r\n")[2]
        self.held = rest[length:]
        return int(head.split()[1]), json.loads(rest[:length])

    def ended(self) -> bool:
        return not self.held and not self.socket.recv(1)

    def _more(self) -> None:
        part = self.socket.recv(65536)
        assert part, "the server closed"
        self.held += part

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def classes(server: Server, digits: np.ndarray) -> list[str]:
    found = server.ask("POST", PATH, as_tensor(digits), {"Content-Type": SAFETENSORS}).json()
    return [one["class"] for one in found["predictions"]]


def said(answer: tuple[int, dict]) -> str:
    status, told = answer
    assert status == 200, told
    return str(told["predictions"][0]["class"])


@pytest.mark.parametrize("pause", [0.05, 1.3], ids=["soon", "slowly"])
def test_a_request_in_pieces(server: Server, digits: np.ndarray, pause: float) -> None:
    whole = request(digits[0])
    with Line(server) as line:
        line.send(whole[:30], whole[30:400], whole[400:], pause=pause / 2)
        assert said(line.answer()) == classes(server, digits)[0]
        line.send(request(digits[1]))
        assert said(line.answer()) == classes(server, digits)[1]


def test_requests_in_one_piece_are_answered_in_their_order(
    server: Server, digits: np.ndarray
) -> None:
    with Line(server) as line:
        line.send(b"".join(request(image) for image in digits))
        assert [said(line.answer()) for _ in digits] == classes(server, digits)


def test_requests_before_the_answer_to_the_last(server: Server, digits: np.ndarray) -> None:
    with Line(server) as line:
        line.send(*(request(image) for image in digits), pause=0)
        assert [said(line.answer()) for _ in digits] == classes(server, digits)


def test_requests_with_the_very_head_of_the_last_one(server: Server, digits: np.ndarray) -> None:
    wanted = classes(server, digits)
    whole = [request(image) for image in digits]
    named = request(digits[3], **{"X-Name": "another head, a body of the same length"})
    with Line(server) as line:
        for number in (0, 1, 2, 0):
            line.send(whole[number])
            assert said(line.answer()) == wanted[number]
        line.send(whole[4][:100], whole[4][100:])  # the same head, but not at once
        assert said(line.answer()) == wanted[4]
        for other in (named, request(digits[2:4]), named):
            line.send(other)
            status, told = line.answer()
            assert status == 200
            assert told["predictions"][-1]["class"] == wanted[3]
        line.send(whole[5], whole[6] + whole[7])
        assert [said(line.answer()) for _ in range(3)] == wanted[5:8]


def test_other_requests_on_the_same_connection(server: Server, digits: np.ndarray) -> None:
    wrong = request(digits[0]).replace(b'"U8"', b'"F8"')
    with Line(server) as line:
        line.send(request(digits[0]))
        assert said(line.answer()) == classes(server, digits)[0]
        line.send(wrong)
        status, told = line.answer()
        assert (status, told["error"]["field"]) == (422, "images")
        line.send(HEALTH)
        assert line.answer()[1]["status"] == "ok"
        line.send(request(digits[1]) + HEALTH)
        assert said(line.answer()) == classes(server, digits)[1]
        assert line.answer()[0] == 200


def test_a_client_that_wants_to_be_asked_for_the_body(server: Server, digits: np.ndarray) -> None:
    head, _, body = request(digits[0], Expect="100-continue").partition(b"\r\n\r\n")
    with Line(server) as line:
        started = time.monotonic()
        line.send(head + b"\r\n\r\n")
        assert line.socket.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert time.monotonic() - started < 0.8
        line.send(body)
        assert said(line.answer()) == classes(server, digits)[0]


def test_a_last_request_ends_the_connection(server: Server, digits: np.ndarray) -> None:
    last = request(digits[0], Connection="close")
    for asked in (last, request(digits[0]).replace(b"HTTP/1.1", b"HTTP/1.0")):
        with Line(server) as line:
            line.send(asked)
            assert said(line.answer()) == classes(server, digits)[0]
            assert line.ended()


def test_the_checks_of_every_request(server: Server, digits: np.ndarray) -> None:
    for change, status in (
        ((b"Host: localhost", b"Host: elsewhere.example"), 403),
        ((b"Host:", b"Origin: https://elsewhere.example\r\nHost:"), 403),
        ((b"models/first", b"models/nobody"), 404),
        ((SAFETENSORS.encode(), b"text/plain"), 415),
        ((b" HTTP/1.1", b" HTTP/9.9"), 400),
    ):
        with Line(server) as line:
            line.send(request(digits[0]).replace(*change, 1))
            assert line.answer()[0] == status


def test_predictions_ask_for_the_token_too(served_runs: Path, digits: np.ndarray) -> None:
    with serving("first", "--runs", served_runs, "--token", "0123456789abcdef") as server:
        with Line(server) as line:
            line.send(request(digits[0]))
            assert line.answer()[0] == 401
        with Line(server) as line:
            line.send(request(digits[0], Authorization="Bearer 0123456789abcdef"))
            assert line.answer()[0] == 200


def test_a_connection_without_requests_is_closed(server: Server, digits: np.ndarray) -> None:
    """The server of these tests waits 2 seconds for a client."""
    with Line(server) as line:
        started = time.monotonic()
        assert line.ended()
        assert 1.5 < time.monotonic() - started < 6


def test_a_client_that_takes_no_answers_is_closed(server: Server, digits: np.ndarray) -> None:
    """The server of these tests waits 2 seconds for a client."""
    many = request(np.resize(digits, (40, 1, 28, 28)))  # answered with 13 KB
    closed, sent, ends = False, 0, time.monotonic() + 40
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.settimeout(0.2)
        while not closed and time.monotonic() < ends:
            try:
                client.sendall(many)
                sent += 1
                time.sleep(0.005)
            except TimeoutError:  # it no longer reads what nobody wants answered
                continue
            except OSError:
                closed = True
    assert closed
    assert sent > 10
    assert classes(server, digits)


def test_predictions_of_one_connection_are_counted(server: Server, digits: np.ndarray) -> None:
    before = status_of_metric(server, ":predict", 200)
    with Line(server) as line:
        line.send(request(digits[0]))
        line.answer()
        line.send(HEALTH)
        line.answer()
        line.send(request(digits[0]))
        line.answer()
    assert status_of_metric(server, ":predict", 200) == before + 2


def test_a_signal_lets_predictions_be_answered(served_runs: Path, digits: np.ndarray) -> None:
    with serving("first", "--runs", served_runs) as server:
        going, statuses = threading.Event(), []

        def ask() -> None:
            with Line(server) as line:
                while True:
                    line.send(request(digits[0]))
                    try:
                        statuses.append(line.answer()[0])
                    except (AssertionError, OSError):
                        return  # closed between two requests
                    going.set()

        users = [threading.Thread(target=ask) for _ in range(4)]
        for user in users:
            user.start()
        assert going.wait(20)
        server.process.send_signal(signal.SIGTERM)
        for user in users:
            user.join(20)
            assert not user.is_alive()
        assert server.process.wait(20) == 0
        assert set(statuses) == {200}
        assert "Traceback" not in server.process.stderr.read()
