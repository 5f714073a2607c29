"""Kernels recorded during a training: which epochs, whose weights, and at no cost to the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convlens import open_run
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import RecipeError, WeightsError
from convlens.network import Network
from convlens.runs import Run
from convlens.training import saving
from convlens.training.kernel_recorder import plan
from convlens.training.recipe import Recipe
from recorded_runs import NETWORK, RECIPE, Stopped, train


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(tmp_path_factory.mktemp("runs") / "recorded", RECIPE)


def test_the_epochs_recorded_are_the_start_every_kth_and_the_last(recorded: Run) -> None:
    snapshots = recorded.kernel_snapshots()
    assert [epoch for epoch, _ in snapshots] == [0, 2, 4, 5]
    assert all(set(arrays) == {"conv1.weight", "depthwise1.weight"} for _, arrays in snapshots)
    assert snapshots[0][1]["depthwise1.weight"].shape == (8, 1, 3, 3)


def test_epoch_0_is_the_initial_network_and_the_last_epoch_the_saved_one(recorded: Run) -> None:
    snapshots = recorded.kernel_snapshots()
    initial, last = TorchModel(NETWORK, RECIPE.seed).weights(), recorded.weights("last")
    for name, array in snapshots[0][1].items():
        np.testing.assert_array_equal(array, initial[name])
        np.testing.assert_array_equal(snapshots[-1][1][name], last[name])
        assert not np.array_equal(array, last[name])


def test_snapshots_are_in_the_manifest_and_damage_to_one_is_found(
    recorded: Run, tmp_path: Path
) -> None:
    assert recorded.verify() == []
    assert "kernels/epoch-0002.safetensors" in (recorded.folder / "MANIFEST.json").read_text()
    copy = tmp_path / "kernels"
    copy.mkdir()
    content = bytearray((recorded.folder / "kernels" / "epoch-0002.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "epoch-0002.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"epoch-0002.*corrupt"):
        Run(tmp_path).kernel_snapshots()


def test_recording_does_not_change_the_training_by_a_bit(recorded: Run, tmp_path: Path) -> None:
    silent = train(tmp_path / "silent", RECIPE.changed({"record_kernels": 0}))
    assert silent.kernel_snapshots() == []
    assert not (silent.folder / "kernels").exists()
    for file in ("weights.safetensors", "last.safetensors"):
        assert (silent.folder / file).read_bytes() == (recorded.folder / file).read_bytes()


def test_a_resumed_run_goes_on_recording_and_ends_with_the_same_files(
    recorded: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "SAVE_SECONDS", 0.0)  # a checkpoint after every epoch
    with pytest.raises(Stopped):
        train(tmp_path / "broken", RECIPE, stop_after=3)
    broken = open_run(tmp_path / "broken")
    assert [epoch for epoch, _ in broken.kernel_snapshots()] == [0, 2]
    resumed = train(tmp_path / "broken", RECIPE, resumed=True)
    assert resumed.verify() == []
    for path in sorted((recorded.folder / "kernels").iterdir()):
        assert (resumed.folder / "kernels" / path.name).read_bytes() == path.read_bytes()


def test_snapshots_that_would_be_too_large_keep_the_first_convolution_and_say_so() -> None:
    # 4*25 and 8*9 weights: 400 and 288 bytes a snapshot, six snapshots
    recipe = RECIPE.changed({"record_kernels": 1})
    both = ["conv1.weight", "depthwise1.weight"]
    assert plan(NETWORK, recipe, 6 * 688) == (both, 1, [])
    arrays, every, notes = plan(NETWORK, recipe, 6 * 688 - 1)
    assert (arrays, every) == (["conv1.weight"], 1)
    assert 'only "conv1.weight"' in notes[0]
    arrays, every, _ = plan(NETWORK, recipe, 6 * 400 - 1)
    assert (arrays, every) == (["conv1.weight"], 2)
    arrays, every, notes = plan(NETWORK, recipe, 799)
    assert (arrays, every) == ([], 0)
    assert "nothing is recorded" in notes[0]


def test_a_network_without_convolutions_says_that_there_is_nothing_to_record() -> None:
    flat = Network(input=(1, 4, 4), layers=[{"flatten": True}, {"linear": 2}])
    assert "no convolution" in plan(flat, RECIPE)[2][0]


def test_a_negative_interval_is_refused() -> None:
    with pytest.raises(RecipeError, match="record_kernels is -1"):
        Recipe().changed({"record_kernels": -1})
