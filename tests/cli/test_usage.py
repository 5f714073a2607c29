"""Mistakes on the command line itself have the form of every other error."""

from __future__ import annotations

import json

import pytest

from cli.test_cli import convlens, fail


@pytest.mark.parametrize(
    ("arguments", "what", "expected"),
    [
        ("train --seed nan", "--seed is 'nan'", "a whole number"),
        ("train --lr=fast", "--lr is 'fast'", "a number"),
        ("train --epoch 3", 'no option --epoch, did you mean "--epochs"?', "one of --data"),
        ("train --epochs", "--epochs stands without its value", "--epochs and a value"),
        ("predict -x", "no option -x", "one of"),
        ("serve --port 99999", "--port is '99999'", "from 0 to 65535"),
        ("look", "RUN|NET is missing", "a value"),
        ("doctor x", "unexpected extra argument", "as its help shows them"),
        ("data foo", "no such command 'foo'", "as its help shows them"),
    ],
)
def test_a_mistake_of_usage_has_three_parts(arguments: str, what: str, expected: str) -> None:
    first, second, third = fail(*arguments.split()).splitlines()
    assert what in first
    assert second.startswith("  expected: ")
    assert expected in second
    assert third.startswith("  to do: ")
    assert "--help" in third


def test_a_mistake_of_usage_is_json_too() -> None:
    done = convlens("train", "--seed", "nan", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["what"] == "--seed is 'nan'"


def test_a_long_path_is_echoed_without_its_middle() -> None:
    told = fail("shapes", "x" * 100_000 + ".toml")
    assert "characters ...]" in told
    assert len(told) < 1000


def test_a_name_cannot_move_the_cursor() -> None:
    assert "\x1b" not in fail("shapes", "a\x1b[2Jb.toml")


def test_an_empty_name_is_refused_before_training() -> None:
    assert '"" cannot name a run' in fail("train", "--name", "")


def test_a_size_that_the_data_has_not_is_told() -> None:
    told = fail("train", "--input", "3,32,32")
    assert "images of one size, 1x28x28, and 3x32x32 was asked for" in told
    assert "one size" in fail("data", "show", "digits-5k", "--input", "3,32,32")
