"""Which layers a layer reads: the layer before it, or two of them where a residual sum ends."""

from __future__ import annotations

from convlens.layers import Layer, Residual
from convlens.table import named

Sources = dict[str, tuple[str | None, ...]]


def sources(layers: tuple[Layer, ...]) -> Sources:
    """Return for each layer, by its full name, the names of the layers whose outputs it reads.

    Parameters
    ----------
    layers : tuple of Layer
        The network.

    Returns
    -------
    dict of str to tuple
        One name; for a `residual` two, the end of its layers and the end of its shortcut.
        None stands for the image.

    Examples
    --------
    >>> from convlens.reading import read_layers
    >>> block = {"residual": [{"conv": 1, "kernel": 1}, {"relu": True}]}
    >>> for layer, read in sources(read_layers([{"relu": True}, block], "layers")).items():
    ...     print(layer, "reads", *read)
    relu1 reads None
    residual1.conv1 reads relu1
    residual1.relu1 reads residual1.conv1
    residual1 reads residual1.relu1 relu1
    """
    found: Sources = {}
    _collect(layers, None, "", found)
    return found


def _collect(
    layers: tuple[Layer, ...], before: str | None, prefix: str, found: Sources
) -> str | None:
    """Add the layers of one list to `found`; return the name of what the list puts out."""
    for name, layer in named(layers):
        place = prefix + name
        if isinstance(layer, Residual):
            main = _collect(layer.layers, before, f"{place}.", found)
            shortcut = _collect(layer.shortcut, before, f"{place}.shortcut.", found)
            found[place] = (main, shortcut)
        else:
            found[place] = (before,)
        before = place
    return before
