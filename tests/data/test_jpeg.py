"""Large JPEGs are decoded at a part of their size: never too small, always the same pixels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from convlens.data import Preprocessing, jpeg, load
from convlens.data.decode import decode_with_pixels
from convlens.data.folders import read_folder

UNIT = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def photo(width: int, height: int, **saving: object) -> bytes:
    """Return a real photo at a size, as a JPEG file."""
    picture = Image.fromarray(load_sample_image("flower.jpg")).resize((width, height))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92, **saving)
    return file.getvalue()


def preparing(**settings: object) -> Preprocessing:
    return Preprocessing((3, 224, 224), *UNIT, draft=True, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1600, 1200), (1201, 1777), (2400, 800), (900, 1200)])
def test_no_image_is_decoded_below_the_size_that_its_resize_needs(
    fit: str, size: tuple[int, int]
) -> None:
    own = preparing(fit=fit)
    picture = decode_with_pixels(photo(*size), needed=own.needed)
    least = own.needed(*size)
    assert picture.size == size
    assert picture.image.width >= least[0]
    assert picture.image.height >= least[1]
    # and at less than twice of what is needed on one side, where that is possible
    assert picture.image.width < size[0]


def test_a_margin_around_the_input_counts_as_needed() -> None:
    own = preparing(resize=448)
    assert own.needed(1800, 1350) == (598, 448)
    assert decode_with_pixels(photo(1800, 1350), needed=own.needed).image.size == (900, 675)


def test_the_pixels_are_nearly_those_of_the_whole_picture() -> None:
    content = photo(1600, 1200)
    small, _ = preparing().prepare(content)
    whole, _ = Preprocessing((3, 224, 224), *UNIT).prepare(content)
    difference = np.abs(small.astype(int) - whole)
    assert difference.mean() < 1.5
    assert np.array_equal(small, preparing().prepare(content)[0])


def test_a_photo_that_lies_on_its_side_is_needed_by_its_upright_sides() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    own = preparing(fit="stretch")
    picture = decode_with_pixels(photo(1600, 900, exif=exif), needed=own.needed)
    assert picture.size == (900, 1600)
    assert picture.image.size == (225, 400)
    pixels, notes = own.prepare(photo(1600, 900, exif=exif))
    assert "900x1600 brought to 224x224" in notes
    upright = (
        Image.fromarray(load_sample_image("flower.jpg"))
        .resize((1600, 900))
        .rotate(-90, expand=True)
    )
    expected = np.asarray(upright.resize((224, 224), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert np.abs(pixels.astype(int) - expected).mean() < 4


def test_small_photos_and_other_formats_are_decoded_whole() -> None:
    assert decode_with_pixels(photo(900, 900), needed=preparing().needed).image.size == (900, 900)
    file = io.BytesIO()
    Image.fromarray(load_sample_image("flower.jpg")).resize((1600, 1200)).save(file, "BMP")
    assert decode_with_pixels(file.getvalue(), needed=preparing().needed).image.width == 1600


def test_a_title_makes_no_other_picture_and_a_pixel_does() -> None:
    plain = jpeg.digest(io.BytesIO(photo(320, 240)))
    exif = Image.Exif()
    exif[0x010E] = "holiday"
    assert jpeg.digest(io.BytesIO(photo(320, 240, exif=exif, comment=b"by the sea"))) == plain
    assert jpeg.digest(io.BytesIO(photo(320, 241))) != plain


def test_copies_of_large_photos_lie_in_one_part_at_every_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a copy"
    for number in range(6):
        for name, shift in (("a", 0), ("b", 50)):
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            size = 1200 + number + shift, 900
            (folder / f"{number}.jpg").write_bytes(photo(*size))
            (folder / f"{number}-copy.jpg").write_bytes(photo(*size, exif=exif))
    sets = [load(tmp_path, input_shape=(3, side, side)) for side in (64, 300)]
    for part in ("train", "validation", "test"):
        names = [sorted(one.part(part).files or ()) for one in sets]
        assert names[0] == names[1]
        stems = {Path(name).with_suffix("").as_posix() for name in names[0]}
        assert stems == {
            f"{stem.removesuffix('-copy')}{end}" for stem in stems for end in ("", "-copy")
        }


def test_a_run_from_before_reads_its_photos_whole(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(photo(1600, 1200))
    before = read_folder(tmp_path, (3, 64, 64), draft=False)
    now = read_folder(tmp_path, (3, 64, 64))
    assert not np.array_equal(before.contents, now.contents)
    whole, _ = Preprocessing((3, 64, 64), *UNIT).prepare(tmp_path / "a" / "1.jpg")
    assert np.array_equal(before.images[0], whole)
    assert "draft" not in Preprocessing((3, 64, 64), *UNIT).to_dict()
    assert Preprocessing.from_dict(preparing().to_dict()).draft
