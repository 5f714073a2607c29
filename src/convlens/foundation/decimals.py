"""Numbers for readers: with the digits that count, and without an exponent.

`0.00001` is read at once by everybody; `1e-05` is read by programmers.
"""

from __future__ import annotations

from decimal import Decimal

SMALLEST, LARGEST = 1e-9, 1e15
"""Between these, in absolute value, a number is written without an exponent."""


def decimal_text(value: float, digits: int = 6) -> str:
    """Write a number with at most so many significant digits.

    Examples
    --------
    >>> decimal_text(1e-5), decimal_text(0.00054321, 2), decimal_text(0.1), decimal_text(40.0)
    ('0.00001', '0.00054', '0.1', '40')
    >>> decimal_text(1234567.0), decimal_text(-2.5e-20, 2), decimal_text(float("nan"))
    ('1,234,570', '-2.5e-20', 'nan')
    """
    text = f"{value:,.{digits}g}"
    if "e" in text and SMALLEST <= abs(value) < LARGEST:
        return f"{Decimal(text):,f}"
    return text
