"""Labels files: `labels.csv` or `labels.parquet` with the columns file, label and, maybe, split.

Such a file comes from anywhere. Its paths must stay inside the folder, its size is bounded, and
nothing in it is executed.
"""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from convlens.data.decode import shown
from convlens.foundation.errors import DataError, MissingExtra, nearest

NAMES = ("labels.csv", "labels.tsv", "labels.parquet")
MAX_BYTES = 512 * 2**20
MAX_ROWS = 20_000_000

_COLUMNS = {
    "file": ("file", "filename", "file_name", "path", "image"),
    "label": ("label", "class"),
    "split": ("split", "part"),
}
_PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
    "testing": "test",
}


class Row(NamedTuple):
    """One labelled image: path below the folder, label, part (None: not said), line from 1."""

    path: str
    label: str
    part: str | None
    line: int


@dataclass(frozen=True)
class Labels:
    """The rows of a labels file, each path once, and what was noticed."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def is_labels_file(path: str) -> bool:
    """Say whether a path below the folder is one that `find` looks for."""
    return path in NAMES


def find(folder: Path) -> Path | None:
    """Return the folder's labels file, or None.

    Raises
    ------
    DataError
        Where there is more than one.
    """
    present = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(present) > 1:
        raise DataError(
            f"{shown(folder)} has {' and '.join(path.name for path in present)}",
            "one labels file",
        )
    return present[0] if present else None


def read(path: Path) -> Labels:
    """Read a labels file.

    The delimiter of a text file is told from its first line (comma, semicolon, tab or bar), its
    encoding from its bytes: UTF-8 or UTF-16 with or without a mark, else Windows-1252.

    Raises
    ------
    DataError
        Where columns or values are missing, a path leads out of the folder, one file has two
        labels, or the file is damaged or too large.
    MissingExtra
        Where it is Parquet and pyarrow is not installed.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{shown(path)} has {size:,} bytes", f"at most {MAX_BYTES:,}")
        notes: list[str] = []
        if path.suffix == ".parquet":
            rows = _rows(_parquet_records(path), path)
        else:
            rows = _rows(_csv_records(path, notes), path)
    except OSError as error:
        raise DataError(
            f"{shown(path)} cannot be read: {error.strerror}", "a labels file"
        ) from None
    if not rows:
        raise DataError(f"{shown(path)} labels no image", "one row per image")
    said = sum(row.part is not None for row in rows)
    if 0 < said < len(rows):
        missing = next(row.line for row in rows if row.part is None)
        raise DataError(
            f"{shown(path)}, line {missing}, says no split, and other lines do",
            "a split in every row, or in none",
            "write train, validation or test",
        )
    if said and not any(row.part == "train" for row in rows):
        raise DataError(f"{shown(path)} has no train row", "images to train on", "mark some train")
    return _each_once(rows, path, notes)


def _each_once(rows: list[Row], path: Path, notes: list[str]) -> Labels:
    first: dict[str, Row] = {}
    for row in rows:
        seen = first.setdefault(row.path, row)
        if (seen.label, seen.part) != (row.label, row.part):
            raise DataError(
                f"{shown(path)}, line {row.line}: {shown(row.path)} is labelled "
                f"{shown(row.label)}{_said(row)}, and {shown(seen.label)}{_said(seen)} in line "
                f"{seen.line}",
                "one label and one split per file",
                "remove one of the lines",
            )
    if len(first) < len(rows):
        notes.append(f"{len(rows) - len(first):,} repeated rows of {path.name} count once")
    return Labels(tuple(first.values()), tuple(notes))


def _said(row: Row) -> str:
    return f" ({row.part})" if row.part else ""


