"""The scripts train as the run did, in a process that has no convlens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import convlens
import photos
from convlens import data
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.interchange.code.script import write_model, write_script
from convlens.network import Network
from convlens.runs import Run
from convlens.training import recipe as recipes
from convlens.training.augment import Draws, augment, mix
from convlens.training.batches import TensorSet, epoch_seed
from convlens.training.recipe import Augmentation, Recipe
from convlens.training.targets import cross_entropy

CONSTRAINTS = Path(__file__).parents[3] / "constraints.txt"
SMALL = Network(
    name="small",
    input=(1, 28, 28),
    classes=10,
    layers=[
        {"conv": 6, "kernel": 4, "stride": 2},
        {"batch_norm": True},
        {"relu": True},
        {"conv": 8, "kernel": 3},
        {"relu": True},
        {"max_pool": 3, "stride": 2},
        {"flatten": True},
        {"dropout": 0.1},
        {"linear": 10},
    ],
)
# a process in which importing convlens is an error, and so is anything it would bring along
BLOCKED = """
import runpy, sys
sys.modules["convlens"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_script(folder: Path, text: str, *arguments: str, python: str = sys.executable) -> str:
    (folder / "script.py").write_text(text)
    done = subprocess.run(
        [python, "-I", "-c", BLOCKED, "script.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_a_script_that_needs_a_folder_says_so_without_one(library: Any, tmp_path: Path) -> None:
    pytest.importorskip(library)
    photos.write(tmp_path / "photos", 12)
    dataset = data.load(tmp_path / "photos", input_shape=(1, 28, 28))
    network = SMALL.adapted((1, 28, 28), 2)
    text = write_script(
        library, network, Recipe(), dataset.to_json(), title="photos", file="script.py"
    )
    (tmp_path / "script.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-I", "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "usage: python script.py FOLDER-OF-IMAGES" in done.stderr
    assert "for example: python script.py photos" in done.stderr


def numbers(pattern: str, text: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, text)]


def script_of(run: Run, library: Any) -> str:
    recipe = recipes.parse(run.recipe_text, "recipe.toml")
    network = Network.from_toml(run.network_text)
    return write_script(library, network, recipe, run.data, title=run.name, file="script.py")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with everything that a script carries out to the last digits."""
    recipe = Recipe(
        epochs=2,
        label_smoothing=0.05,
        ema=0.9,
        learning_rate=0.01,
        precision="float32",
        memory_format="contiguous",
    )
    return convlens.train(SMALL, recipe=recipe, out=tmp_path_factory.mktemp("script") / "run")


def first_loss(run: Run) -> float:
    """The loss of the run's first batch, with its initial weights."""
    network, recipe = Network.from_toml(run.network_text), recipes.parse(run.recipe_text, "")
    dataset = data.load_like(run.data)
    batches = TensorSet(dataset.train, dataset.preprocessing, torch.device("cpu")).shuffled(
        recipe.batch_size, recipe.augmentation, recipe.seed, epoch=0
    )
    torch.manual_seed(epoch_seed(recipe.seed, 0, purpose=1))
    images, labels = next(batches)
    logits = TorchModel(network, recipe.seed).module.train()(images)
    return cross_entropy(logits, labels, recipe.label_smoothing).item()


def test_the_torch_script_repeats_the_runs_losses_epoch_by_epoch(
    trained: Run, tmp_path: Path
) -> None:
    out = run_script(tmp_path, script_of(trained, "torch"))
    epochs = [event for event in trained.events() if event["event"] == "epoch"]
    losses = numbers(r"validation loss ([\d.]+)", out)
    assert losses == pytest.approx([epoch["validation_loss"] for epoch in epochs], abs=1e-3)
    assert numbers(r"first loss ([\d.]+)", out)[0] == pytest.approx(first_loss(trained), abs=1e-5)
    assert numbers(r"train loss ([\d.]+)", out) == pytest.approx(
        [epoch["train_loss"] for epoch in epochs], abs=1e-3
    )
    assert numbers(r"test accuracy ([\d.]+)%", out)[0] == pytest.approx(
        100 * trained.status["test_accuracy"], abs=0.5
    )
    assert f"{SMALL.plan().parameters:,} parameters" in out
    assert (tmp_path / "curves.png").is_file()


def check_that_a_script_teaches_as_much(
    library: Any, changes: Augmentation, folder: Path, *, within: float
) -> None:
    """Train with random changes by a run and by its script; the accuracies differ by few points."""
    recipe = Recipe(
        epochs=3,
        learning_rate=0.01,
        augmentation=changes,
        precision="float32",
        memory_format="contiguous",
    )
    run = convlens.train(SMALL, recipe=recipe, out=folder / "run")
    out = run_script(folder, script_of(run, library))
    accuracy = numbers(r"test accuracy ([\d.]+)%", out)[0]
    assert accuracy == pytest.approx(100 * run.status["test_accuracy"], abs=within)
    assert 70 < accuracy < 99


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"shift": 0.08, "rotate": 15, "scale": 0.2, "shear": 15, "flip": True},
        {"crop": 1, "mixup": 0.5, "cutmix": 0.5},
    ],
    ids=["moved", "mixed"],
)
def test_the_torch_scripts_own_random_changes_teach_as_much_as_the_runs(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    # 1,000 images at about 85%: three standard errors of a difference are 4.8 points
    check_that_a_script_teaches_as_much("torch", Augmentation(**changes), tmp_path, within=4.8)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "muon", "sgd"])
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_every_optimizer_and_schedule_is_repeated(
    optimizer: Any, schedule: Any, tmp_path: Path
) -> None:
    recipe = Recipe(
        epochs=2,
        epoch_share=0.6 if schedule == "cosine" else 1.0,
        optimizer=optimizer,
        schedule=schedule,
        learning_rate=0.05 if optimizer == "sgd" else 0.003,
        weight_decay=0.001,
        normalise="unit",
        precision="float32",
        memory_format="contiguous",
    )
    run = convlens.train(SMALL, recipe=recipe, out=tmp_path / "run")
    out = run_script(tmp_path, script_of(run, "torch"))
    epochs = [event for event in run.events() if event["event"] == "epoch"]
    expected = [epoch["validation_loss"] for epoch in epochs]
    # Adam divides by the gradient's own size, and so magnifies the rounding of small ones most
    within = 5e-3 if optimizer == "adam" else 1e-3
    assert numbers(r"validation loss ([\d.]+)", out) == pytest.approx(expected, abs=within)


