"""What a batch of training images shows, and the loss against it."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Targets(NamedTuple):
    """The classes of a batch of images: one for each, or two in shares where images are mixed.

    A tuple of tensors, so that a CUDA graph can take it as an input.

    Parameters
    ----------
    labels : Tensor, int64 (B,)
        The class of each image; of a mixed one, the class of its larger part.
    others : Tensor, int64 (B,), optional
        The class of the smaller part of each image.
    shares : Tensor, float32 (B,), optional
        How much of each image is its larger part: 0.5 to 1.
    """

    labels: Tensor
    others: Tensor | None = None
    shares: Tensor | None = None

    def probabilities(self, classes: int) -> Tensor:
        """Return the share of each class, float32 (B, classes); each row sums to 1.

        >>> import torch
        >>> one, two = torch.tensor([0]), torch.tensor([2])
        >>> Targets(one, two, torch.tensor([0.75])).probabilities(3).tolist()
        [[0.75, 0.0, 0.25]]
        """
        own = F.one_hot(self.labels, classes)
        if self.others is None or self.shares is None:
            return own.float()
        share = self.shares[:, None]
        return own * share + F.one_hot(self.others, classes) * (1 - share)


def cross_entropy(logits: Tensor, targets: Targets, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy of a batch; of mixed images, in the shares of their classes.

    Parameters
    ----------
    logits : Tensor, float32 (B, classes)
        The network's output.
    targets : Targets
        The classes of the images.
    label_smoothing : float
        As in `torch.nn.functional.cross_entropy`.
    """
    if targets.others is None:
        return F.cross_entropy(logits, targets.labels, label_smoothing=label_smoothing)
    soft = targets.probabilities(logits.shape[1])
    return F.cross_entropy(logits, soft, label_smoothing=label_smoothing)
