"""The checks of a run's attributions as a folder: a page, and its two figures as SVG."""

from __future__ import annotations

from convlens.figures.attribution_checks import cascade_svg, faithfulness_svg
from convlens.inside.attribution_checks import PASSES_BELOW
from convlens.inside.verdict import AttributionChecks
from convlens.report.page import Drawing, Page, fill

CAVEATS = {
    "grad-cam": (
        "knows no more places than its layer has cells and stretches them over the image: an edge "
        "in the overlay is not an edge in the evidence. It drops what speaks against the class."
    ),
    "integrated-gradients": (
        "say nothing of a pixel that has the baseline's value, and resemble the image a little "
        "whatever was learned, because the pixel's distance to the baseline is a factor."
    ),
    "occlusion": (
        "finds nothing smaller than its window, misses evidence that is there twice, and covers "
        "images in ways that the network was never trained on."
    ),
    "saliency": (
        "says where a tiny change would move the score, not which pixels made it what it is."
    ),
}
"""What each method cannot claim; `docs/attribution.md` at length."""


def make_page(checks: AttributionChecks, command: str) -> Page:
    """Draw the two measurements, and write the page.

    Parameters
    ----------
    checks : AttributionChecks
        What `convlens.check_attributions` measured.
    command : str
        What to type to measure it again.

    Returns
    -------
    Page
        The HTML document, and SVG text by file name.
    """
    cascade = Drawing(
        "cascade",
        cascade_svg([verdict.cascade for verdict in checks.verdicts]),
        "From left to right more and more of what was learned is gone. A line that stays high "
        "belongs to a method that would have drawn much the same map without it.",
    )
    curves = Drawing(
        "deletion-insertion",
        faithfulness_svg([verdict.faithfulness for verdict in checks.verdicts]),
        "Above: the important pixels are taken away first, so a good method falls fast. Below: "
        "they are put back first into the blurred image, so a good method rises fast. Only the "
        "distance from the dashed line, a random order, means something.",
    )
    return fill(
        "attribution_checks.html.j2",
        {drawing.name: drawing.svg for drawing in (cascade, curves)},
        checks=checks,
        cascade=cascade,
        curves=curves,
        chance=checks.chance,
        limit=PASSES_BELOW,
        caveats={verdict.method: CAVEATS[verdict.method] for verdict in checks.verdicts},
        command=command,
    )