@pytest.mark.slow
def test_the_keras_script_learns_as_well_as_the_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    recipe = recipes.load("digits").changed(
        {"epochs": 8, "precision": "float32", "memory_format": "contiguous"}
    )
    run = convlens.train("fast-batch-norm", recipe=recipe, out=tmp_path / "run")
    out = run_script(tmp_path, script_of(run, "keras"))
    accuracy = numbers(r"test accuracy ([\d.]+)%", out)[0]
    # 1,000 images: at 98%, three standard errors of a difference are 1.9 points
    assert accuracy == pytest.approx(100 * run.status["test_accuracy"], abs=1.9)


def folder_of_squares(folder: Path) -> Path:
    """Grey squares, dark ones and light ones, of which no two are alike."""
    random = np.random.default_rng(0)
    for label, base in (("dark", 40), ("light", 180)):
        (folder / label).mkdir(parents=True)
        for i in range(40):
            pixels = random.integers(base, base + 40, (14, 12)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")
    return folder


def small_for(shape: tuple[int, int, int], classes: int) -> Network:
    return Network(
        name="tiny",
        input=shape,
        classes=classes,
        layers=[{"conv": 4}, {"relu": True}, {"flatten": True}, {"linear": classes}],
    )


@pytest.mark.parametrize("kind", ["folder", "padded", "stretched", "npz", "idx"])
def test_the_script_loads_and_divides_other_data_as_the_run_did(kind: str, tmp_path: Path) -> None:
    fits = {"folder": "crop", "padded": "pad", "stretched": "stretch"}
    if kind in fits:
        source = folder_of_squares(tmp_path / "squares")
    else:
        source = arrays_on_disk(tmp_path, kind)
    recipe = Recipe(epochs=1, batch_size=20, precision="float32", memory_format="contiguous")
    dataset = data.load(
        source,
        input_shape=(1, 12, 12),
        fit=fits.get(kind),
        validation=0.2,
        validation_method="last" if kind == "npz" else "stratified",
    )
    network = small_for(dataset.preprocessing.input, len(dataset.classes))
    text = write_script("keras", network, recipe, dataset.to_json(), title="tiny", file="script.py")
    # what is loaded and divided, without training on it, and so without waiting for Keras
    text = text.replace("import keras\n", "").replace("from keras import layers, ops\n", "")
    text = text.replace(
        "class OneCycle(keras.optimizers.schedules.LearningRateSchedule)", "class _"
    )
    text = text.split("if __name__")[0] + (
        "whole, test = load_data(sys.argv[1])\n"
        "train, held = split(*whole)\n"
        'np.savez("parts.npz", train=train[0], held=held[0], test=test[0], labels=held[1])\n'
    )
    run_script(tmp_path, text, str(source))
    parts = np.load(tmp_path / "parts.npz")
    for name, part in (
        ("train", dataset.train),
        ("held", dataset.validation),
        ("test", dataset.test),
    ):
        np.testing.assert_array_equal(parts[name].transpose(0, 3, 1, 2), part.images)
    np.testing.assert_array_equal(parts["labels"], dataset.validation.labels)


def arrays_on_disk(folder: Path, kind: str) -> Path:
    random = np.random.default_rng(0)
    parts = {
        part: (random.integers(0, 256, (n, 12, 12), np.uint8), np.arange(n, dtype=np.uint8) % 3)
        for part, n in (("train", 60), ("t10k", 20))
    }
    if kind == "npz":
        (x, y), (u, v) = parts.values()
        np.savez(folder / "set.npz", x_train=x, y_train=y, x_test=u, y_test=v)
        return folder / "set.npz"
    (folder / "set").mkdir()
    for part, (images, labels) in parts.items():
        for name, array in ((f"{part}-images-idx3", images), (f"{part}-labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (folder / "set" / f"{name}-ubyte").write_bytes(header + array.tobytes())
    return folder / "set"


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_a_name_cannot_break_out_of_the_text_of_a_script(library: Any) -> None:
    hostile = 'x"""\nimport os\n"""\\'
    text = write_model(library, SMALL, title=hostile, classes=(hostile, *"bcdefghij"))
    space: dict[str, Any] = {"__name__": "script"}
    try:
        exec(compile(text, "script", "exec"), space)
    except ModuleNotFoundError as error:
        assert error.name == "keras"  # noqa: PT017 - the text compiled
        return
    assert "os" not in space
    assert space["CLASSES"][0] == hostile


def test_what_the_script_could_not_do_is_refused_and_never_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from convlens.interchange.code import script

    monkeypatch.setattr(script, "_AUGMENTATION", frozenset(["shift"]))
    recipe = Recipe(augmentation=Augmentation(rotate=10))
    with pytest.raises(InputError, match=r"augmentation\.rotate, for which there is no plain code"):
        write_script("torch", SMALL, recipe, data.load("digits-5k").to_json(), title="", file="")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("library", "within"), [("torch", 2), ("keras", 8)])
def test_the_script_runs_in_a_fresh_environment_with_what_its_first_lines_install(
    library: str, within: float, trained: Run, tmp_path: Path
) -> None:
    """Only where the package index, or a cache of it, can be reached.

    Keras's own initial weights teach a training of two short epochs more or less than the run's.
    """
    text = script_of(trained, library)
    packages = re.search(r"pip install (.+)", text)
    assert packages is not None
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    # the build for a CPU, which is one of the same versions
    wanted = packages[1].replace("torch", f"torch=={torch.__version__.split('+')[0]}", 1)
    wanted = wanted.replace("tensorflow", "tensorflow-cpu", 1)
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "-c", str(CONSTRAINTS), *wanted.split()],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no package index: {done.stderr[-200:]}")
    out = run_script(tmp_path, text, python=str(python))
    assert numbers(r"test accuracy ([\d.]+)%", out)[0] == pytest.approx(
        100 * trained.status["test_accuracy"], abs=within
    )
    count = f"{SMALL.plan().parameters:,}"
    assert f"{count} parameters" in out or f"Trainable params: {count}" in out


def changed_by_the_script(library: Any, changes: Augmentation, images: Any) -> Any:
    """Return images (N, H, W), pixels 0 to 255, as the script's random change gives them."""
    about = data.load("digits-5k").to_json()
    about["preprocessing"] |= {"mean": [0.25], "std": [0.5]}
    text = write_script(
        library, SMALL, Recipe(augmentation=changes), about, title="", file="script.py"
    )
    space: dict[str, Any] = {"__name__": "script"}
    exec(compile(text, "script", "exec"), space)
    if library == "torch":
        space["DEVICE"] = "cpu"
        pixels = torch.from_numpy(images)[:, None]
        return space["change"](pixels, torch.Generator().manual_seed(0)).numpy()[:, 0]
    normalised = ((images / 255 - 0.25) / 0.5).astype(np.float32)[..., None]
    made = space["RandomChange"]()(normalised, training=True)
    return (np.asarray(made)[..., 0] * 0.5 + 0.25) * 255


@pytest.fixture(params=["torch", "keras"])
def library(request: pytest.FixtureRequest) -> str:
    if request.param == "keras":
        pytest.importorskip("tensorflow")
    return str(request.param)


@pytest.mark.parametrize("padding", ["reflect", "zero"])
def test_a_scripts_crop_is_a_window_of_the_padded_image(library: str, padding: Any) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28)).astype(np.float32)
    made = changed_by_the_script(library, Augmentation(crop=2, padding=padding), images)
    padded = np.pad(
        images, [(0, 0), (2, 2), (2, 2)], mode="reflect" if padding == "reflect" else "constant"
    )
    corners = set()
    for image, around in zip(made, padded, strict=True):
        found = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if np.allclose(image, around[y : y + 28, x : x + 28], atol=0.01)
        ]
        assert len(found) == 1
        corners.update(found)
    assert {y for y, _ in corners} == {x for _, x in corners} == set(range(5))


