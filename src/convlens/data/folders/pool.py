"""Decoding in several processes: chunks of paths out, digests back, pixels into one file.

Each worker is a process of its own (`worker.py`) with a thread here that talks to it. A worker
that dies ends the work with its cause; whatever ends the work ends all workers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from pathlib import Path

from convlens.data.decode import shown
from convlens.data.folders import worker
from convlens.data.folders.decoding import Decoded
from convlens.data.preprocessing import Preprocessing
from convlens.foundation import atomic
from convlens.foundation.errors import WorkerError

Chunks = Iterator[tuple[int, Sequence[str]]]


def decode_in_processes(
    files: Sequence[str],
    preparing: Preprocessing,
    pixels: Path,
    offset: int,
    workers: int,
    chunk: int,
    on_chunk: Callable[[int, Decoded], None],
) -> None:
    """Decode files into the rows of a file that exists and is long enough.

    Parameters
    ----------
    files : sequence of str
        Paths of image files; the row of each is its place here.
    preparing : Preprocessing
        What they are brought to.
    pixels : Path
        The file that takes the pixels, `offset` bytes from its start.
    workers : int
        Number of processes.
    chunk : int
        Files that one of them takes at a time.
    on_chunk : callable
        Receives the first row of a chunk and what is known of it, one chunk at a time.

    Raises
    ------
    WorkerError
        Where a worker is killed or fails; names the cause, and the file where there is one.
    """
    chunks: Chunks = ((row, files[row : row + chunk]) for row in range(0, len(files), chunk))
    setup = {"preprocessing": preparing.to_dict(), "pixels": str(pixels), "offset": offset}
    lock = threading.Lock()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="decode"))
        # left first: the processes end, and with them what the threads wait for
        started = [stack.enter_context(_Worker()) for _ in range(workers)]

        def feed(one: _Worker) -> None:
            one.send(json.dumps(setup).encode())
            while True:
                with lock:
                    row, some = next(chunks, (-1, ()))
                if row < 0:
                    return
                decoded = one.decode(row, list(some), preparing.input[0], pixels)
                with lock:
                    on_chunk(row, decoded)

        talks: list[Future[None]] = [pool.submit(feed, one) for one in started]
        # a signal is handled by this thread, between two of its waits
        waiting = set(talks)
        while waiting:
            done, waiting = wait(waiting, timeout=0.2, return_when=FIRST_EXCEPTION)
            for talk in done:
                talk.result()


class _Worker:
    """One decoding process; on leaving it is ended, whatever it is doing."""

    def __enter__(self) -> _Worker:
        self.errors = tempfile.TemporaryFile()
        # the same modules as here, wherever this process found them
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
        # -P: a file called json.py in the current folder is not imported
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of this package
            [sys.executable, "-P", "-m", worker.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, "PYTHONPATH": paths},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None:
                with suppress(OSError):  # what was still to be written has no reader
                    stream.close()

    def send(self, frame: bytes) -> None:
        """Write a frame to the worker."""
        assert self.process.stdin is not None
        try:
            worker.write_frame(self.process.stdin, frame)
        except OSError:
            raise self._ended() from None

    def decode(self, row: int, files: list[str], channels: int, pixels: Path) -> Decoded:
        """Have a chunk decoded.

        Raises
        ------
        WorkerError, StorageError
            Where the process has ended or answers with an error.
        """
        assert self.process.stdout is not None
        self.send(worker.pack_chunk(row, files))
        answer = worker.read_frame(self.process.stdout)
        if answer is None:
            raise self._ended()
        if answer.startswith(b"+"):
            return worker.unpack_answer(answer[1:], len(files), channels)
        failure = json.loads(answer[1:])
        if failure["errno"] is not None:  # only writing pixels raises a bare system error
            error = OSError(failure["errno"], os.strerror(failure["errno"]))
            raise atomic.explain(error, pixels)
        file = shown(os.fsdecode(bytes.fromhex(failure["file"])))
        raise WorkerError(
            f"decoding {file} failed: {failure['error']}",
            "an image, or a file that is refused with a reason",
            "take that file out of the folder, and report what it printed",
        )

    def _ended(self) -> WorkerError:
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            code = 0
        if code < 0:
            name = signal.Signals(-code).name
            how = f"was killed by {name}"
            if name == "SIGKILL":
                how += ", as the system does when memory runs out"
        else:
            how = f"ended with the code {code}"
        self.errors.seek(0)
        lines = self.errors.read(100_000).decode("utf-8", "replace").split("\n")
        last = [line for line in lines if line.strip()][-1:]
        return WorkerError(
            f"a process that decodes images (pid {self.process.pid}) {how}"
            + (f": {last[0]}" if last else ""),
            "all of them to live until the folder is read",
            "free memory or use fewer of them (CONVLENS_WORKERS=1), then run the command again",
        )
