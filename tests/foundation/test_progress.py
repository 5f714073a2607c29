"""Long work says how far it is; short work, and work that nobody shows, says nothing."""

from __future__ import annotations

import time

import pytest

from convlens.foundation.progress import display as drawing
from convlens.foundation.progress import showing, shown, stage, track


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "SILENT_SECONDS", 0.0)


def test_nothing_is_said_where_nobody_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), "things done")) == [0, 1, 2]
    stage("working")
    with showing():  # stderr is no terminal here
        list(track(range(3), "things done"))
    assert capsys.readouterr() == ("", "")


def test_work_under_a_second_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with showing(True):
        list(track(range(100), "things done"))
    assert capsys.readouterr() == ("", "")


def test_plain_lines_on_stderr_where_it_is_no_terminal(
    quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drawing, "_LINE_SECONDS", 0.0)
    with showing(True):
        stage("conv1")
        for _ in track(range(2), "methods judged"):
            for _ in track(range(4), "images explained"):
                time.sleep(0.001)
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert lines[0] == "conv1"
    assert "conv1: 1 of 2 methods judged, 2 of 4 images explained" in told.err
    assert "\x1b" not in told.err
    assert "\r" not in told.err


def test_false_silences_also_inside_of_what_is_shown(
    quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    @shown
    def work(progress: bool | None = None) -> None:
        list(track(range(3), "things done"))

    with showing(True), showing(False):
        list(track(range(3), "things done"))
    work(progress=False)
    assert capsys.readouterr().err == ""
    work(progress=True)
    assert "things done" in capsys.readouterr().err


def test_a_loop_that_is_left_early_is_forgotten(quick: None) -> None:
    display = drawing.Display()
    outer = display.begin("maps", 2)
    display.begin("images", 5)
    display.end(outer)
    assert display.tasks == []
    assert display.fraction() is None


def test_a_loop_of_one_turn_says_nothing(quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    with showing(True):
        list(track(range(1), "images looked at"))
        assert capsys.readouterr() == ("", "")
        list(track(range(2), "images looked at"))
    assert "images looked at" in capsys.readouterr().err


def test_what_has_not_begun_is_not_counted(
    quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drawing, "_LINE_SECONDS", 0.0)
    with showing(True):
        for _ in track(range(1), "images looked at"):
            stage("image 1")
            list(track(iter("ab"), "batches computed"))
    lines = capsys.readouterr().err.splitlines()
    assert "image 1: 1 batches computed" in lines
    assert not any(line.startswith("0") or " 0 " in line for line in lines)
