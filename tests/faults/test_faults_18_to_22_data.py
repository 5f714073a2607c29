"""Faults 18 to 22: hostile and unlucky images and data sets."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convlens import data
from convlens.data.decode import decode
from convlens.data.formats.idx import read_idx
from convlens.data.formats.npz import read_npz
from convlens.foundation.errors import DataError


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x08",
        b"\x00\x00\x0d\x03" + idx(IMAGES)[4:],  # floats
        idx(IMAGES)[:-1],
        idx(IMAGES) + b"x",
        struct.pack(">BBBBIII", 0, 0, 8, 3, 2**31, 2**31, 2**31),
        gzip.compress(idx(IMAGES), mtime=0)[:-9],
        gzip.compress(struct.pack(">BBBBIII", 0, 0, 8, 3, 60_000, 2**16, 2**16), mtime=0),
    ],
)
def test_fault_18_a_damaged_idx_file_is_a_data_error(content: bytes) -> None:
    np.testing.assert_array_equal(read_idx(gzip.compress(idx(IMAGES)), 3), IMAGES)
    with pytest.raises(DataError):
        read_idx(content, 3)


@given(st.binary(max_size=200), st.integers(0, 40), st.booleans())
def test_fault_18_no_bytes_make_the_idx_reader_fail_otherwise(
    noise: bytes, place: int, packed: bool
) -> None:
    content = bytearray(idx(IMAGES))
    content[place : place + len(noise)] = noise
    with contextlib.suppress(DataError):
        read_idx(gzip.compress(bytes(content)) if packed else bytes(content), 3)


TRACES: list[str] = []


def leave_a_trace() -> None:
    TRACES.append("a pickle ran code")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[()]]:
        return leave_a_trace, ()


def test_fault_18_an_npz_with_pickled_objects_is_refused() -> None:
    good = {
        "train_images": np.zeros((2, 4, 4), np.uint8),
        "train_labels": np.array([0, 1]),
        "test_images": np.zeros((2, 4, 4), np.uint8),
        "test_labels": np.array([0, 1]),
    }
    assert read_npz(npz(**good))["train_images"].shape == (2, 1, 4, 4)
    evil = np.array([Evil()], dtype=object)
    for key in good:
        with pytest.raises(DataError):
            read_npz(npz(**{**good, key: evil}))
    with pytest.raises(DataError):
        read_npz(npz(train_images=good["train_images"]))
    assert TRACES == []


@given(st.binary(max_size=60), st.integers(0, 1200))
def test_fault_18_no_bytes_make_the_npz_reader_fail_otherwise(noise: bytes, place: int) -> None:
    zeros, labels = np.zeros((2, 4, 4), np.uint8), np.array([0, 1])
    content = bytearray(
        npz(train_images=zeros, train_labels=labels, test_images=zeros, test_labels=labels)
    )
    content[place : place + len(noise)] = noise
    with contextlib.suppress(DataError):
        read_npz(bytes(content))


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def test_fault_19_every_mode_is_decoded_by_its_rule() -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    for content in (
        saved(red.convert("CMYK"), "TIFF"),
        saved(red.quantize(4)),
        saved(red.convert("RGBA")),
    ):
        assert decode(content)[0].getpixel((1, 1)) == (255, 0, 0)
    deep = Image.fromarray(np.full((4, 4), 65535, np.uint16))
    assert decode(saved(deep))[0].getpixel((0, 0)) == 255
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert np.asarray(decode(saved(clear))[0].convert("RGB")).min() == 255
    assert decode(saved(clear))[1] == ["transparent parts laid on white"]
    assert decode(saved(red.convert("RGBA")))[1] == []  # nothing in it is transparent
    wide = Image.new("L", (6, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(saved(wide, "JPEG", exif=exif))[0].size == (3, 6)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"this is no image", "is not an image"),
        (saved(Image.effect_noise((64, 64), 50), "JPEG")[:700], "truncated"),
    ],
)
def test_fault_19_an_unreadable_image_is_named_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        decode(content)


def test_fault_19_an_animation_is_refused() -> None:
    frames = [Image.new("L", (4, 4), shade) for shade in (0, 128, 255)]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"(?i)anima|frames"):
        decode(moving)


def photos(folder: Path, count: int = 12) -> Path:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            size = (int(rng.integers(20, 40)), int(rng.integers(20, 40)), 3)
            pixels = rng.integers(0, 256, size, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def test_fault_19_bad_files_fail_or_are_skipped_by_policy(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    (folder / "cat" / "broken.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"broken\.png"):
        data.load(folder)
    dataset = data.load(folder, bad_images="skip")
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 24
    assert any("broken.png" in note for note in dataset.notes)


def huge_png() -> bytes:
    """A real 20000x20000 PNG of a few hundred KB, black."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + 2500)) for _ in range(20_000)) + packer.flush()
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def test_fault_20_a_huge_image_is_refused_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(huge_png())
    code = (
        "import resource, sys\n"
        "from convlens.data.decode import decode\n"
        "from convlens.foundation.errors import DataError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: decode(sys.argv[1])\n"
        "except DataError as error: assert 'too many pixels' in error.what, error.what\n"
        "else: raise SystemExit('it was decoded')\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "assert grown < 50_000, grown\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def test_fault_21_sets_that_cannot_be_trained_on_are_refused(tmp_path: Path) -> None:
    def write(train_labels: list[int]) -> Path:
        path = tmp_path / "set.npz"
        count = len(train_labels)
        path.write_bytes(
            npz(
                train_images=np.zeros((count, 4, 4), np.uint8),
                train_labels=np.array(train_labels, np.int64),
                test_images=np.zeros((2, 4, 4), np.uint8),
                test_labels=np.array([0, 1]),
            )
        )
        return path

    assert len(data.load(write([0, 1] * 20)).train) == 36
    for labels in ([], [0, 0, 0, 0], [0, 1, -1, 1], [0, 1, 10**9, 1], [0, 3, 0, 3]):
        with pytest.raises(DataError):
            data.load(write(labels))


def test_fault_22_odd_names_and_link_loops(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    pixels = np.random.default_rng(1).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    odd = [b"with space.png", b"new\nline.png", "\U0001f600.png".encode(), b"caf\xe9.png"]
    for number, name in enumerate(odd):
        (folder / "cat").joinpath(os.fsdecode(name)).write_bytes(
            saved(Image.fromarray(np.roll(pixels, number, 0)))
        )
    (folder / "cat" / "loop").symlink_to(folder)
    (folder / "up").symlink_to(tmp_path)
    dataset = data.load(folder)
    assert dataset.classes == ("cat", "dog")
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 28
