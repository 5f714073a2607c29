"""`convlens pixels` and `convlens kernels`: what they print, draw and refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convlens.data.digits import read
from convlens.inside.image_filters import apply_kernel, find_kernel
from recorded_runs import RECIPE, train

DIGIT = read()[1].images[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a digit, a photo of it upside down in brightness, and a recorded run."""
    folder = tmp_path_factory.mktemp("work")
    Image.fromarray(DIGIT[0]).save(folder / "digit.png")
    large = Image.fromarray(255 - DIGIT[0]).resize((280, 280)).convert("RGB")
    large.save(folder / "paper.png")
    colour = np.stack([DIGIT[0], DIGIT[0].T, 255 - DIGIT[0]], axis=2)
    Image.fromarray(colour).save(folder / "colour.png")
    (folder / "runs").mkdir()
    train(folder / "runs" / "recorded", RECIPE)
    train(folder / "runs" / "silent", RECIPE.changed({"record_kernels": 0, "epochs": 1}))
    return folder


def test_the_program_prints_a_files_pixels_without_any_heavy_library(place: Path) -> None:
    code = (
        "import sys; sys.argv = ['convlens', *sys.argv[1:]]\n"
        "from convlens.cli import main\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code, done.code\n"
        "heavy = {'torch', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    arguments = ["pixels", "digit.png", "--rows", "8:10", "--columns", "5:9"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    values = [f"{DIGIT[0, row, column]:>4}" for row in (8, 9) for column in range(5, 9)]
    assert done.stdout.splitlines() == [
        "grey, rows 8-9 of 28, columns 5-8 of 28",
        "      5   6   7   8",
        "  8" + "".join(values[:4]),
        "  9" + "".join(values[4:]),
    ]


def test_pixels_are_the_files_own_or_those_that_the_run_sees(convlens: Any, place: Path) -> None:
    own = convlens("pixels", "paper.png", "--json")
    assert own["shape"] == [1, 280, 280]
    prepared = convlens("pixels", "paper.png", "--run", "recorded", "--json", "--svg", "seen.svg")
    assert prepared["shape"] == [1, 28, 28]
    assert any("inverted" in note for note in prepared["notes"])
    assert np.array(prepared["pixels"]).max() > 200
    assert "paper.png: 1x28x28" in (place / "seen.svg").read_text()
    colour = convlens("pixels", "colour.png", "--rows", "3", "--columns", ":2", "--json")
    assert (colour["shape"], colour["rows"], colour["columns"]) == ([3, 28, 28], [3, 4], [0, 2])
    assert np.array(colour["pixels"]).shape == (3, 1, 2)


def test_pixels_refuse_what_is_not_there(convlens: Any) -> None:
    assert "0:28" in convlens("pixels", "digit.png", "--rows", "40:50", code=2)
    assert "write --columns 0:14" in convlens("pixels", "digit.png", "--columns", "a:b", code=2)
    assert "absent.png" in convlens("pixels", "absent.png", code=2)
    assert 'no run "nope"' in convlens("pixels", "digit.png", "--run", "nope", code=2)


def test_a_fixed_kernel_is_printed_applied_and_drawn(convlens: Any, place: Path) -> None:
    told = convlens("kernels", "digit.png", "--kernel", "sobel-vertical", "--out", "drawn")
    assert "-2   0   2" in told
    sums = apply_kernel(DIGIT, find_kernel("sobel-vertical"))
    assert f"gives 1x26x26, sums from {sums.min():g} to {sums.max():g}" in told
    assert "sobel-vertical" in (place / "drawn" / "sobel-vertical.svg").read_text()
    chosen = ["--kernel", "box-blur", "--padding", "same", "--size", "14"]
    result = convlens("kernels", "colour.png", *chosen, "--svg", "all.svg", "--json")
    assert result["kernels"][0]["output"] == [3, 14, 14]
    assert result["kernels"][0]["kernel"] == [[1 / 9] * 3] * 3
    assert result["notes"] == ["28x28 made smaller: 14x14"]
    assert result["files"] == ["all.svg"]


def test_the_gallery_alone_lists_every_kernel(convlens: Any) -> None:
    assert len(convlens("kernels", "--json")["kernels"]) == 13
    assert "(all / 256)" in convlens("kernels")


def test_a_runs_kernels_are_drawn_before_after_and_moving(convlens: Any, place: Path) -> None:
    result = convlens("kernels", "--run", "recorded", "--out", "figures", "--json")
    assert (result["layer"], result["shape"]) == ("conv1", [4, 1, 5, 5])
    assert result["recorded_epochs"] == [0, 2, 4, 5]
    files = [f"figures/conv1{end}" for end in (".svg", "-before-after.svg", "-training.png")]
    assert result["files"] == files
    assert "best by validation, epoch" in (place / files[0]).read_text()
    assert "before training" in (place / files[1]).read_text()
    with Image.open(place / files[2]) as moving:
        assert moving.n_frames == 4


def test_figures_of_a_run_go_into_a_folder_of_their_own(convlens: Any, place: Path) -> None:
    before = {path.name for path in place.iterdir()}
    told = convlens("kernels", "--run", "recorded", "--filter", "2")
    assert "drawn: kernels-recorded/conv1-filter-2.svg" in told
    whole = convlens("kernels", "--run", "recorded", "--json")["files"]
    assert whole[0] == "kernels-recorded/conv1.svg"
    assert {path.name for path in place.iterdir()} - before == {"kernels-recorded"}
    ends = ("-before-after.svg", "-filter-2.svg", "-training.png", ".svg")
    drawn = sorted(path.name for path in (place / "kernels-recorded").iterdir())
    assert drawn == [f"conv1{end}" for end in ends]


def test_a_run_that_recorded_nothing_says_how_to_record(convlens: Any, place: Path) -> None:
    told = convlens("kernels", "--run", "silent", "--layer", "depthwise1", "--svg", "one.svg")
    assert "record_kernels=1" in told
    assert "8 filters of 1x3x3" in told
    assert (place / "one.svg").is_file()


def test_kernels_refuse_what_does_not_exist_or_contradicts(convlens: Any) -> None:
    assert 'did you mean "emboss"' in convlens("kernels", "digit.png", "--kernel", "embos", code=2)
    wrong = convlens("kernels", "--run", "recorded", "--layer", "conv9", code=2)
    assert 'did you mean "conv1"' in wrong
    assert "no filter 4" in convlens("kernels", "--run", "recorded", "--filter", "4", code=2)
    assert "both given" in convlens("kernels", "digit.png", "--run", "recorded", code=2)
    assert "no image to draw" in convlens("kernels", "--svg", "x.svg", code=2)
    assert "--padding same" in convlens("kernels", "digit.png", "--padding", "full", code=2)
