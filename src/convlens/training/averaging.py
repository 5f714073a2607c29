"""The moving average of the weights that a recipe's `ema` keeps."""

from __future__ import annotations


def decay_at(update: int, decay: float) -> float:
    """Return the share of the average that an update keeps: little at first, `decay` in the end.

    With one decay from the start, a training of few steps would end with an average that is
    still mostly its untrained beginning.

    Parameters
    ----------
    update : int
        Updates before this one; at 0 the average starts as a copy of the weights.
    decay : float
        The recipe's `ema`.

    Source: the `num_updates` of TensorFlow's `ExponentialMovingAverage`.

    Examples
    --------
    >>> [round(decay_at(update, 0.99), 3) for update in (1, 10, 100, 1000)]
    [0.182, 0.55, 0.918, 0.99]
    """
    return min(decay, (1 + update) / (10 + update))
