"""The loss against one class per image, and against two in shares."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from convlens.training.targets import Targets, cross_entropy


def test_the_loss_of_mixed_labels_is_the_mean_of_both_losses_in_their_shares() -> None:
    logits = torch.randn(5, 3)
    own, other = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([1, 1, 0, 2, 2])
    share = torch.tensor([0.5, 0.9, 1.0, 0.7, 0.6])
    losses = [
        F.cross_entropy(logits, label, reduction="none", label_smoothing=0.1)
        for label in (own, other)
    ]
    expected = (share * losses[0] + (1 - share) * losses[1]).mean()
    loss = cross_entropy(logits, Targets(own, other, share), 0.1)
    torch.testing.assert_close(loss, expected)


def test_the_loss_of_plain_labels_is_pytorchs() -> None:
    logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    loss = cross_entropy(logits, Targets(labels), 0.1)
    assert torch.equal(loss, F.cross_entropy(logits, labels, label_smoothing=0.1))


def test_the_shares_of_all_classes_sum_to_one() -> None:
    own, other = torch.tensor([0, 1]), torch.tensor([2, 1])
    plain = Targets(own).probabilities(3)
    assert plain.dtype == torch.float32
    assert plain.tolist() == [[1, 0, 0], [0, 1, 0]]
    mixed = Targets(own, other, torch.tensor([0.75, 0.5])).probabilities(3)
    assert mixed.tolist() == [[0.75, 0, 0.25], [0, 1, 0]]
