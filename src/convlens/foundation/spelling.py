"""Old names of arguments and functions: still accepted, with a warning that has the new name.

What is renamed stays valid, so that scripts and notebooks go on working; `docs/decisions/0022`
has the names.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from convlens.foundation.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

_HERE = str(Path(__file__).parents[1])


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function accept keywords by their old names.

    Parameters
    ----------
    **names : str
        New name by old name.

    Examples
    --------
    >>> @renamed(root="runs")
    ... def show(runs): return runs
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     show(root="old"), str(said[0].message)
    ('old', 'show: root is now called runs')
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old in names.keys() & kwargs.keys():
                new = names[old]
                if new in kwargs:
                    raise InputError(
                        f"{function.__name__} came with {old} and {new}, which are the same",
                        "one of them",
                        f"leave {old} out: it is the old name",
                    )
                say(f"{function.__name__}: {old} is now called {new}")
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


def say(text: str) -> None:
    """Warn about an old spelling, at the line outside convlens that has it."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, DeprecationWarning, stacklevel=level)
