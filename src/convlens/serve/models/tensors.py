"""Arrays as the bytes of a safetensors file: how tensors travel to the page."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import orjson

from convlens.weights.tensor_file import Array

_NAMES = {"f4": "F32", "f8": "F64", "u1": "U8", "i8": "I64", "i4": "I32"}


def to_bytes(tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> bytes:
    r"""Return named arrays as safetensors, in the order given.

    Parameters
    ----------
    tensors : mapping of str to array
        float32, float64, uint8, int32 or int64; any shapes.
    metadata : mapping of str to str, optional
        Kept beside the tensors.

    Examples
    --------
    >>> to_bytes({"a": np.zeros(2, np.uint8)})[8:]
    b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   \x00\x00'
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    parts, position = [], 0
    for name, tensor in tensors.items():
        array = np.asarray(tensor, tensor.dtype.newbyteorder("<"), order="C")
        header[name] = {
            "dtype": _NAMES[array.dtype.str[1:]],
            "shape": array.shape,
            "data_offsets": (position, position + array.nbytes),
        }
        parts.append(array.tobytes())
        position += array.nbytes
    text = orjson.dumps(header)
    text += b" " * (-len(text) % 8)  # the format aligns the data to 8 bytes
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])
