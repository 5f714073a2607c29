"""Keras, ready to use: `from convlens.engines.keras_backend import keras`.

Importing this module imports Keras and its backend, so only the Keras engine does. TensorFlow is
the backend unless `KERAS_BACKEND` says otherwise; its start-up messages are silenced and its
threads kept to PyTorch's number, which follows the quota, before it can start any.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from convlens.engines.device import limit_threads
from convlens.foundation.errors import InputError, MissingExtra

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
"""Keras's backends that train, each with the package that it needs."""


def _import() -> Any:
    """Import Keras on the backend asked for; nothing else of it has been imported before.

    Raises
    ------
    MissingExtra
        Where Keras or its backend is not installed.
    InputError
        Where `KERAS_BACKEND` names no backend that can train.
    """
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if backend not in BACKENDS:
        raise InputError(
            f'KERAS_BACKEND is "{backend}"',
            "one of " + ", ".join(BACKENDS),
            "unset KERAS_BACKEND: TensorFlow is the default",
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only, no word about the CPU
    threads = limit_threads()
    try:
        with _without_greetings():
            import keras

            if backend == "tensorflow":
                _limit_tensorflow(threads)
    except ModuleNotFoundError as error:
        if backend == "jax" and error.name != "keras":
            raise MissingExtra("Keras on JAX", "keras-jax") from None
        raise MissingExtra("the Keras engine", "keras") from None
    return keras


@contextlib.contextmanager
def _without_greetings() -> Iterator[None]:
    """Keep TensorFlow's lines about the CPU off stderr: it writes them whatever it is told.

    A process of its own lets everything else through, so that the last words of a library that
    ends this process are not lost.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    passing = subprocess.Popen([sys.executable, "-S", "-c", _PASSING], stdin=subprocess.PIPE)  # noqa: S603
    assert passing.stdin is not None
    os.dup2(passing.stdin.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        passing.stdin.close()
        passing.wait()


_PASSING = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
for line in sys.stdin.buffer:
    if not line.startswith((b"I0000 ", b"WARNING: All log messages before absl::")):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def _limit_tensorflow(threads: int) -> None:
    """Give TensorFlow as many threads as PyTorch; too late where someone else has used it."""
    import tensorflow

    with contextlib.suppress(RuntimeError):
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)


keras: Any = _import()


def describe() -> dict[str, str]:
    """Return Keras, its backend, their versions and the device, as a run's environment has them."""
    backend = str(keras.backend.backend())
    devices = keras.distribution.list_devices()
    return {
        "keras": version("keras"),
        "keras_backend": backend,
        backend: _version(backend),
        "device": "cpu" if all("cpu" in str(d).lower() for d in devices) else ", ".join(devices),
    }


def _version(backend: str) -> str:
    return str(sys.modules[BACKENDS[backend]].__version__)
