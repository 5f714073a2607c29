"""Images of a folder are called by their files, others by their part and number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens import data
from convlens.evaluation import Evaluation, evaluate_logits
from convlens.report.data_page import make_page
from trained import digits


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("named")
    draw = np.random.default_rng(0)
    for kind, base in (("dark", 0), ("light", 120)):
        (place / kind).mkdir()
        for number in range(30):
            pixels = draw.integers(base, base + 120, (12, 12)).astype(np.uint8)
            Image.fromarray(pixels).save(place / kind / f"{kind}-{number}.png")
    return place


def test_each_part_knows_the_files_of_its_images(photos: Path) -> None:
    dataset = data.load(photos, input_shape=(1, 12, 12))
    names = []
    for part in ("train", "validation", "test"):
        split = dataset.part(part)
        for number, image in enumerate(split.images):
            name = split.name_of(number, part)
            pixels = np.asarray(Image.open(photos / name))
            assert (image[0] == pixels).all()
            assert name.startswith(dataset.classes[split.labels[number]])
            names.append(name)
    assert len(set(names)) == 60


def test_the_page_of_a_folder_has_the_files_of_its_samples(photos: Path) -> None:
    dataset = data.load(photos, input_shape=(1, 12, 12))
    page = make_page(dataset, "convlens data show photos")
    drawn = re.findall(r"(?:dark|light)-\d+\.png", page.figures["samples.svg"])
    assert len(drawn) >= 5
    assert set(drawn) <= {name.rpartition("/")[2] for name in dataset.train.files or ()}
    assert "the end of its file's name" in page.html.replace("&#39;", "'")


def test_a_set_without_files_numbers_its_images() -> None:
    assert digits().test.name_of(17, "test") == "test image 17"


def test_a_mistake_has_its_file_and_old_evaluations_have_none() -> None:
    found = evaluate_logits([[2, 0], [3, 0]], [0, 1], ["cat", "dog"], files=["cat/a", "dog/b"])
    (mistake,) = found.mistakes
    assert mistake.name("test") == "dog/b"
    written = found.to_dict()
    assert Evaluation.from_dict(written) == found
    del written["mistakes"][0]["file"]
    assert Evaluation.from_dict(written).mistakes[0].name("test") == "test image 1"
