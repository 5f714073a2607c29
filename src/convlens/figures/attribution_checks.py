"""Which method to believe: the cascade of random weights, deletion and insertion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from convlens.figures.style import BLUE, INK, QUIET, SKY, VERMILLION, as_svg
from convlens.foundation.errors import InputError
from convlens.inside.attribution_checks import PASSES_BELOW, Cascade, Faithfulness

# Okabe and Ito 2008; marks differ too, so that the lines differ without colour
_LOOK = {
    "grad-cam": (BLUE, "o"),
    "integrated-gradients": (VERMILLION, "s"),
    "occlusion": ("#009E73", "^"),
    "saliency": (SKY, "D"),
}


@as_svg
def cascade_svg(figure: Figure, cascades: Sequence[Cascade]) -> None:
    """Draw how alike each method's maps stay while the network is made random.

    Parameters
    ----------
    cascades : sequence of Cascade
        One a method, all of one network.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is none, or they are of different networks.
    """
    if len({one.layers for one in cascades}) != 1:
        raise InputError(
            f"there are {len(cascades)} cascades over different layers",
            "at least one, all of one network",
            "draw a figure for each network",
        )
    layers = cascades[0].layers
    figure.set_size_inches((max(4.6, 0.75 * (len(layers) + 1)), 3.4))
    panel = figure.add_axes((0, 0, 1, 1))
    steps = np.arange(len(layers) + 1)
    low = 0.0
    for one in cascades:
        colour, mark = _LOOK[one.method]
        verdict = "passes" if one.passes else "fails"
        label = f"{one.method}: {one.mean[-1]:z.2f}, {verdict}"
        panel.plot(steps, one.mean, color=colour, marker=mark, markersize=5, label=label)
        low = min(low, float(one.mean.min()))
    panel.axhline(PASSES_BELOW, color=QUIET, linewidth=1, linestyle=(0, (3, 3)))
    panel.text(
        1.02,
        PASSES_BELOW,
        f"a method passes below {PASSES_BELOW:g} at the end",
        transform=panel.get_yaxis_transform(),
        fontsize=8.5,
        color=QUIET,
        va="center",
    )
    panel.set_ylim(min(low - 0.05, -0.05), 1.04)
    names = ["as trained", *(f"+ {name}" for name in layers)]
    panel.set_xticks(steps, names, rotation=30, ha="right", rotation_mode="anchor", color=INK)
    panel.set_xlabel("layers with random weights, from the top down")
    panel.set_ylabel("rank correlation with\nthe original map")
    seeds, _, images = cascades[0].similarity.shape
    panel.set_title(
        f"Does the map change when the weights are random? ({_of(images, 'image')}, "
        f"{_of(seeds, 'seed')})"
    )
    panel.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        frameon=False,
        labelcolor=INK,
        title="similarity when all is random",
        alignment="left",
    )


def _of(count: int, word: str) -> str:
    return f"{count} {word}" + "s" * (count != 1)


@as_svg
def faithfulness_svg(figure: Figure, methods: Sequence[Faithfulness]) -> None:
    """Draw the mean deletion and insertion curves of each method beside a random order.

    Parameters
    ----------
    methods : sequence of Faithfulness
        One a method, all on the same images.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is none.
    """
    if not methods:
        raise InputError("there is no method to draw", "at least one")
    # one above the other: side by side a page would shrink the legends beyond reading
    figure.set_size_inches((5.6, 6.6))
    figure.subplots_adjust(hspace=0.6)
    panels = figure.subplots(2, 1)
    chance = methods[0].random
    for panel, what, better in zip(
        panels, ("deletion", "insertion"), ("lower", "higher"), strict=True
    ):
        for one in methods:
            colour, mark = _LOOK[one.method]
            area = getattr(one.curves, f"{what}_auc")
            _curve(
                panel,
                one.curves.share,
                getattr(one.curves, what),
                f"{one.method}: {area:.3f}",
                colour,
                mark,
            )
        area = getattr(chance, f"{what}_auc")
        _curve(panel, chance.share, getattr(chance, what), f"random order: {area:.3f}", QUIET, "")
        panel.set_ylim(0, 1.03)
        panel.set_xlim(0, 1)
        panel.xaxis.set_major_formatter(PercentFormatter(1.0))
        panel.yaxis.set_major_formatter(PercentFormatter(1.0))
        panel.set_xlabel(
            f"pixels {'deleted' if what == 'deletion' else 'inserted'}, the important first"
        )
        panel.set_ylabel("mean probability of the class")
        panel.set_title(f"{what.capitalize()} ({_of(len(chance.deletion), 'image')})")
        panel.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            frameon=False,
            labelcolor=INK,
            title=f"area, {better} is better",
            alignment="left",
            fontsize=9,
        )


def _curve(
    panel: Axes,
    share: NDArray[np.float64],
    curves: NDArray[np.float64],
    label: str,
    colour: str,
    mark: str,
) -> None:
    panel.plot(
        share,
        curves.reshape(-1, len(share)).mean(axis=0),
        color=colour,
        label=label,
        marker=mark,
        markersize=4,
        markevery=4,
        linewidth=1.8,
        linestyle="-" if mark else (0, (3, 2)),
    )
