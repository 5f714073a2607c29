"""The preview shows the very images that a training with the same seed is given."""

from __future__ import annotations

import numpy as np
import torch

import trained
from convlens.training.augment import Draws
from convlens.training.augment.preview import preview
from convlens.training.batches import TensorSet
from convlens.training.recipe import Augmentation


def test_the_preview_is_what_training_sees() -> None:
    digits = trained.digits()
    settings = Augmentation(rotate=20, shift=0.1, erase=0.5, mixup=0.4, cutmix=1.0)
    index = np.array([5, 300, 2000])
    shown = preview(digits.train, digits.preprocessing, index, settings, seed=9, epochs=3)
    train = TensorSet(digits.train, digits.preprocessing, torch.device("cpu"))
    for epoch in range(3):
        seen, targets = train.augmented(torch.from_numpy(index), settings, Draws(9, epoch))
        pixels = (seen - train.offset) / train.scale
        np.testing.assert_allclose(pixels.numpy(), shown.after[:, epoch], atol=0.51)
        assert targets.others is not None
        partners = digits.train.labels[shown.partners[:, epoch]]
        np.testing.assert_array_equal(targets.others.numpy(), partners)
        np.testing.assert_array_equal(targets.shares.numpy(), shown.shares[:, epoch])


def test_without_settings_nothing_changes_and_nothing_is_mixed() -> None:
    digits = trained.digits()
    shown = preview(digits.train, digits.preprocessing, np.array([1, 2]), Augmentation())
    for epoch in range(6):
        np.testing.assert_array_equal(shown.after[:, epoch], shown.before)
    assert (shown.partners == -1).all()
    assert (shown.shares == 1).all()