def test_a_scripts_cutout_covers_one_square_with_the_mean(library: str) -> None:
    images = np.full((200, 28, 28), 200, np.float32)
    made = changed_by_the_script(library, Augmentation(cutout=0.3), images)
    covered = np.isclose(made, 0.25 * 255, atol=0.01)
    assert np.allclose(made[~covered], 200, atol=0.01)
    heights, widths = covered.any(2).sum(1), covered.any(1).sum(1)
    assert (covered.sum((1, 2)) == heights * widths).all()  # one rectangle, cut off at the border
    assert heights.max() == widths.max() == 8
    assert heights.min() < 8
    ours = covered_by_us(Augmentation(cutout=0.3), 4000)
    assert covered.mean() == pytest.approx(ours.mean(), abs=4 * ours.std() / 200**0.5)


def test_a_script_erases_as_much_as_the_run_does(library: str) -> None:
    images = np.full((1000, 28, 28), 200, np.float32)
    made = changed_by_the_script(library, Augmentation(erase=0.5), images)
    covered = np.isclose(made, 0.25 * 255, atol=0.01).mean((1, 2))
    ours = covered_by_us(Augmentation(erase=0.5), 4000)
    assert (covered > 0).mean() == pytest.approx(0.5, abs=4 * 0.5 / 1000**0.5)
    assert covered.mean() == pytest.approx(ours.mean(), abs=4 * ours.std() / 1000**0.5)
    assert covered.max() == pytest.approx(ours.max(), abs=0.03)


