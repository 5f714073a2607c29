"""The command line as a user meets it: exit codes, stdout and stderr apart.

Most of it runs in this process, because a start with PyTorch costs seconds; what only a process of
its own can show starts one.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from convlens import cli

PROGRAM = [sys.executable, "-m", "convlens"]


def convlens(
    *arguments: str, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the program's own `main` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"COLUMNS": "100", **env}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["convlens", *arguments])
        patch.chdir(cwd or Path.cwd())
        code: Any = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as ended:
                code = ended.code or 0
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def succeed(*arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    done = convlens(*arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def fail(*arguments: str, code: int = 2, cwd: Path | None = None, **env: str) -> str:
    done = convlens(*arguments, cwd=cwd, **env)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "channel", "told"),
    [
        ("shapes lenet-5", 0, 1, "conv1"),
        ("shapes lenet-6", 2, 2, 'did you mean "lenet-5"'),
        ("shapes lenet-6 --json", 2, 1, '"exit_code": 2'),
        ("--version", 0, 1, "."),
        ("", 0, 1, "convlens train"),
    ],
)
def test_a_process_of_its_own_ends_with_the_code_and_the_right_channel(
    arguments: str, code: int, channel: int, told: str
) -> None:
    done = subprocess.run(
        [*PROGRAM, *arguments.split()], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert told in (done.stdout if channel == 1 else done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("layer", "output", "parameters"),
    [
        ("conv=1, kernel=4", [1, 29, 29], 49),
        ("conv=1, kernel=4, stride=3, padding=1", [1, 11, 11], 49),
        ("conv=6, kernel=5, padding=2", [6, 32, 32], 456),
        ("conv=7, kernel=1", [7, 32, 32], 28),
        ("conv=1, kernel=3, padding=1", [1, 32, 32], 28),
    ],
)
def test_the_worked_examples_come_out_of_the_command_line(
    layer: str, output: list[int], parameters: int
) -> None:
    table = succeed("shapes", "--input", "3,32,32", "--layer", layer)
    assert table["layers"][0]["output"] == output
    assert table["parameters"] == parameters


def test_a_filter_of_four_with_stride_three_exits_2_and_names_padding_1() -> None:
    told = fail("shapes", "--input", "1,32,32", "--layer", "conv=1, kernel=4, stride=3")
    assert "(32 + 0 + 0 - 4)/3 + 1 = 10.33" in told
    assert "padding 1 (11x11)" in told


def test_pooling_and_two_strides_and_the_floor_rule() -> None:
    pooled = succeed("shapes", "--input", "1,4,4", "--layer", "max_pool=2")
    assert pooled["output"] == [1, 2, 2]
    strided = succeed("shapes", "--input", "1,8,8", "--layer", "conv=1, kernel=2, stride=[3, 2]")
    assert strided["output"] == [1, 3, 4]
    floored = succeed("shapes", "--input", "1,11,11", "--layer", "max_pool=2", "--floor")
    assert floored["output"] == [1, 5, 5]
    assert floored["layers"][0]["dropped"] == [1, 1]


def test_an_error_with_json_is_one_json_object_on_stdout() -> None:
    done = convlens("shapes", "lenet-6", "--json")
    assert done.returncode == 2
    assert 'did you mean "lenet-5"' in json.loads(done.stdout)["error"]["what"]


def test_light_commands_do_not_import_torch() -> None:
    for arguments in ("--help", "shapes tutorial-torch", "zoo", "lesson", "study"):
        code = (
            "import sys; sys.argv = ['convlens', *sys.argv[1:]]\n"
            "from convlens.cli import main\n"
            "try: main()\n"
            "except SystemExit as done: assert not done.code, done.code\n"
            "heavy = {'torch', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules)\n"
            "assert not heavy, heavy"
        )
        subprocess.run(
            [sys.executable, "-c", code, *arguments.split()],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def test_every_command_has_help_with_an_example() -> None:
    for command in cli.COMMANDS:
        done = convlens(command, "--help")
        assert done.returncode == 0
        if command != "data":
            assert "Example: convlens" in done.stdout, command


def test_unknown_commands_and_options_exit_2() -> None:
    assert 'did you mean "shapes"' in fail("shaeps")
    assert "--nope" in fail("shapes", "--nope")
    assert "a network is needed" in fail("shapes")


def test_limits_are_raised_by_flag() -> None:
    layers = ("--layer", "flatten=true", "--layer", "linear=4194304")
    assert "--max-parameters" in fail("shapes", "--input", "1,32,32", *layers)
    many = succeed("shapes", "--input", "1,32,32", *layers, "--max-parameters", str(2**40))
    assert many["parameters"] == 1025 * 2**22


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the default network was trained for two epochs."""
    place = tmp_path_factory.mktemp("work")
    result = succeed("train", "--epochs", "2", "--name", "first", cwd=place)
    assert set(result) >= {
        *("run", "epochs", "train_seconds"),
        *("validation_accuracy", "test_accuracy", "test_loss"),
    }
    assert result["epochs"] == 2
    assert 0.7 < result["test_accuracy"] <= 1
    return place


