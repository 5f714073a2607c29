"""Attributions as maps with a colour bar, and laid over the image they explain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import CenteredNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convlens.figures.mosaic import as_rgb
from convlens.figures.names import short_name
from convlens.figures.style import AMOUNT, INK, QUIET, SIGNED, TABLE, as_svg, colours_of
from convlens.foundation.errors import InputError
from convlens.inside.reasons import Attribution

PANEL = 1.75
"""Inches of a picture's side."""
BACKDROP = 0.35
"""Contrast of the grey image under an overlay: enough to see what it is, too little to compete."""

_TITLES = {
    "grad-cam": "Grad-CAM",
    "integrated-gradients": "integrated gradients",
    "occlusion": "occlusion",
    "saliency": "saliency",
}
_SAYS = {
    "grad-cam": "where the maps of\n{layer} raise the logit",
    "integrated-gradients": "share of the difference\nto the baseline's logit",
    "occlusion": "fall of the logit when\n{window} pixels are covered",
    "saliency": "change of the logit\nby change of the pixel",
}


@as_svg
def attributions_svg(
    figure: Figure,
    image: NDArray[np.uint8],
    attributions: Sequence[Attribution],
    *,
    classes: Sequence[str] | None = None,
) -> None:
    """Draw an image beside one or more attributions: each map with its scale, and the overlay.

    Each map has a scale of its own, because the methods measure different things. On signed
    maps white is 0, orange speaks for the class and blue against it; on unsigned ones orange is
    strong.

    Parameters
    ----------
    image : uint8 array (C, H, W)
        The explained image.
    attributions : sequence of Attribution
        Attributions of that image, all for one class.
    classes : sequence of str, optional
        Class names; numbers otherwise.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is no attribution, they are for different classes, or a map has not the
        image's size.
    """
    _check(image, attributions)
    height, width = image.shape[1:]
    high = PANEL * height / max(height, width)
    wide = PANEL * width / max(height, width)
    columns = len(attributions) + 1
    # room below each map for its colour bar
    step_x, step_y = wide + 0.32, high + 0.62
    figure.set_size_inches((columns * step_x, 2 * step_y))
    total_x, total_y = columns * step_x, 2 * step_y

    def panel_at(column: int, top: float, panel_height: float = high) -> Axes:
        panel = figure.add_axes(
            (
                column * step_x / total_x,
                1 - (top + panel_height) / total_y,
                wide / total_x,
                panel_height / total_y,
            )
        )
        panel.grid(visible=False)
        return panel

    rgb = as_rgb(image)
    first = panel_at(0, 0)
    _picture(first, rgb)
    first.set_title("the image", fontsize=10)
    one = attributions[0]
    name = str(one.target) if classes is None else short_name(classes[one.target])
    first.text(
        0,
        -0.06,
        f"explained: class {name}\nlogit {one.logit:.2f}, probability {one.probability:.1%}",
        transform=first.transAxes,
        va="top",
        fontsize=8.5,
        color=INK,
    )
    legend = ["over the image:"]
    if any(attribution.signed for attribution in attributions):
        legend += ["orange speaks for the class,", "blue against it"]
    unsigned = [
        _TITLES[attribution.method] for attribution in attributions if not attribution.signed
    ]
    if unsigned:
        legend += [f"{' and '.join(unsigned)}:", "orange is strong"]
    first.text(
        1,
        -(step_y + 0.1) / high,
        "\n".join([*legend, "the paler, the weaker"]),
        transform=first.transAxes,
        ha="right",
        va="bottom",
        fontsize=8.5,
        color=QUIET,
    )
    for column, attribution in enumerate(attributions, start=1):
        scale, colours = _scale(attribution)
        panel = panel_at(column, 0)
        _picture(panel, colours_of(colours)(scale(attribution.map))[..., :3])
        panel.set_title(_TITLES[attribution.method], fontsize=10)
        bar = panel_at(column, high + 0.1, 0.09)
        colour_scale = ScalarMappable(scale, colours_of(colours))
        figure.colorbar(colour_scale, cax=bar, orientation="horizontal").outline.set_visible(False)
        _label_ends(bar)
        overlay = panel_at(column, step_y)
        _picture(overlay, overlaid(image, attribution))
        overlay.text(
            0,
            -0.05,
            _says(attribution),
            transform=overlay.transAxes,
            va="top",
            fontsize=8,
            color=QUIET,
        )


def _check(image: NDArray[np.uint8], attributions: Sequence[Attribution]) -> None:
    if not attributions:
        raise InputError("there is no attribution to draw", "at least one")
    targets = {attribution.target for attribution in attributions}
    if len(targets) > 1:
        raise InputError(
            f"the attributions are for the classes {sorted(targets)}",
            "attributions for one class",
            "draw a figure for each class",
        )
    for attribution in attributions:
        if attribution.map.shape != image.shape[1:]:
            raise InputError(
                f"the map of {attribution.method} is {attribution.map.shape} and the image "
                f"{image.shape[1:]}",
                "maps (H, W) of the image's own size",
                "draw an attribution over the image it was made of",
            )


def _scale(attribution: Attribution) -> tuple[Normalize, str]:
    """Return the scale of one map: centred on zero where it is signed."""
    largest = float(np.abs(attribution.map).max()) or 1.0
    if attribution.signed:
        return CenteredNorm(0, largest), SIGNED
    return Normalize(0, largest), AMOUNT


def overlaid(image: NDArray[np.uint8], attribution: Attribution) -> NDArray[np.float64]:
    """Lay an attribution over the image it explains, as RGB.

    The image is grey, light and of low contrast; the map's colour covers it by the share of
    its largest absolute value, so that what does not matter stays uncoloured.

    Parameters
    ----------
    image : uint8 array (C, H, W)
        The explained image.
    attribution : Attribution
        Its attribution.

    Returns
    -------
    float64 array (H, W, 3)
        Colours, 0 to 1.
    """
    grey = as_rgb(image).mean(axis=2, keepdims=True)
    backdrop = 1 - BACKDROP + BACKDROP * grey
    strength = np.abs(attribution.map) / (np.abs(attribution.map).max() or 1.0)
    # one hue a sign: the light end of a colour map would vanish on the light image
    plus, minus = (np.array(to_rgb(TABLE["over_image"][sign])) for sign in ("plus", "minus"))
    colour = np.where(attribution.map[..., None] >= 0, plus, minus)
    covered = 0.9 * strength[..., None]
    rgb: NDArray[np.float64] = (1 - covered) * backdrop + covered * colour
    return rgb


def _picture(panel: Axes, rgb: NDArray[np.float64]) -> None:
    panel.imshow(rgb, interpolation="none")
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set(visible=True, color="#c4c9ce", linewidth=0.5)


def _label_ends(bar: Axes) -> None:
    """Write the numbers at both ends of a colour scale, and 0, without touching the next one's."""
    low, high = bar.get_xlim()
    values = sorted({low, 0.0, high})
    bar.set_xticks(values, [f"{value:.2g}" for value in values])
    bar.minorticks_off()
    bar.tick_params(labelsize=7.5, length=2)
    for label, value in zip(bar.get_xticklabels(), values, strict=True):
        label.set_horizontalalignment(
            "left" if value == low else "right" if value == high else "center"
        )


def _says(attribution: Attribution) -> str:
    window = "x".join(map(str, attribution.window or ()))
    text = _SAYS[attribution.method].format(layer=attribution.layer, window=window)
    if not attribution.map.any():
        text += "\nzero everywhere: nothing found"
    return text
