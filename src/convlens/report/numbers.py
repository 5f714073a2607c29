"""How numbers are written for readers. Anything that is not a number comes out as it is.

A run folder is read from disk, where a field may be missing or hold nonsense; a report
shows a dash or the text then, and never fails over it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

from jinja2 import Undefined
from markupsafe import Markup, escape

from convlens.foundation.decimals import decimal_text

MISSING = "–"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def text(value: object) -> str:
    """Write any value on one line.

    >>> text([1, 28, 28]), text(True), text({"flip": False, "shift": 0.1}), text(None), text(1e-5)
    ('1, 28, 28', 'yes', 'flip no, shift 0.1', '–', '0.00001')
    """
    if value is None or value == "" or isinstance(value, Undefined):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return decimal_text(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value)) or MISSING
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text(inner)}" for key, inner in value.items()) or MISSING
    return str(value)


def whole(value: object) -> str:
    """Write a count.

    >>> whole(18816), whole(None)
    ('18,816', '–')
    """
    number = _number(value)
    return text(value) if number is None else f"{number:,.0f}"


def short(value: object) -> str:
    """Write a large count with three digits and a unit.

    >>> short(950), short(31_810), short(1_254_400), short(999_999)
    ('950', '31.8 k', '1.25 M', '1 M')
    """
    number = _number(value)
    if number is None:
        return text(value)
    if abs(number) < 1000:
        return f"{number:.0f}"
    for size, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")):
        # 999,999 is "1 M", not "1e+03 k"
        if abs(number) < 999.5 * size or unit == "T":
            break
    return f"{number / size:.3g} {unit}"


def percent(value: object, digits: int = 2) -> str:
    """Write a share.

    >>> percent(0.9893), percent(0.5, 0), percent(None)
    ('98.93%', '50%', '–')
    """
    number = _number(value)
    return text(value) if number is None else f"{100 * number:.{digits}f}%"


def decimal(value: object, digits: int = 4) -> str:
    """Write a number such as a loss.

    >>> decimal(0.03661), decimal("<b>"), decimal(-0.001, 2)
    ('0.0366', '<b>', '0.00')
    """
    number = _number(value)
    return text(value) if number is None else f"{number:z.{digits}f}"


def duration(value: object) -> str:
    """Write seconds.

    >>> duration(4.21), duration(83), duration(7384)
    ('4.2 s', '1 min 23 s', '2 h 3 min')
    """
    number = _number(value)
    if number is None:
        return text(value)
    if number < 60:
        return f"{number:.1f} s"
    minutes, seconds = divmod(round(number), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(value: object) -> str:
    """Write bytes.

    >>> size(96_000), size(3 * 2**20)
    ('93.8 KiB', '3.0 MiB')
    """
    number = _number(value)
    if number is None:
        return text(value)
    power, unit = next(
        (pair for pair in ((1, "KiB"), (2, "MiB")) if number < 1024 ** (pair[0] + 1)), (3, "GiB")
    )
    return f"{number / 1024**power:,.1f} {unit}"


def shape(value: object) -> str:
    """Write a shape.

    >>> shape((32, 26, 26)), shape([10])
    ('32 × 26 × 26', '10')
    """
    return " × ".join(map(text, value)) if isinstance(value, list | tuple) else text(value)


def moment(value: object) -> str:
    """Write an ISO 8601 time as people do.

    >>> moment("2026-01-31T09:30:12.250+00:00"), moment("soon")
    ('2026-01-31 09:30 UTC', 'soon')
    """
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return text(value)
    return f"{time:%Y-%m-%d %H:%M} {time.tzname() or ''}".rstrip()


_HYPHENS = re.compile(r"--?\w+(?:-\w+)*|\w+(?:-\w+)+")
_LONGEST_WHOLE = 24
"""Characters; longer words may need to be broken on a phone."""


def unbroken(value: object) -> Markup:
    """Keep options and words with hyphens on one line; a page would break them at the hyphen.

    >>> unbroken("grad-cam & --seed 0")
    Markup('<span class="whole">grad-cam</span> &amp; <span class="whole">--seed</span> 0')
    """

    def kept(word: re.Match[str]) -> str:
        whole = len(word[0]) <= _LONGEST_WHOLE
        return f'<span class="whole">{word[0]}</span>' if whole else word[0]

    return Markup(_HYPHENS.sub(kept, str(escape(text(value)))))  # noqa: S704 - escaped