def _csv_records(path: Path, notes: list[str]) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    text, encoding = _text(path.read_bytes())
    if encoding == "cp1252":
        notes.append(f"{path.name} is not UTF-8: read as Windows-1252")
    header = text.lstrip("\r\n").split("\n", 1)[0]
    try:
        delimiter = csv.Sniffer().sniff(header, ",;\t|").delimiter
    except csv.Error:
        delimiter = "\t" if path.suffix == ".tsv" else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = _columns(reader.fieldnames or (), path)
        for record in reader:
            if any(record.get(column) for column in columns.values()):
                yield (
                    reader.line_num,
                    {role: record[column] for role, column in columns.items()},
                )
    except csv.Error as error:
        raise DataError(f"{shown(path)}, line {reader.line_num}: {error}", "a CSV table") from None


def _text(content: bytes) -> tuple[str, str]:
    """Decode a text file; the encoding is told from its first bytes."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace"), "utf-16"
    # a table of Latin text in UTF-16 without a mark has a zero in every other byte
    if content[1:4:2] == b"\0\0" or content[0:3:2] == b"\0\0":
        order = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
        return content.decode(order, "replace"), order
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), "cp1252"


def _parquet_records(path: Path) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("a labels file in Parquet", "parquet") from None
    line = 0
    try:
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > MAX_ROWS:
                raise DataError(
                    f"{shown(path)} declares {file.metadata.num_rows:,} rows",
                    f"at most {MAX_ROWS:,}",
                )
            columns = _columns(file.schema_arrow.names, path)
            for batch in file.iter_batches(65_536, columns=list(columns.values())):
                values = [batch.column(column).to_pylist() for column in columns.values()]
                for record in zip(*values, strict=True):
                    line += 1
                    texts = (None if value is None else _cell(value) for value in record)
                    yield line, dict(zip(columns, texts, strict=True))
    except pyarrow.ArrowException as error:
        raise DataError(
            f"{shown(path)} cannot be read: {str(error).splitlines()[0]}", "a Parquet table"
        ) from None


def _cell(value: object) -> str:
    if isinstance(value, bytes):
        return os.fsdecode(value)
    return str(value)


def _columns(names: Iterable[str], path: Path) -> dict[str, str]:
    """Return the table's own name of each column that counts."""
    known = {name.strip().lower(): name for name in names if name}
    columns = {
        role: known[name]
        for role, names in _COLUMNS.items()
        for name in reversed(names)
        if name in known
    }
    for role in ("file", "label"):
        if role not in columns:
            raise DataError(
                f"{shown(path)} has no column {role}{nearest(role, known)}; it has "
                + (", ".join(map(shown, list(known)[:10])) or "none"),
                "the columns file, label and, if you like, split",
                "name them in the first line",
            )
    return columns


def _rows(records: Iterable[tuple[int, Mapping[str, str | None]]], path: Path) -> list[Row]:
    rows = []
    for line, record in records:
        where = f"{shown(path)}, line {line}"
        file, label = (record["file"] or "").strip(), (record["label"] or "").strip()
        if not file or not label:
            raise DataError(
                f"{where}, has no {'label' if file else 'file'}",
                "a file and a label in every row",
            )
        part = (record.get("split") or "").strip().lower()
        if part and part not in _PARTS:
            raise DataError(
                f"{where}: the split is {shown(part)!r}{nearest(part, _PARTS)}",
                "train, validation or test",
            )
        rows.append(Row(_inner_path(file, where, path.parent), label, _PARTS.get(part), line))
        if len(rows) > MAX_ROWS:
            raise DataError(f"{shown(path)} has too many rows", f"at most {MAX_ROWS:,}")
    return rows


def _inner_path(file: str, where: str, folder: Path) -> str:
    """Return a path below the folder with "/" between its parts; refuse one that leaves it."""
    if "\\" in file and not (folder / file).is_file():
        file = file.replace("\\", "/")  # written on Windows
    path = posixpath.normpath(file)
    if path.startswith(("/", "../")) or path in ("..", ".") or path[1:2] == ":" or "\0" in path:
        raise DataError(
            f"{where}: {shown(file)} lies outside of the folder",
            "paths of files inside the folder, such as cat/1.png",
            "write paths relative to the folder of the labels file",
        )
    return path
