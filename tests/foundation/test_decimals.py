"""Numbers for readers have no exponent where a person writes none, and stay the same number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convlens.foundation.decimals import LARGEST, SMALLEST, decimal_text


@given(st.floats(SMALLEST, LARGEST, exclude_max=True), st.integers(1, 9), st.sampled_from([1, -1]))
def test_no_exponent_is_written_and_the_number_stays(value: float, digits: int, sign: int) -> None:
    text = decimal_text(sign * value, digits)
    assert "e" not in text
    assert float(text.replace(",", "")) == float(f"{sign * value:.{digits}g}")


def test_what_is_smaller_or_larger_or_no_number_is_written_as_python_does() -> None:
    assert decimal_text(1e-12) == "1e-12"
    assert decimal_text(1e20) == "1e+20"
    assert decimal_text(float("inf")) == "inf"
    assert decimal_text(0.0) == "0"
