"""The embedded digits: 400 + 100 of each, real, and no picture on both sides."""

from __future__ import annotations

import numpy as np

from convlens.data.digits import read


def test_the_digits_are_balanced_and_apart() -> None:
    train, test = read()
    assert train.images.shape == (4000, 1, 28, 28)
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(test.labels).tolist() == [100] * 10
    seen = {image.tobytes() for image in train.images}
    assert not any(image.tobytes() in seen for image in test.images)
