"""One safetensors file: named arrays of any dtype, checked before a byte of them is trusted.

The format is 8 bytes of header length, a JSON header (name -> dtype, shape, offsets), then the
bytes of all tensors. The header is checked in full before the data is allocated, because a file
may come from anyone: see the caps below and `_parse_header`.

References
----------
The safetensors format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convlens.foundation import atomic
from convlens.foundation.errors import WeightsError, quote
from convlens.foundation.files import open_file

Array = npt.NDArray[Any]

MAX_HEADER_BYTES = 4_000_000
MAX_TENSORS = 20_000
# A header can hold a million empty lists, which Python would blow up to 100 MB of objects. Each
# JSON value but the first follows one of `,[{` or a key, so counting these bounds the memory.
_MAX_JSON_VALUES = 200_000
_MAX_DIMENSIONS = 32

_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),  # NumPy has no bfloat16: read as bits, then widened to float32
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_FLOATS = {"F64", "F32", "F16", "BF16"}


@dataclass(frozen=True)
class Slot:
    """Where one tensor lies in the data: bytes `begin` to `end`, counted from the header's end."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def kind(self) -> str:
        """Say "float" for every float that can become a float32, else the file's own dtype."""
        return "float" if self.dtype in _FLOATS else self.dtype


def save_tensors(
    path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays as one safetensors file that can verify itself.

    Parameters
    ----------
    path : Path
        The file to write, atomically.
    tensors : mapping of str to array
        Any shapes; real floats of 16 to 64 bits, integers or booleans.
    metadata : mapping of str to str, optional
        Kept beside the tensors. The keys "convlens" and "sha256" are added: the digest covers
        every tensor and all metadata.

    Raises
    ------
    WeightsError
        A dtype that the format lacks, or more tensors or metadata than `load_tensors` accepts.
    StorageError, RunError
        As `atomic.write_bytes`.
    """
    from safetensors.numpy import save

    arrays = {}
    for name, tensor in tensors.items():
        # Not np.ascontiguousarray, which would turn a scalar into a vector.
        array = np.asarray(tensor, tensor.dtype.newbyteorder("<"), order="C")
        if array.dtype not in _DTYPES.values():
            raise WeightsError(
                f"tensor {quote(name)} is {array.dtype}",
                "float, integer or boolean values",
                "convert it before saving",
            )
        arrays[name] = array
    labels = {**(metadata or {}), "convlens": "1"}
    data = _reproducible(save(arrays, metadata={**labels, "sha256": _digest(arrays, labels)}))
    # What the reader would refuse is never written.
    length = int.from_bytes(data[:8], "little")
    _check_header_length(path, length, len(data))
    _parse_header(path, data[8 : 8 + length], len(data) - 8 - length)
    atomic.write_bytes(path, data)


def _reproducible(data: bytes) -> bytes:
    """Sort the metadata, which the library writes in an order that changes from call to call."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the format aligns the data to 8 bytes
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def load_tensors(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a safetensors file, whoever made it.

    Parameters
    ----------
    path : Path
        The file. bfloat16 tensors arrive as float32, which holds every bfloat16 value.

    Returns
    -------
    tensors : dict of str to array
        Writable; they share one buffer.
    metadata : dict of str to str
        The file's text entries, without the two that `save_tensors` added.

    Raises
    ------
    WeightsError
        The file is missing or cut, breaks the format, asks for more than the caps above, or
        differs from the digest it carries.
    """
    with TensorFile.open(path) as file:
        tensors = file.read()
        return tensors, {k: v for k, v in file.metadata.items() if k not in ("convlens", "sha256")}


@dataclass(frozen=True)
class TensorFile:
    """An open file whose header is checked and whose data is not read yet."""

    path: Path
    slots: dict[str, Slot]
    metadata: dict[str, str]
    _file: Any
    _data_bytes: int

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path) -> Iterator[TensorFile]:
        """Open `path` and check its header; raises `WeightsError`."""
        try:
            require_file(path)
            with open_file(path) as file:
                size = os.fstat(file.fileno()).st_size
                if size < 8:
                    raise _corrupt(path, f"it has {size} bytes")
                length = int.from_bytes(file.read(8), "little")
                _check_header_length(path, length, size)
                data_bytes = size - 8 - length
                slots, metadata = _parse_header(path, file.read(length), data_bytes)
                yield cls(path, slots, metadata, file, data_bytes)
        except OSError as error:
            raise WeightsError(
                f"cannot read {path}: {error.strerror}", "a readable file"
            ) from error

    def read(self) -> dict[str, Array]:
        """Read all tensors and compare them with the file's own digest, if it carries one."""
        data = bytearray(self._data_bytes)
        if self._file.readinto(data) != len(data):
            raise _corrupt(self.path, "it became shorter while it was read")
        try:
            tensors: dict[str, Array] = {
                name: np.ndarray(slot.shape, _DTYPES[slot.dtype], data, slot.begin)
                for name, slot in self.slots.items()
            }
        except ValueError as error:  # an empty tensor with a dimension that NumPy cannot hold
            raise _corrupt(self.path, str(error)) from error
        # Either key alone shows that the file is ours, so no single flipped bit hides the digest.
        if "sha256" in self.metadata or "convlens" in self.metadata:
            labels = {key: value for key, value in self.metadata.items() if key != "sha256"}
            if _digest(tensors, labels) != self.metadata.get("sha256"):
                raise _corrupt(self.path, "its content differs from the sha256 written into it")
        for name, slot in self.slots.items():
            if slot.dtype == "BF16":  # the upper half of a float32
                tensors[name] = (tensors[name].astype(np.uint32) << 16).view(np.float32)
        return tensors


def require_file(path: Path) -> None:
    """Refuse a path without a regular file; a pipe would keep the reader waiting for ever."""
    try:
        open_file(path).close()
    except OSError as error:
        raise WeightsError(
            f"there is no weights file {path}: {error.strerror}",
            "a readable file",
        ) from None


def _corrupt(path: Path, why: str) -> WeightsError:
    return WeightsError(
        f"{path} is corrupt: {why}", "a complete safetensors file", "use another copy of the file"
    )


def _check_header_length(path: Path, length: int, size: int) -> None:
    if length > MAX_HEADER_BYTES:
        raise _corrupt(path, f"its header claims {length} bytes (at most {MAX_HEADER_BYTES})")
    if length > size - 8:
        raise _corrupt(path, f"its header claims {length} bytes and the file has {size}")


def _parse_header(
    path: Path, header: bytes, data_bytes: int
) -> tuple[dict[str, Slot], dict[str, str]]:
    """Turn the JSON header into metadata and slots that tile the data exactly, or refuse it."""
    if sum(map(header.count, (b",", b"[", b"{"))) > _MAX_JSON_VALUES:
        raise _corrupt(path, f"its header holds more than {_MAX_JSON_VALUES} values")
    try:
        parsed = json.loads(header.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _corrupt(path, f"its header cannot be read ({error})") from error
    if not isinstance(parsed, dict):
        raise _corrupt(path, "its header is not a JSON object")
    metadata = parsed.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _corrupt(path, "its metadata is not text")
    slots = {name: _parse_slot(path, name, entry) for name, entry in parsed.items()}
    position = 0
    for name, slot in sorted(slots.items(), key=lambda item: (item[1].begin, item[1].end)):
        if slot.begin != position:
            raise _corrupt(path, f"{quote(name)} begins at {slot.begin}, not at {position}")
        position = slot.end
    if position != data_bytes:
        raise _corrupt(path, f"its tensors fill {position} bytes and the file holds {data_bytes}")
    return slots, metadata


def _parse_slot(path: Path, name: str, entry: object) -> Slot:
    """Check one tensor's entry on its own."""
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [begin, end], **rest}:
            pass
        case _:
            raise _corrupt(path, f"{quote(name)} lacks dtype, shape or data_offsets")
    if dtype not in _DTYPES:
        raise _corrupt(path, f"{quote(name)} has the unsupported dtype {quote(dtype)}")
    numbers = [begin, end, *shape]
    if rest or not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
        raise _corrupt(path, f"{quote(name)} has a shape or offsets that no tensor can have")
    if len(shape) > _MAX_DIMENSIONS:
        raise _corrupt(path, f"{quote(name)} has {len(shape)} dimensions")
    # Python's integers do not overflow: a shape made to wrap around 2^64 is merely too large.
    if math.prod(shape) * _DTYPES[dtype].itemsize != end - begin:
        raise _corrupt(path, f"{quote(name)} has offsets that do not fit its shape {shape}")
    return Slot(dtype, tuple(shape), begin, end)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated key: two readers could each take another one for true."""
    if len(pairs) > MAX_TENSORS + 1:  # and the metadata
        raise ValueError(f"an object with {len(pairs)} keys, at most {MAX_TENSORS} tensors")
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a key appears twice")
    return unique


def _digest(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """Hash metadata and tensors, sorted by name, each tensor after its name, dtype and shape."""
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, array in sorted(tensors.items()):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()