ALPHAS: list[dict[str, float]] = [
    {"mixup": 0.5},
    {"cutmix": 0.5},
    {"mixup": 1, "cutmix": 0.5},
]


@pytest.mark.parametrize("alphas", ALPHAS)
def test_the_torch_script_mixes_as_the_run_does(alphas: dict[str, float]) -> None:
    settings = Augmentation(**alphas)
    about = data.load("digits-5k").to_json()
    text = write_script(
        "torch", SMALL, Recipe(augmentation=settings), about, title="", file="script.py"
    )
    space: dict[str, Any] = {"__name__": "script"}
    exec(compile(text, "script", "exec"), space)
    space["DEVICE"] = "cpu"
    ones, zeros = torch.ones(4000, 1, 28, 28), torch.zeros(4000, 1, 28, 28)
    mixed, share = space["mix"](ones, zeros, torch.Generator().manual_seed(0))
    torch.testing.assert_close(mixed.mean((1, 2, 3)), share)
    ours, our_share = mix(ones, zeros, torch.arange(4000), settings, Draws(seed=0, epoch=0))
    for found, expected in ((share, our_share), (mixed.std((2, 3)), ours.std((2, 3)))):
        error = 4 * expected.std().item() / 4000**0.5
        assert found.mean().item() == pytest.approx(expected.mean().item(), abs=error)
    assert share.min() >= 0.48  # a box is rounded to whole pixels


