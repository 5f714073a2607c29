"""TOML and JSON of strangers: a value, or a ValueError in plain words."""

from __future__ import annotations

import pytest

from convlens.foundation.documents import check_values, parse_json, parse_toml

LONG = "9" * 5000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a = 1\nb = {LONG}", "line 2 holds a number of 5,000 digits"),
        (f"a = {'9' * 30}", "a is a whole number of more than 64 bits"),
        ("a = [{ b = 0xfffffffffffffffffff }]", r"a\[0\]\.b is a whole number"),
        ('a = "\\u0000"', "a holds a NUL"),
        ("a = " + "[" * 5000, "nested too deeply|Unclosed|Invalid"),
        ("a = 1\na = 2", "Cannot overwrite"),
    ],
)
def test_toml_that_nothing_can_use_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_toml(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"[{LONG}]", "5,000 digits"),
        ('{"a": 1, "a": 1}', 'the key "a" appears twice'),
        ("[" * 100_000, "nested too deeply"),
        ("NaN", "not JSON"),
        ('{"a": Infinity}', "not JSON"),
    ],
)
def test_json_that_nothing_can_use_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_half_characters_are_refused_where_a_text_is_meant() -> None:
    with pytest.raises(ValueError, match=r"layers\[1\]\.name holds half a character"):
        check_values({"layers": [1, {"name": "\ud800"}]})
    with pytest.raises(ValueError, match="a key of the document"):
        check_values({"\udfff": 1})
