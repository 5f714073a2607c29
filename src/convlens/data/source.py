"""What a source of data is, before anything of it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from convlens.data import archives, formats
from convlens.data.catalog import names
from convlens.data.decode import shown
from convlens.data.folders import is_image_folder
from convlens.data.formats.parquet import Parquet
from convlens.foundation.errors import DataError, nearest


@dataclass(frozen=True)
class ImageFolder:
    """A folder of images, perhaps out of an archive."""

    path: Path
    name: str


@dataclass(frozen=True)
class FormatFiles:
    """Files of a known format."""

    form: formats.Format
    files: Mapping[str, Path]
    name: str


def find_source(source: str | Path) -> str | ImageFolder | FormatFiles:
    """Tell what a source is: the name of a known set, a folder of images, or a format's files.

    An archive is unpacked first.

    Raises
    ------
    DataError
        Where it is none of these, or cannot be read.
    """
    name = str(source)
    if name in names():
        return name
    path = place = Path(source)
    title = shown(path.resolve().name)
    try:
        if archives.is_archive(path):
            place = archives.top(archives.unpacked(path))
            title = shown(path.stem.removesuffix(".tar"))
        # a labels file is Parquet too: it says that the folder's images are the set
        recognised = formats.recognise(place)
        images = is_image_folder(place)
        if recognised and not (images and isinstance(recognised[0], Parquet)):
            return FormatFiles(*recognised, shown(path.stem.removesuffix(".tar") or name))
        if images:
            return ImageFolder(place, title)
    except OSError as error:
        raise DataError(f"{shown(name)} cannot be read: {error.strerror}", "a data set") from None
    raise DataError(
        f'"{shown(name)}" is neither a known data set nor a folder of images'
        f"{nearest(name, names())}",
        "one of " + ", ".join(names()) + ", a folder with a subfolder per class, a folder or file "
        f"of a known format ({', '.join(formats.FORMATS)}), or an archive of these",
    )