def test_training_leaves_a_complete_run_folder(trained: Path) -> None:
    folder = trained / "runs" / "first"
    promised = {
        *("network.toml", "recipe.toml", "data.json", "metrics.jsonl", "status.json"),
        *("weights.safetensors", "last.safetensors", "checkpoint", "environment.json"),
        *("curves.svg", "report.html", "MANIFEST.json"),
    }
    assert promised <= {path.name for path in folder.iterdir()}
    from convlens import open_run

    run = open_run(folder)
    assert run.verify() == []
    assert [event["event"] for event in run.events()][:3] == ["start", "epoch", "epoch"]
    page = (folder / "report.html").read_text()
    assert "http-equiv" not in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_evaluate_gives_the_numbers_that_training_wrote(trained: Path) -> None:
    evaluated = succeed("evaluate", "last", cwd=trained)
    status = json.loads((trained / "runs" / "first" / "status.json").read_text())
    assert evaluated["images"] == 1000
    assert evaluated["accuracy"] == status["test_accuracy"]
    assert evaluated["loss"] == pytest.approx(status["test_loss"], rel=1e-6)


def test_a_folder_that_has_a_runs_name_and_is_none_does_not_hide_the_run(trained: Path) -> None:
    from convlens import open_run
    from convlens.foundation.errors import RunError

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained)
        for name in ("first", "other"):
            (trained / name).mkdir()
        try:
            assert open_run("first", "runs").folder == Path("runs") / "first"
            with pytest.raises(RunError, match="other is not a run"):
                open_run("other", "runs")
        finally:
            for name in ("first", "other"):
                (trained / name).rmdir()


def test_evaluate_tells_what_views_give_beside_the_plain_result(trained: Path) -> None:
    from convlens import Network, build, open_run
    from convlens.api.opening import with_weights
    from convlens.data import Preprocessing, load_like

    told = succeed("evaluate", "last", "--views", "mirror", cwd=trained)
    run = open_run("last", trained / "runs")
    assert told["accuracy"] == run.status["test_accuracy"]
    model = with_weights(build(Network.from_toml(run.network_text)), run)
    test = load_like(run.data).test
    images = Preprocessing.from_dict(run.data["preprocessing"]).normalise(test.images)
    both = model.logits(images) + model.logits(images[..., ::-1].copy())
    assert told["views"]["names"] == ["mirror"]
    assert told["views"]["accuracy"] == pytest.approx((both.argmax(1) == test.labels).mean())
    assert told["views"]["accuracy"] < told["accuracy"]  # a mirrored digit is none


