"""Reading no more than a header declares, from a stream that may lie about it.

A gzip or zip member of a few kilobytes can unfold into terabytes. Every reader of this room
first learns from a header how many bytes there should be, checks that number against a
limit, and then asks for that many bytes and one more, which shows whether the header was right.
"""

from __future__ import annotations

import bz2
import gzip
import io
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

from convlens.foundation.errors import DataError

MAX_BYTES = 2 * 10**9
"""The largest array of images held in memory, in bytes (2 GB)."""

_CHUNK = 1 << 20
_PACKERS: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}


@contextmanager
def opened(source: Path | bytes, name: str) -> Iterator[IO[bytes]]:
    """Open a file or its bytes, unpacked where they are gzip or bzip2 (told by content).

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    name : str
        What the message calls it.

    Yields
    ------
    IO[bytes]
        A stream to read from; whatever goes wrong with it becomes a `DataError`.

    Raises
    ------
    DataError
        If it is missing, not a regular file, or packed and damaged.

    Examples
    --------
    >>> with opened(gzip.compress(b"pixels"), "the file") as stream:
    ...     stream.read()
    b'pixels'
    """
    try:
        with ExitStack() as stack:
            raw: IO[bytes]
            if isinstance(source, bytes):
                raw = io.BytesIO(source)
            else:
                if not stat.S_ISREG(source.stat().st_mode):  # opening a pipe would wait for ever
                    raise DataError(f"{name} is not a file", "a file")
                raw = stack.enter_context(source.open("rb"))
            packer = _PACKERS.get(raw.read(2))
            raw.seek(0)
            yield stack.enter_context(packer(raw)) if packer else raw
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise DataError(
            f"{name} cannot be read: {reason}", "a whole file, packed or not", "fetch it again"
        ) from error


def declared_bytes(shape: tuple[int, ...], item_size: int, name: str, limit: int) -> int:
    """Return the bytes of an array from its declared shape, or refuse it before it is read.

    Parameters
    ----------
    shape : tuple of int
        Sizes of the axes, none negative.
    item_size : int
        Bytes of one element.
    name : str
        What the message calls the array.
    limit : int
        The largest number of bytes allowed.

    Raises
    ------
    DataError
        If the array would be larger than `limit`.

    Examples
    --------
    >>> declared_bytes((60_000, 28, 28), 1, "images", MAX_BYTES)
    47040000
    """
    size = prod(shape) * item_size
    if size > limit:
        raise DataError(
            f"{name} declares an array of {' x '.join(map(str, shape))}, {size:,} bytes",
            f"at most {limit:,} bytes",
            "use fewer or smaller images",
        )
    return size


def read_exactly(stream: IO[bytes], size: int, name: str) -> bytearray:
    """Read `size` bytes up to the end of the stream; too few or too many are an error.

    The answer grows as bytes arrive, so a header that promises more than the stream holds
    costs no memory.

    Raises
    ------
    DataError
        If the stream is shorter or longer than `size`.

    Examples
    --------
    >>> read_exactly(io.BytesIO(b"abc"), 3, "letters")
    bytearray(b'abc')
    """
    content = read_at_most(stream, size + 1)
    if len(content) != size:
        amount = "more" if len(content) > size else f"only {len(content):,}"
        raise DataError(
            f"{name} holds {amount} bytes after its header",
            f"{size:,} bytes, as the header declares",
            "the file is cut or damaged: fetch it again",
        )
    return content


def read_at_most(stream: IO[bytes], size: int) -> bytearray:
    """Read up to `size` bytes, in steps: memory follows what arrives, not what is asked for.

    Examples
    --------
    >>> read_at_most(io.BytesIO(b"abc"), 2), read_at_most(io.BytesIO(b"abc"), 10**12)
    (bytearray(b'ab'), bytearray(b'abc'))
    """
    content = bytearray()
    while chunk := stream.read(min(_CHUNK, size - len(content))):
        content += chunk
    return content


def read_records(stream: IO[bytes], record: int, name: str, limit: int) -> bytearray:
    """Read a file without a header: any whole number of records of one length.

    Parameters
    ----------
    stream : IO[bytes]
        Read to its end.
    record : int
        Bytes of one record.
    name : str
        What the message calls the file.
    limit : int
        The largest number of bytes allowed.

    Raises
    ------
    DataError
        If the stream is longer than `limit`, empty, or ends inside a record.

    Examples
    --------
    >>> read_records(io.BytesIO(b"aabb"), 2, "pairs", 100)
    bytearray(b'aabb')
    """
    content = read_at_most(stream, limit + 1)
    if len(content) > limit:
        raise DataError(
            f"{name} holds more than {limit:,} bytes",
            f"at most {limit:,} bytes",
            "use fewer or smaller images",
        )
    if not content or len(content) % record:
        raise DataError(
            f"{name} holds {len(content):,} bytes",
            f"a whole number of records of {record:,} bytes",
            "the file is cut or damaged: fetch it again",
        )
    return content
