"""Every error convlens raises on purpose.

A message has up to three parts, in this order: what is wrong and where, what was expected, and
what to do. The last one is left out where it would say nothing new. The command line prints the
parts and exits with `exit_code`: 2 when the user's input or configuration is at fault, 1 when the
run itself failed.

A message names a setting as Python writes it, between backticks: `` `epochs=1` ``. Where a command
has the setting as an option, the command line shows the option, `--epochs 1`
(`convlens.cli.flags`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any


class ConvlensError(Exception):
    """Base of the family: something convlens understands went wrong.

    Parameters
    ----------
    what : str
        What is wrong and where it is.
    expected : str
        What would have been right.
    fix : str
        What the reader can do about it. Empty where `expected` says it already.

    Examples
    --------
    >>> print(InputError("epochs is 0", "a whole number of at least 1", "use `epochs=1` or more"))
    epochs is 0
      expected: a whole number of at least 1
      to do: use `epochs=1` or more
    """

    exit_code = 1

    def __init__(self, what: str, expected: str = "", fix: str = "") -> None:
        self.what = shortened(what)
        self.expected = shortened(expected)
        self.fix = shortened(fix)
        super().__init__(self.what, self.expected, self.fix)

    def details(self) -> dict[str, Any]:
        """Return what programs may want to know beside the three parts, as plain JSON."""
        return {}

    def __str__(self) -> str:
        parts = [self.what]
        if self.expected:
            parts.append(f"  expected: {self.expected}")
        if self.fix:
            parts.append(f"  to do: {self.fix}")
        return "\n".join(parts)


class InputError(ConvlensError):
    """The user's input or configuration is wrong (exit code 2)."""

    exit_code = 2


class NetworkError(InputError):
    """A network description that cannot be read, or whose layers do not fit together."""


class RecipeError(InputError):
    """A training recipe with an unknown key or a value out of range."""


class DataError(InputError):
    """Images, labels or a data set that cannot be used."""


class ImageTooLarge(DataError):
    """An image of more pixels than are accepted: refused from its header."""


class RunError(InputError):
    """A run folder that is missing, damaged or in use."""


class WeightsError(InputError):
    """A weights file that is unsafe, damaged or made for another network."""


class MissingExtra(InputError, ImportError):
    """An optional dependency that this command needs is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages that are not installed",
            f'the extra "{extra}"',
            f'pip install "convlens[{extra}]"',
        )


class TrainingError(ConvlensError):
    """Training started and could not go on (exit code 1)."""


class WorkerError(ConvlensError):
    """A process that decodes images ended or failed before its work was done (exit code 1)."""


class Interrupted(ConvlensError):
    """A signal ended the work after everything was saved (exit code 128 + signal number)."""

    def __init__(self, what: str, expected: str, fix: str, signal_number: int) -> None:
        super().__init__(what, expected, fix)
        self.exit_code = 128 + signal_number


class DownloadError(ConvlensError):
    """No mirror gave a file that was asked for (exit code 1); says how to get it by hand."""


class ExportError(ConvlensError):
    """An exported model does not compute what the original does (exit code 1)."""


class StorageError(ConvlensError):
    """A file could not be written, though the request was right (exit code 1)."""


MOST_WORD, MOST_TEXT = 320, 6_000
"""Most characters of one word, such as a path, and of one part of a message."""

_LONG_WORD = re.compile(rf"\S{{{MOST_WORD + 1},}}")


def shortened(text: str) -> str:
    """Return a part of a message without the middle of what is too long to be read.

    Messages echo what they are about: a path, a name, a value. Whoever wrote those chose their
    length.

    Examples
    --------
    >>> len(shortened("there is no " + "x" * 100_000))
    299
    """
    text = _LONG_WORD.sub(lambda word: _without_middle(word[0], MOST_WORD), text)
    return _without_middle(text, MOST_TEXT)


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    kept = most - 60
    return (
        f"{text[: kept * 3 // 4]}[... {len(text) - kept:,} characters ...]"
        f"{text[len(text) - (kept - kept * 3 // 4) :]}"
    )


def quote(name: str) -> str:
    r"""Show a name from an untrusted file: short, and without control characters.

    Examples
    --------
    >>> print(quote("0.weight"), quote("line" + chr(10)))
    "0.weight" "line\n"
    """
    return json.dumps(name[:60])


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean "..."?` for the closest known word, or an empty string.

    Initials count as close: `lr` means `learning_rate`.

    Examples
    --------
    >>> nearest("kernal", ["kernel", "stride"])
    ', did you mean "kernel"?'
    >>> nearest("lr", ["kernel", "learning_rate"])
    ', did you mean "learning_rate"?'
    >>> nearest("xyz", ["kernel", "stride"])
    ''
    """
    import difflib  # takes a tenth of `import convlens`, and only a mistake needs it

    known = list(known)
    if len(word) > MOST_WORD:  # comparing takes the square of the length
        return ""
    close = difflib.get_close_matches(word, known, n=1)
    close += [name for name in known if "".join(part[:1] for part in name.split("_")) == word]
    return f', did you mean "{close[0]}"?' if close else ""


_PUBLIC = tuple(
    value
    for value in list(vars().values())
    if isinstance(value, type) and issubclass(value, ConvlensError)
)
for _error in _PUBLIC:
    _error.__module__ = "convlens"  # tracebacks name them as users import them
