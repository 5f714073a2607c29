"""Tab completion: what the shells ask, what they are answered, and how quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from convlens import zoo
from convlens.cli import COMMANDS, completion
from convlens.errors import InputError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("my-run", "my-other"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "status.json").write_text('{"state": "finished"}')
    (tmp_path / "runs" / "no-run").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("ev",), ["evaluate"]),
        (("train", "lenet"), ["lenet-5"]),
        (("train", "--recipe", "mnist-"), ["mnist-best", "mnist-fast", "mnist-small"]),
        (("train", "--data", "fashion"), ["fashion-mnist"]),
        (("train", "--learning"), ["--learning-rate"]),
        (("train", "--lr"), []),
        (("predict", "my"), ["my-other", "my-run"]),
        (("kernels", "--run", "my-r"), ["my-run"]),
        (("runs", "re"), ["rename"]),
        (("runs", "delete", "my-r"), ["my-run"]),
        (("runs", "metrics", "--cs"), ["--csv"]),
        (("lesson", "xo"), ["xor"]),
        (("study", "batch"), ["batch-size"]),
        (("nothing", "x"), []),
    ],
)
def test_words_are_completed_by_what_exists(
    place: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], names: list[str]
) -> None:
    monkeypatch.chdir(place)
    assert completion.complete(words) == names


def test_an_empty_word_lists_all_commands_and_networks() -> None:
    assert set(COMMANDS) <= set(completion.complete([""]))
    assert set(zoo.names()) <= set(completion.complete(["shapes", ""]))


def test_the_scripts_are_shown_and_installed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place))
    for shell in ("bash", "zsh", "fish"):
        script = completion.script(shell)
        assert "convlens --complete" in script
        assert completion.install(shell).read_text() == script
    with pytest.raises(InputError, match="tcsh"):
        completion.script("tcsh")


def test_bash_completes_with_its_script(place: Path) -> None:
    program = place / "convlens"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m convlens "$@"\n')
    program.chmod(0o755)
    ask = (
        f'PATH={place}:$PATH; eval "$(convlens --show-completion bash)"; '
        'COMP_WORDS=(convlens predict my-r); COMP_CWORD=2; _convlens; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", ask], cwd=place, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "my-run"
