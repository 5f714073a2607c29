"""Find the top activating images of a layer's maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convlens.api.opening import Source, open_with_data
from convlens.data.arrays import InMemory
from convlens.foundation.progress import shown, stage
from convlens.foundation.spelling import renamed

if TYPE_CHECKING:
    from convlens.inside.top_images import TopImages


@renamed(reference="run", root="runs")
@shown
def top_images(
    run: Source = "last",
    data: str | Path | InMemory | None = None,
    *,
    layer: str | None = None,
    maps: Sequence[int] | None = None,
    top: int = 9,
    classes: Sequence[str] = (),
    split: str = "train",
    maximise: bool = True,
    seed: int = 0,
    runs: str | Path | None = None,
    on_progress: Callable[[str], None] = stage,
    progress: bool | None = None,
) -> TopImages:
    """Find the top activating images of a layer: see `inside.top_images.top_images`.

    Parameters
    ----------
    run, runs, data
        The run that has the layer, and its images: see `open_with_data`.
    layer, maps, top, classes, split, maximise, seed, on_progress
        See `convlens.inside.top_images.top_images`.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Returns
    -------
    TopImages
        `convlens.report.top_images_page` makes a page of it.

    Raises
    ------
    InputError
        Where there is no such layer, map, class or split; names the nearest.
    RunError
        Where there is no such run, or it has no weights.
    DataError
        Where the data cannot be read, or has other classes than the run.
    """
    subject, dataset = open_with_data(run, runs, data)
    from convlens.inside import top_images as search

    return search.top_images(
        subject,
        dataset,
        layer=layer,
        maps=maps,
        top=top,
        classes=classes,
        split=split,
        maximise=maximise,
        seed=seed,
        on_progress=on_progress,
    )
