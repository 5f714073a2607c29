"""Top patches: the best cells of the set, and exactly what they see."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import trained
from convlens.engines import build
from convlens.foundation.errors import InputError
from convlens.inside.top_patches import top_patches
from convlens.network import zoo
from convlens.network.arithmetic import ReceptiveField

SET = 300


def test_the_winners_are_those_of_all_activations_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, dataset = trained.tutorial(), trained.digits()
    images = dataset.train.images[:SET]
    monkeypatch.setattr(
        sys.modules["convlens.inside.feature_maps"],
        "BATCH_BYTES",
        64 * model.network.plan().activation_bytes,
    )  # several batches
    found = top_patches(model, "relu2", range(8), images, dataset.preprocessing, count=5)
    every = model.activations(dataset.preprocessing.normalise(images), ["relu2"])["relu2"]
    for one in found:
        of_image = every[:, one.map_number].reshape(SET, -1).max(axis=1)
        best = np.sort(of_image[of_image > 0])[::-1][:5]
        np.testing.assert_allclose(one.values, best, rtol=1e-5)
        assert len(set(one.images.tolist())) == len(one.images)
        for value, number, (y, x) in zip(one.values, one.images, one.cells, strict=True):
            np.testing.assert_allclose(every[number, one.map_number, y, x], value, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("tutorial-torch", "max_pool2"),
        ("small-batch-norm", "relu2"),
        ("small-batch-norm", "relu5"),
        ("lenet-5", "avg_pool1"),
    ],
)
def test_the_winning_cell_sees_its_patch_and_nothing_else(name: str, layer: str) -> None:
    """Put the patch into other surroundings: the cell's value stays."""
    dataset = trained.digits()
    model = build(zoo.load(name), seed=2)
    row = next(row for row in model.network.plan().steps if row.name == layer)
    images = dataset.train.images[:40]
    found = top_patches(model, layer, range(6), images, dataset.preprocessing, count=3)
    assert any(len(one.values) for one in found)
    for one in found:
        assert one.patches.shape[2:] == tuple(min(f.size, 28) for f in row.receptive_field)
        for i, (y, x) in enumerate(one.cells):
            noise = np.random.default_rng(i).integers(0, 256, (1, 28, 28), dtype=np.uint8)
            pasted = noise.copy()
            rows, columns = (
                _shown(field, int(cell))
                for field, cell in zip(row.receptive_field, (y, x), strict=True)
            )
            for a, b in np.argwhere(one.seen[i]):
                pasted[:, rows[a], columns[b]] = one.patches[i, :, a, b]
            values = model.activations(dataset.preprocessing.normalise(pasted[None]), [layer])
            assert values[layer][0, one.map_number, y, x] == pytest.approx(one.values[i], rel=1e-4)


def _shown(field: ReceptiveField, cell: int) -> range:
    first = field.region(cell)[0] if field.size <= 28 else 0
    return range(first, first + min(field.size, 28))


def test_a_patch_at_the_border_says_what_is_padding() -> None:
    dataset = trained.digits()
    model = build(zoo.load("small-batch-norm"), seed=2)
    images = np.zeros((1, 1, 28, 28), np.uint8)
    images[0, 0, 0, 0] = 255  # the only thing to see lies in the corner
    found = top_patches(model, "conv1", range(24), images, dataset.preprocessing, count=1)
    cornered = [one for one in found if len(one.cells) and one.cells[0].tolist() == [0, 0]]
    assert cornered
    for one in cornered:
        assert one.seen[0].tolist() == [[False] * 3, [False, True, True], [False, True, True]]
        assert one.patches[0, 0].tolist() == [[0, 0, 0], [0, 255, 0], [0, 0, 0]]


def test_a_dead_map_has_no_patches() -> None:
    model, dataset = build(zoo.load("tutorial-torch")), trained.digits()
    weights = model.weights()
    weights["conv1.weight"][3], weights["conv1.bias"][3] = 0, -1
    model.load_weights(weights)
    (one,) = top_patches(model, "relu1", [3], dataset.train.images[:20], dataset.preprocessing)
    assert one.patches.shape == (0, 1, 3, 3)
    assert len(one.values) == len(one.images) == len(one.cells) == 0


def test_what_does_not_exist_is_refused() -> None:
    model, dataset = trained.tutorial(), trained.digits()
    images = dataset.train.images[:5]
    for layer, numbers, count, match in (
        ("relu9", [0], 9, 'no layer "relu9"'),
        ("linear1", [0], 9, "no maps"),
        ("relu1", [32], 9, "use 31, the nearest"),
        ("relu1", [0], 0, "count is 0"),
    ):
        with pytest.raises(InputError, match=match):
            top_patches(model, layer, numbers, images, dataset.preprocessing, count=count)