def test_predict_reads_a_drawing_of_any_size(trained: Path) -> None:
    import numpy as np
    from PIL import Image

    from convlens.data.digits import read

    _, test = read()
    digit = int(np.flatnonzero(test.labels == 1)[0])
    drawing = Image.fromarray(255 - test.images[digit, 0]).resize((140, 140)).convert("RGB")
    sheet = Image.new("RGB", (300, 200), (235, 235, 235))
    sheet.paste(drawing, (30, 20))
    sheet = Image.eval(sheet, lambda value: min(value, 235))
    sheet.save(trained / "my one.jpg")
    answer = succeed("predict", "last", "my one.jpg", cwd=trained)["predictions"][0]
    assert answer["class"] == "1"
    assert any("inverted" in note for note in answer["notes"])
    assert sum(row["probability"] for row in answer["top"]) <= 1 + 1e-6


def test_runs_report_and_compare(trained: Path) -> None:
    succeed("train", "--epochs", "1", "--seed", "3", "--name", "second", cwd=trained)
    rows = succeed("runs", cwd=trained)["runs"]
    assert [row["name"] for row in rows] == ["first", "second"]
    compared = succeed("compare", "first", "second", cwd=trained)
    differing = {row["name"]: row["values"] for row in compared["rows"]}
    assert differing["epochs"] == [2, 1]
    assert differing["seed"] == [0, 3]
    assert "optimizer" not in differing
    assert Path(trained, succeed("report", "first", cwd=trained)["report"]).is_file()


def test_one_seed_gives_the_same_weights_bit_for_bit(trained: Path) -> None:
    succeed("train", "--epochs", "2", "--name", "again", cwd=trained)
    first, again = (
        (trained / "runs" / name / "weights.safetensors").read_bytes()
        for name in ("first", "again")
    )
    assert first == again


def test_the_data_commands(tmp_path: Path) -> None:
    rows = succeed("data", "list", cwd=tmp_path)["datasets"]
    assert rows[0]["name"] == "digits-5k"
    assert rows[0]["found"]
    shown = succeed("data", "show", "digits-5k", cwd=tmp_path)
    assert shown["images_per_class"]["test"] == [100] * 10
    assert sum(shown["images_per_class"]["train"]) == 3800


def test_doctor_tells_versions_and_threads() -> None:
    facts = succeed("doctor")
    assert facts["threads"] >= 1
    assert facts["torch"].startswith("2.")


def test_a_lesson_prints_its_numbers_and_an_unknown_one_the_nearest(tmp_path: Path) -> None:
    found = succeed("lesson", "batch-dimension", "--out", "pages", cwd=tmp_path)
    assert found["largest_difference_from_alone"] < 1e-5
    assert (tmp_path / found["page"]).is_file()
    assert 'did you mean "padding"' in fail("lesson", "pading")


def test_look_writes_a_page_and_a_cell_is_printed_as_a_sum(trained: Path) -> None:
    from PIL import Image

    from convlens.data.digits import read

    Image.fromarray(read()[1].images[0, 0]).save(trained / "zero.png")
    found = succeed("look", "last", "zero.png", "--layer", "relu1", "--method", "none", cwd=trained)
    assert found["page"] == str(Path("look-zero") / "index.html")
    assert (trained / found["page"]).is_file()
    assert all((trained / name).is_file() for name in found["files"])
    assert [layer["output"] for layer in found["layers"]] == [[24, 12, 12]]

    # a page of another layer takes the place of the page before, and leaves what is not its own
    (trained / "look-zero" / "notes.svg").write_text("mine")
    again = succeed("look", "last", "zero.png", "--layer", "conv1", "--method", "none", cwd=trained)
    beside = {str(path.relative_to(trained)) for path in (trained / "look-zero").glob("[!.]*")}
    assert beside == {again["page"], *again["files"], str(Path("look-zero") / "notes.svg")}
    assert not set(found["files"]) <= beside

    cell = ("--layer", "conv1", "--cell", "3,4", "--map", "2")
    step = succeed("look", "last", "zero.png", *cell, cwd=trained)
    assert step["cell"] == [2, 3, 4]
    assert step["total"] == pytest.approx(step["computed"], abs=1e-5)
    assert "= total" in step["text"]
    assert "the nearest is (0, 3, 23)" in fail(
        "look", "last", "zero.png", "--layer", "conv1", "--cell", "3,40", cwd=trained
    )
