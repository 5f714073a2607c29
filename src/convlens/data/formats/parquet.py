"""Parquet tables with a column of encoded images (or of pixels) and one of labels.

This is how Hugging Face stores image sets: `image` is a struct of `bytes` and `path`, `label` a
whole number whose names stand in the table's metadata. Bytes go through the one decoder of this
room; a path is followed only below the table's own folder. The table is read a few rows at a time.

References
----------
https://huggingface.co/docs/datasets/about_dataset_features#image-feature and
https://arrow.apache.org/docs/python/generated/pyarrow.parquet.ParquetFile.html.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data.bounded import MAX_BYTES, declared_bytes
from convlens.data.dataset import Split
from convlens.data.decode import decode, shown, size_of
from convlens.data.formats.format import Arrays
from convlens.data.preprocessing import cover
from convlens.foundation.errors import DataError, MissingExtra

LARGEST_SIDE = 64
"""Side that is chosen for images of mixed sizes when no network says another."""

_IMAGE_COLUMNS = ("image", "img", "pixels")
_LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "target")
_ROWS_AT_ONCE = 64
_SAMPLE = 200
_MAX_METADATA = 1 << 22
_MAX_CLASSES = 10_000


@dataclass(frozen=True)
class Parquet:
    """A set in Parquet files.

    Parameters
    ----------
    input_shape : (C, H, W), optional
        What images of mixed sizes are brought to; by default square, as large as the median
        shorter side but at most 64. Images of one size keep it.
    bad_images : {"fail", "skip"}
        Stop at images that cannot be read, or leave them out and say so.
    """

    input_shape: tuple[int, int, int] | None = None
    bad_images: str = "fail"

    def find(self, place: Path) -> dict[str, Path] | None:
        """Return the files by role: `train_0` ..., `test_0` ..., or one file as `train_0`.

        In a folder (or in `data/` inside it) the part is told by the name, `train` or `test`, as
        in `train-00000-of-00001.parquet`; other parts are not read.
        """
        if place.is_file():
            return {"train_0": place} if place.suffix == ".parquet" else None
        for folder in (place, place / "data"):
            files = sorted(folder.glob("*.parquet"))
            tables = {
                f"{part}_{number}": path
                for part in ("train", "test")
                for number, path in enumerate(p for p in files if p.name.startswith(part))
            }
            if "train_0" in tables:
                return tables
            if len(files) == 1:
                return {"train_0": files[0]}
        return None

    def read(self, files: Mapping[str, Path], *, limit: int = MAX_BYTES) -> Arrays:
        """Read the files; see `Format.read`."""
        parts: dict[str, list[_Table]] = {"train": [], "test": []}
        for role, path in files.items():
            parts[role.partition("_")[0]].append(_Table(path, limit))
        return self._read(parts["train"], parts["test"], limit)

    def _read(self, train: list[_Table], test: list[_Table], limit: int) -> Arrays:
        tables = train + test
        shape = self._choose_shape(tables, limit)
        names = _class_names(tables)
        bad: list[str] = []
        splits = [_read_part(part, shape, names, bad) for part in (train, test) if part]
        if bad and self.bad_images == "fail":
            raise DataError(
                f"{len(bad)} images cannot be read:\n    " + "\n    ".join(bad[:10]),
                "readable images",
                "mend or remove them, or leave them out with `bad_images='skip'`",
            )
        notes = tuple(f"skipped: {reason}" for reason in bad)
        return Arrays(splits[0], splits[1] if test else None, names, notes)

    def _choose_shape(self, tables: list[_Table], limit: int) -> tuple[int, int, int]:
        """Choose channels from a sample and the size from every image's header."""
        sizes: Counter[tuple[int, int]] = Counter()
        grey, every = True, max(1, sum(table.rows for table in tables) // _SAMPLE)
        for number, (place, image, _) in enumerate(chain.from_iterable(tables)):
            with suppress(DataError):  # counted and named when all images are decoded
                sizes[_size(image)] += 1
                grey = grey and (number % every > 0 or _decoded(place, image).mode == "L")
        if not sizes:
            raise DataError(
                f"{tables[0].name} has no image that can be read",
                "encoded images, paths below the table, or pixels",
            )
        channels = 1 if grey else 3
        side = min(int(np.median([min(size) for size in sizes.elements()])), LARGEST_SIDE)
        shape = (channels, side, side) if self.input_shape is None else self.input_shape
        if len(sizes) == 1:
            shape = (channels, *next(iter(sizes)))
        declared_bytes((sizes.total(), *shape), 1, f"the table {tables[0].name}", limit)
        return shape


def read_parquet(source: bytes, *, limit: int = MAX_BYTES) -> Arrays:
    """Read one table from its bytes; see `Format.read`."""
    return Parquet()._read([_Table(source, limit)], [], limit)


class _Table:
    """One Parquet file, its two columns found and its size checked."""

    def __init__(self, source: Path | bytes, limit: int) -> None:
        self.name = "the Parquet file" if isinstance(source, bytes) else shown(source)
        self.folder = None if isinstance(source, bytes) else source.parent.resolve()
        try:
            import pyarrow.parquet as parquet
        except ImportError:
            raise MissingExtra("reading Parquet files", "parquet") from None
        with self._errors():
            opened = io.BytesIO(source) if isinstance(source, bytes) else source
            self.file = parquet.ParquetFile(
                opened, thrift_string_size_limit=_MAX_METADATA, thrift_container_size_limit=10**6
            )
            columns = self.file.schema_arrow.names
            self.image = next((name for name in _IMAGE_COLUMNS if name in columns), "")
            self.label = next((name for name in _LABEL_COLUMNS if name in columns), "")
            metadata = self.file.metadata
            groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
            self.bytes = sum(max(0, group.total_byte_size) for group in groups)
            self.rows = int(metadata.num_rows)
        if not self.image or not self.label:
            raise DataError(
                f"{self.name} has the columns {', '.join(map(shown, columns[:10])) or 'none'}",
                "images as "
                + ", ".join(_IMAGE_COLUMNS)
                + " and labels as "
                + ", ".join(_LABEL_COLUMNS),
                "rename the columns",
            )
        declared_bytes((self.bytes,), 1, self.name, limit)

    def __iter__(self) -> Iterator[tuple[str, Any, Any]]:
        """Give each row's place, image (bytes, an array or an error) and label."""
        number = 0
        with self._errors():
            for batch in self.file.iter_batches(
                batch_size=_ROWS_AT_ONCE, columns=[self.image, self.label], use_threads=False
            ):
                images, labels = batch.column(self.image), batch.column(self.label)
                for image, label in zip(images, labels, strict=True):
                    number += 1
                    yield f"row {number} of {self.name}", self._image(image.as_py()), label.as_py()

    def _image(self, value: Any) -> _Stored:
        if isinstance(value, Mapping):  # a struct of bytes and path
            value = value.get("bytes") or value.get("path")
        if isinstance(value, str) and self.folder is not None and "\0" not in value:
            path = (self.folder / value).resolve()
            return path if path.is_relative_to(self.folder) else None
        if isinstance(value, list):
            try:
                pixels = np.asarray(value)
            except ValueError:
                return None
            if pixels.dtype.kind in "iu" and pixels.ndim in (2, 3) and pixels.size:
                shaped = pixels.ndim == 2 or pixels.shape[2] == 3
                if shaped and pixels.min() >= 0 and pixels.max() <= 255:
                    return pixels.astype(np.uint8)
            return None
        return value if isinstance(value, bytes) else None

    def _errors(self) -> _Errors:
        return _Errors(self.name)


class _Errors:
    """Turn whatever pyarrow raises on a damaged file into a `DataError`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, DataError):
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise DataError(
                f"{self.name} cannot be read: {reason}",
                "a whole Parquet file",
                "fetch or write it again",
            ) from error


_Stored: TypeAlias = "bytes | Path | NDArray[np.uint8] | None"


def _size(image: _Stored) -> tuple[int, int]:
    """Return (height, width) without decoding."""
    if isinstance(image, np.ndarray):
        return image.shape[0], image.shape[1]
    return size_of(image or b"")


def _decoded(place: str, image: _Stored) -> Image.Image:
    if image is None:
        raise DataError(f"{place} holds no image", "encoded bytes, a path below it, or pixels")
    if isinstance(image, np.ndarray):
        return Image.fromarray(image)
    try:
        return decode(image)[0]
    except DataError as error:
        raise DataError(f"{place}: {error.what}", error.expected, error.fix) from None


def _class_names(tables: list[_Table]) -> tuple[str, ...] | None:
    """Return the classes in the metadata of a Hugging Face table, or the labels that are text."""
    for table in tables:
        metadata = table.file.schema_arrow.metadata or {}
        try:
            features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
            names = features[table.label]["names"]
        except (KeyError, TypeError, ValueError, RecursionError):
            continue
        if isinstance(names, list) and 0 < len(names) == len(set(map(str, names))) <= _MAX_CLASSES:
            return tuple(shown(str(name)) for name in names)
    texts: set[str] = set()
    for table in tables:
        if str(table.file.schema_arrow.field(table.label).type) not in ("string", "large_string"):
            return None
        for _, _, label in table:
            texts.add(str(label))
            if len(texts) > _MAX_CLASSES:
                raise DataError(
                    f"{table.name} has more than {_MAX_CLASSES:,} different labels",
                    "one class name per image",
                )
    return tuple(sorted(texts))


def _read_part(
    tables: list[_Table],
    shape: tuple[int, int, int],
    names: tuple[str, ...] | None,
    bad: list[str],
) -> Split:
    """Decode the images of one part; those that cannot be read are told in `bad`."""
    images, labels = [], []
    for place, image, label in chain.from_iterable(tables):
        try:
            images.append(_fitted(_decoded(place, image), shape))
        except DataError as error:
            bad.append(error.what)
            continue
        labels.append(_number(label, names, place))
    pixels = np.stack(images) if images else np.zeros((0, *shape), np.uint8)
    return Split(pixels, np.asarray(labels, np.int64))


def _fitted(image: Image.Image, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Bring a decoded image to `(C, H, W)`."""
    channels, height, width = shape
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = cover(image, width, height)
    pixels = np.asarray(image, np.uint8).reshape(height, width, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _number(label: Any, names: tuple[str, ...] | None, place: str) -> int:
    if isinstance(label, str) and names and label in names:
        return names.index(label)
    if isinstance(label, int) and not isinstance(label, bool) and abs(label) < 2**31:
        return label
    raise DataError(
        f"the label of {place} is {str(label)[:40]!r}",
        "a whole number or a text",
    )