@pytest.mark.parametrize("alphas", ALPHAS)
def test_the_keras_script_mixes_as_the_run_does(alphas: dict[str, float]) -> None:
    pytest.importorskip("tensorflow")
    settings = Augmentation(**alphas)
    about = data.load("digits-5k").to_json()
    recipe = Recipe(augmentation=settings, batch_size=300)
    text = write_script("keras", SMALL, recipe, about, title="", file="script.py")
    space: dict[str, Any] = {"__name__": "script"}
    exec(compile(text, "script", "exec"), space)
    # every image has one value of its own, and a label of its own
    count = 1000
    images = np.broadcast_to(np.arange(count)[:, None, None, None], (count, 28, 28, 1))
    batches = space["MixedBatches"](images.astype("float32"), np.eye(count))
    shares, seen = [], []
    for _ in range(4):
        parts = [batches[number] for number in range(len(batches))]
        mixed, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
        np.testing.assert_allclose(mixed.mean((1, 2, 3)), labels @ np.arange(count), atol=0.01)
        np.testing.assert_allclose(labels.sum(1), 1)
        shares.append(labels.max(1))
        seen.append(labels.argmax(1))
        batches.on_epoch_end()
    ours = mix(*torch.zeros(2, 4000, 1, 28, 28), torch.arange(4000), settings, Draws(0, 0))[1]
    share = np.concatenate(shares)
    error = 4 * 2**0.5 * ours.std().item() / 4000**0.5
    assert share.mean() == pytest.approx(ours.mean().item(), abs=error)
    assert share.std() == pytest.approx(ours.std().item(), rel=0.08)
    # nearly every image is the larger part once an epoch: at one half either can be
    assert all(len(set(epoch)) > 0.97 * count for epoch in seen)
    assert (seen[0] != seen[1]).any()


def test_a_keras_script_that_changes_and_mixes_trains(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    # from Keras's own initial weights
    changes = Augmentation(crop=1, mixup=0.5, cutmix=0.5)
    check_that_a_script_teaches_as_much("keras", changes, tmp_path, within=8)


def covered_by_us(changes: Augmentation, count: int) -> Any:
    """Return the share of each image that a run's own augmentation covers."""
    plain = torch.full((count, 1, 28, 28), 200.0)
    made = augment(plain, torch.arange(count), changes, Draws(seed=0, epoch=0), fill=-1.0)
    return (made == -1).double().mean((1, 2, 3)).numpy()
