"""Labels files as people write them, and as nobody should."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convlens import data
from convlens.data.folders import PARTS, labels, list_folder
from convlens.foundation.errors import DataError
from pictures import digit_images


def images(folder: Path, count: int = 4) -> Path:
    (folder / "img").mkdir(parents=True)
    for number in range(count):
        Image.fromarray(digit_images()[0][number]).save(folder / "img" / f"{number}.png")
    return folder


TABLE = "file,label\nimg/0.png,cat\nimg/1.png,dog\nimg/2.png,cat\nimg/3.png,dog\n"


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        TABLE.replace(",", ";").encode("utf-8-sig"),
        TABLE.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),
        TABLE.replace(",", "|").encode("utf-16-le"),
        b'label,width,"filename"\n"cat",28,img\\0.png\ndog,28,"img/1.png"\n'
        b"cat,28,./img/2.png\n\ndog,28,img/sub/../3.png\n",
    ],
    ids=["commas", "semicolons and a mark", "UTF-16 tabs", "UTF-16 without a mark", "other names"],
)
def test_the_delimiter_the_encoding_and_the_columns_are_told_from_the_file(
    tmp_path: Path, content: bytes
) -> None:
    (images(tmp_path) / "labels.csv").write_bytes(content)
    listing = list_folder(tmp_path)
    assert listing.classes == ("cat", "dog")
    assert list(listing.paths) == [f"img/{n}.png" for n in range(4)]
    assert listing.labels.tolist() == [0, 1, 0, 1]
    assert (listing.sizes > 0).all()


def test_windows_text_is_read_and_said(tmp_path: Path) -> None:
    (images(tmp_path) / "labels.csv").write_bytes(
        TABLE.replace("cat", "garçon").replace("dog", "fille").encode("cp1252")
    )
    listing = list_folder(tmp_path)
    assert listing.classes == ("fille", "garçon")
    assert any("Windows-1252" in note for note in listing.notes)


def test_a_split_column_makes_the_parts(tmp_path: Path) -> None:
    rows = ["img/0.png,a,train", "img/1.png,b,Training", "img/2.png,a,val", "img/3.png,b,test"]
    (images(tmp_path) / "labels.csv").write_text("\n".join(["file,label,split", *rows]))
    assert [PARTS[part] for part in list_folder(tmp_path).parts] == [
        *("train", "train", "validation", "test")
    ]


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    rows = [f"img/{n}.png,{label}" for n, label in enumerate((10, 9, 2, 10))]
    (images(tmp_path) / "labels.csv").write_text("\n".join(["file,label", *rows]))
    assert list_folder(tmp_path).classes == ("2", "9", "10")


def test_unlabelled_images_are_counted_and_repeated_rows_count_once(tmp_path: Path) -> None:
    text = "file,label\nimg/0.png,a\nimg/1.png,b\nimg/0.png,a\n"
    (images(tmp_path) / "labels.csv").write_text(text)
    listing = list_folder(tmp_path)
    assert len(listing) == 2
    assert "2 images that labels.csv does not name were left out" in listing.notes
    assert "1 repeated rows of labels.csv count once" in listing.notes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column file"),
        ("name,label\n", "no column file"),
        ("file,lable\nimg/0.png,a\n", 'no column label, did you mean "lable"'),
        ("file,label\n", "labels no image"),
        ("file,label\nimg/0.png,\n", "line 2, has no label"),
        ("file,label\nimg/0.png\n", "line 2, has no label"),
        ("file,label\n,a\n", "line 2, has no file"),
        ("file,label\nimg/0.png,a\nimg/0.png,b\n", "line 3: img/0.png is labelled b, and a in"),
        ("file,label,split\nimg/0.png,a,tran\n", 'did you mean "train"'),
        ("file,label,split\nimg/0.png,a,train\nimg/1.png,b,\n", "line 3, says no split"),
        ("file,label,split\nimg/0.png,a,test\n", "no train row"),
        ("file,label\n../secret.png,a\n", "line 2: ../secret.png lies outside"),
        ("file,label\nimg/../../secret.png,a\n", "lies outside"),
        ("file,label\n/etc/passwd,a\n", "lies outside"),
        ("file,label\n..\\secret.png,a\n", "lies outside"),
        ("file,label\nC:\\secret.png,a\n", "lies outside"),
        ("file,label\nout/secret.png,a\n", "leads out of the folder through a link"),
        ('file,label\n"img/0.png,a\n', "labels.csv, line"),
    ],
)
def test_a_labels_file_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, text: str, reason: str
) -> None:
    folder = images(tmp_path / "set")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.png").write_bytes((folder / "img/0.png").read_bytes())
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    (folder / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=reason):
        list_folder(folder)


def test_missing_files_are_named_and_can_be_skipped(tmp_path: Path) -> None:
    folder = images(tmp_path, 40)
    rows = [f"img/{n}.png,{'ab'[n % 2]}" for n in range(42)]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]))
    with pytest.raises(DataError, match=r"2 of 42 images(.|\n)*40\.png cannot be opened: No such"):
        data.load(folder)
    dataset = data.load(folder, bad_images="skip")
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 40
    assert sum("skipped" in note for note in dataset.notes) == 2


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    folder = images(tmp_path)
    names = [f"img/{n}.png" for n in range(4)]
    parquet.write_table(
        pyarrow.table({"label": [10, 9, 10, 9], "file": names, "other": [0.5] * 4}),
        folder / "labels.parquet",
    )
    listing = list_folder(folder)
    assert listing.classes == ("9", "10")
    assert listing.labels.tolist() == [1, 0, 1, 0]
    (folder / "labels.csv").write_text(TABLE)
    with pytest.raises(DataError, match=r"labels\.csv and labels\.parquet"):
        list_folder(folder)
    (folder / "labels.csv").unlink()
    (folder / "labels.parquet").write_bytes(b"PAR1 this is no table PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        list_folder(folder)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.csv"
    path.write_bytes(b"file,label\n" + content)
    try:
        rows = labels.read(path).rows
    except DataError:
        return
    assert all(not row.path.startswith(("/", "..")) for row in rows)
