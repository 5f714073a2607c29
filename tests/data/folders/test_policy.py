"""What images are brought to, chosen from the images, said, and overruled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens.data.folders.policy import choose_policy
from convlens.foundation.errors import DataError
from pictures import digit_images, photo_pieces


def saved(folder: Path, images: list[Image.Image]) -> list[Path]:
    paths = [folder / f"{number}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        image.save(path)
    return paths


def digits(count: int = 5, mode: str = "L") -> list[Image.Image]:
    return [Image.fromarray(image).convert(mode) for image in digit_images()[0][:count]]


def photos(count: int = 6) -> list[Image.Image]:
    return [piece for _, piece in photo_pieces(count)]


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_grey_images_of_one_size_keep_it_however_they_are_saved(tmp_path: Path, mode: str) -> None:
    policy = choose_policy(saved(tmp_path, digits(mode=mode)), None, None)
    assert (policy.input, policy.fit) == ((1, 28, 28), "crop")
    assert "grey 28x28" in policy.notes[0]


def test_one_colour_image_makes_all_rgb(tmp_path: Path) -> None:
    images = [*digits(), photos()[0].resize((28, 28))]
    assert choose_policy(saved(tmp_path, images), None, None).input == (3, 28, 28)


def test_mixed_sizes_become_a_square_of_at_most_64(tmp_path: Path) -> None:
    policy = choose_policy(saved(tmp_path, photos()), None, None)
    assert policy.input == (3, 64, 64)
    assert "RGB 64x64" in policy.notes[0]
    tiny = [image.resize((8 + n, 9)) for n, image in enumerate(digits())]
    assert choose_policy(saved(tmp_path, tiny), None, None).input == (1, 28, 28)


@pytest.mark.parametrize(("width", "fit"), [(100, "crop"), (149, "crop"), (151, "pad")])
def test_images_that_would_lose_a_third_by_cropping_are_padded(
    tmp_path: Path, width: int, fit: str
) -> None:
    images = [image.resize((width, 100)) for image in photos(2)]
    policy = choose_policy(saved(tmp_path, images), (3, 32, 32), None)
    assert policy.fit == fit
    assert any("`fit" in note for note in policy.notes)
    for asked in ("crop", "pad", "stretch"):
        assert choose_policy(saved(tmp_path, images), (3, 32, 32), asked).fit == asked


def test_a_photo_turned_by_exif_counts_as_it_is_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.new("L", (64, 32)).save(path, exif=exif)
    assert choose_policy([path], None, None).input == (1, 64, 32)


def test_unreadable_files_do_not_stop_the_choice(tmp_path: Path) -> None:
    paths = saved(tmp_path, digits())
    paths[0].write_bytes(b"nothing")
    assert choose_policy(paths, None, None).input == (1, 28, 28)
    assert choose_policy(paths[:1], None, None).input == (1, 64, 64)


@pytest.mark.parametrize(
    ("shape", "fit", "reason"),
    [((2, 8, 8), None, "the input is"), ((1, 0, 8), None, "the input is"), (None, "crup", "crop")],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, shape: tuple[int, int, int] | None, fit: str | None, reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        choose_policy(saved(tmp_path, digits(1)), shape, fit)


def test_a_sample_of_a_large_folder_is_enough(tmp_path: Path) -> None:
    (path,) = saved(tmp_path, digits(1))
    counted = np.zeros(1, int)

    class Paths(list[Path]):
        def __getitem__(self, key: object) -> object:
            found = super().__getitem__(key)  # type: ignore[index]
            counted[0] += len(found) if isinstance(found, list) else 1
            return found

    choose_policy(Paths([path] * 100_000), (1, 28, 28), None)
    assert counted[0] < 500
