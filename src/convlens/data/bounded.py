"""Reading no more than a header declares, from a stream that may lie about it.

A gzip or zip member of a few kilobytes can unfold into terabytes. Every reader of this room
first learns from a header how many bytes there should be, checks that number against a
limit, and then asks for exactly that many and one more: the one more tells a lie apart.
"""

from __future__ import annotations

from math import prod
from typing import IO

from convlens.errors import DataError

MAX_BYTES = 2 * 10**9
"""The largest array of images held in memory, in bytes (2 GB)."""

_CHUNK = 1 << 20


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
    >>> import io
    >>> read_exactly(io.BytesIO(b"abc"), 3, "letters")
    bytearray(b'abc')
    """
    content = bytearray()
    while chunk := stream.read(min(_CHUNK, size + 1 - len(content))):
        content += chunk
    if len(content) != size:
        found = "more" if len(content) > size else f"only {len(content):,}"
        raise DataError(
            f"{name} holds {found} bytes after its header",
            f"{size:,} bytes, as the header declares",
            "the file is cut or damaged: fetch it again",
        )
    return content
