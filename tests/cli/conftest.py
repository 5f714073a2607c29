"""The program run in this process: a start of its own costs seconds, and few tests need one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from convlens import cli


class Program:
    """The program's own `main`: arguments in; exit code, stdout and stderr out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        """Return what stdout said, decoded where it is JSON; stderr where it must fail."""
        self.monkeypatch.setattr(sys, "argv", ["convlens", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = self.capsys.readouterr()
        self.out, self.err = told.out, told.err
        assert (ended.value.code or 0) == code, told.err
        assert "Traceback" not in told.err
        if code:
            return told.err
        return json.loads(told.out) if "--json" in arguments else told.out


@pytest.fixture
def convlens(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """The program in the folder that the test module calls `place`."""
    monkeypatch.chdir(place)
    return Program(monkeypatch, capsys)
