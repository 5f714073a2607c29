"""The layers that PyTorch or Keras does not have, as text for scripts that need no convlens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TORCH = {
    "Scale": '''class Scale(nn.Module):
    """One learned factor per channel."""

    def __init__(self, channels, initial=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), initial))

    def forward(self, x):
        return x * self.weight.view(-1, *[1] * (x.ndim - 2))
''',
    "LayerNorm2d": '''class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels in each place of the maps."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
''',
    "DropPath": '''class DropPath(nn.Module):
    """All values of a share of the images left out in training (Huang et al. 2016)."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        if not self.training or self.rate == 0:
            return x
        kept = x.new_empty((len(x), *[1] * (x.ndim - 1))).bernoulli_(1 - self.rate)
        return x * kept / (1 - self.rate)
''',
    "Channels": '''class Channels(nn.Module):
    """The maps from number `start` to before number `stop`."""

    def __init__(self, start, stop):
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, x):
        return x[:, self.start : self.stop]
''',
}
"""Modules by their names, with the arguments that `Described.torch` gives them."""

KERAS = {
    "Channels": '''class Channels(layers.Layer):
    """The maps from number `start` to before number `stop`."""

    def __init__(self, start, stop):
        super().__init__()
        self.start, self.stop = start, stop

    def call(self, x):
        return x[..., self.start : self.stop]
''',
    "ChannelShuffle": '''class ChannelShuffle(layers.Layer):
    """The first map of each group, then the second of each, and so on."""

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def call(self, x):
        _, height, width, channels = x.shape
        x = ops.reshape(x, (-1, height, width, self.groups, channels // self.groups))
        return ops.reshape(ops.transpose(x, (0, 1, 2, 4, 3)), (-1, height, width, channels))
''',
    "BorderPadding2D": '''class BorderPadding2D(layers.Layer):
    """A mirror image of what is beside the border ("reflect"), or its cells again ("replicate")."""

    def __init__(self, padding, mode):
        super().__init__()
        self.padding, self.mode = padding, mode

    def call(self, x):
        for axis, (before, after) in enumerate(self.padding, start=1):
            last = x.shape[axis] - 1
            cells = range(-before, last + 1 + after)
            if self.mode == "reflect":
                taken = [last - abs(last - abs(i)) for i in cells]
            else:
                taken = [min(max(i, 0), last) for i in cells]
            x = ops.take(x, taken, axis=axis)
        return x
''',
    "LocalResponseNormalization": '''class LocalResponseNormalization(layers.Layer):
    """x / (k + alpha * squares / size) ** beta, with the squares of `size` maps around each."""

    def __init__(self, size, alpha, beta, k):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def call(self, x):
        half, count = self.size // 2, x.shape[-1]
        squares = ops.pad(x * x, ((0, 0), (0, 0), (0, 0), (half, half)))
        total = sum(squares[..., i : i + count] for i in range(self.size))
        return x / (self.k + self.alpha * total / self.size) ** self.beta
''',
    "AdaptiveAveragePooling2D": '''class AdaptiveAveragePooling2D(layers.Layer):
    """The mean of each of size x size parts of a map, which may share a row or a column."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def call(self, x):
        for axis, parts in enumerate(self.size, start=1):
            cells = x.shape[axis]
            means = []
            for i in range(parts):
                part = range(i * cells // parts, -(-(i + 1) * cells // parts))
                means.append(ops.mean(ops.take(x, list(part), axis=axis), axis=axis))
            x = ops.stack(means, axis=axis)
        return x
''',
}
"""Layers by their names, with the arguments that `Described.keras` gives them."""


def classes(texts: Mapping[str, str], used: Iterable[str]) -> str:
    r"""Return the classes that are used, each followed by two empty lines.

    >>> classes({"A": "class A: ...\n", "B": "class B: ...\n"}, ["B"])
    'class B: ...\n\n\n'
    """
    names = set(used)
    return "".join(f"{text}\n\n" for name, text in texts.items() if name in names)
