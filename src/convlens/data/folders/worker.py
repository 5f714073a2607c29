"""The program of a decoding process: `python -m convlens.data.folders.worker`.

It reads frames from stdin and answers each on stdout: a frame is a length of four bytes and as
many bytes. The first frame says, in JSON, what to bring images to and which file takes their
pixels; every other one is a chunk of paths. Pixels go straight into the file, at their row; only
what is known of them goes back. Nothing is pickled, no `__main__` of the user is imported again,
and a worker whose parent has gone reads the end of stdin and ends.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import struct
import sys
from typing import IO, Any

import numpy as np

from convlens.data.folders.decoding import DIGEST_BYTES, Decoded, decode_chunk
from convlens.data.preprocessing import Preprocessing

MAX_FRAME = 64 * 2**20


def write_frame(stream: IO[bytes], content: bytes) -> None:
    """Write one frame."""
    stream.write(struct.pack("<I", len(content)) + content)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Read one frame; None at the end of the stream, also in the middle of a frame."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    content = stream.read(min(length, MAX_FRAME))
    return content if len(content) == length else None


def pack_chunk(row: int, files: list[str]) -> bytes:
    """Return the frame that asks for files whose pixels go to `row` and after."""
    return struct.pack("<Q", row) + b"\0".join(os.fsencode(file) for file in files)


def pack_answer(decoded: Decoded) -> bytes:
    """Return the frame that tells what a chunk gave: JSON, then the arrays without the pixels."""
    facts = json.dumps({"bad": decoded.bad, "changes": decoded.changes}).encode()
    arrays = decoded.contents.tobytes() + decoded.digests.tobytes() + decoded.sums.tobytes()
    return struct.pack("<I", len(facts)) + facts + arrays


def unpack_answer(frame: bytes, count: int, channels: int) -> Decoded:
    """Read what `pack_answer` wrote; `images` stays empty, the pixels are in the file.

    Raises
    ------
    ValueError
        Where the frame has another length than `count` images have.
    """
    (length,) = struct.unpack_from("<I", frame)
    facts = json.loads(frame[4 : 4 + length])
    offset, size = 4 + length, count * DIGEST_BYTES
    contents, digests = (
        np.frombuffer(frame, np.uint8, size, offset + i * size).reshape(count, DIGEST_BYTES)
        for i in range(2)
    )
    sums = np.frombuffer(frame, np.int64, offset=offset + 2 * size).reshape(count, 2, channels)
    bad = {int(place): str(reason) for place, reason in facts["bad"].items()}
    none = np.zeros((0, channels, 1, 1), np.uint8)
    decoded = Decoded(none, contents, digests, sums, bad)
    decoded.changes.update(facts["changes"])
    return decoded


def write_rows(descriptor: int, images: np.ndarray[Any, np.dtype[np.uint8]], at: int) -> None:
    """Write pixels at a byte of the file; `write` may take less than it is given."""
    left = images.data.cast("B")
    os.lseek(descriptor, at, os.SEEK_SET)
    while left:
        left = left[os.write(descriptor, left) :]


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer chunks until the stream ends; an error is answered with the file it is about."""
    first = read_frame(requests)
    if first is None:
        return
    setup = json.loads(first)
    preparing = Preprocessing.from_dict(setup["preprocessing"])
    row_bytes = int(np.prod(preparing.input))
    pixels = os.open(setup["pixels"], os.O_WRONLY | getattr(os, "O_BINARY", 0))
    current, parent = "", os.getppid()

    def note(file: str) -> None:
        nonlocal current
        current = file
        if os.getppid() != parent:  # it was killed, and nobody waits for this chunk
            sys.exit(1)

    while (frame := read_frame(requests)) is not None:
        (row,) = struct.unpack_from("<Q", frame)
        files = [os.fsdecode(file) for file in frame[8:].split(b"\0")]
        note(files[0])
        try:
            decoded = decode_chunk(files, preparing, note)
            write_rows(pixels, decoded.images, setup["offset"] + row * row_bytes)
            write_frame(answers, b"+" + pack_answer(decoded))
        except Exception as error:  # told to the parent, which ends this process
            failure = {
                "file": os.fsencode(current).hex(),
                "error": f"{type(error).__name__}: {error}",
                "errno": getattr(error, "errno", None),
            }
            write_frame(answers, b"-" + json.dumps(failure).encode())


if __name__ == "__main__":
    # Ctrl-C reaches the whole group of processes; the parent decides what it means
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # what is imported stays, and images hold few cycles: look for these more rarely
    gc.freeze()
    gc.set_threshold(50_000)
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints must not fall between the frames
    serve(sys.stdin.buffer, answers)
