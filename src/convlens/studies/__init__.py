"""Studies: what a setting costs and gives on the user's own machine, measured and drawn.

Each study is a list of small deterministic trainings. What a trial found is kept in the study's
folder at once, so that an interrupted study goes on where it stopped. Studies see training and
validation images only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convlens.studies.conduct import Done

__all__ = ["STUDIES", "run"]

STUDIES = {
    "batch-size": "What a mini-batch costs and gives, from batch 1 up to what fits.",
    "learning-rate": "A range test with a suggested rate, checked by short trainings.",
    "width": "Filters and features scaled: parameters, time, accuracy over seeds.",
    "depth": "Convolution blocks repeated: parameters, time, accuracy over seeds.",
    "precision": "float32 and bfloat16, contiguous and channels_last.",
    "threads": "From one thread to all cores, each in a process of its own.",
    "ablation": "Each ingredient of a recipe removed in turn, over seeds.",
}


def run(name: str, **settings: Any) -> Done:
    """Do a study, or continue one that was interrupted, and write its folder.

    Parameters
    ----------
    name : str
        One of `STUDIES`.
    **settings
        `network`, `data`, `recipe` and `device` as for `convlens.train`; `changes`, a dictionary
        of values of the recipe to change; `out`, the study's folder; `on_progress`, a function
        that receives a line per trial.

    Returns
    -------
    Done
        Its `findings`, its `folder` and the `files` in it.

    Raises
    ------
    Interrupted
        After a signal; the same call continues the study.
    InputError
        What is wrong with the settings, before anything is trained.

    Examples
    --------
    >>> STUDIES["width"]
    'Filters and features scaled: parameters, time, accuracy over seeds.'
    >>> done = run("width", data="digits-5k")  # doctest: +SKIP
    """
    # PyTorch is imported here and not before, so that the studies are listed at once
    from convlens.studies import conduct

    return conduct.run(name, **settings)
