"""Tab completion: what the shells ask, what they are answered, and how quickly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convlens.cli import COMMANDS, OLD_NAMES, completion, option_table
from convlens.foundation.errors import InputError
from convlens.network import zoo


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
        (("weights", ""), ["get", "list", "show"]),
        (("weights", "show", "resnet50-"), ["resnet50-v1", "resnet50-v2"]),
        (("predict", "--network", "efficientnet-lite0"), ["efficientnet-lite0"]),
        (("data", "g"), ["get"]),
        (("nothing", "x"), []),
    ],
)
def test_words_are_completed_by_what_exists(
    place: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], names: list[str]
) -> None:
    monkeypatch.chdir(place)
    assert completion.complete(words) == names


def test_an_empty_word_lists_all_commands_and_networks() -> None:
    offered = completion.complete([""])
    assert set(COMMANDS) <= set(offered)
    assert not set(OLD_NAMES) & set(offered)
    assert completion.complete(["excite", "--lay"]) == ["--layer"]
    assert set(zoo.names()) <= set(completion.complete(["shapes", ""]))


def test_the_scripts_are_shown_and_installed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place))
    for shell in ("bash", "zsh", "fish"):
        script = completion.script(shell)
        assert "convlens --complete" in script
        told = completion.install(shell)
        assert Path(told.split(";")[0].removeprefix("wrote ")).read_text() == script
        assert ("fpath=(~/.zfunc $fpath)" in told) == (shell == "zsh")
    with pytest.raises(InputError, match="tcsh"):
        completion.script("tcsh")


@pytest.fixture
def program(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command as the shells find it, with a home of its own."""
    program = place / "convlens"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m convlens "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.chdir(place)
    return program


def answer(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_bash_completes_with_its_script(program: Path) -> None:
    ask = (
        'eval "$(convlens --show-completion bash)"; '
        'COMP_WORDS=(convlens predict my-r); COMP_CWORD=2; _convlens; echo "${COMPREPLY[@]}"'
    )
    assert answer("bash", "-c", ask) == "my-run"


def test_zsh_completes_with_its_script(program: Path) -> None:
    completion.install("zsh")
    ask = (
        "fpath=(~/.zfunc $fpath); autoload -Uz compinit && compinit -u; "
        "compadd() { shift; print -r -- $@ }; words=(convlens predict my-r); CURRENT=3; "
        "print -r -- $_comps[convlens]; _convlens"
    )
    assert answer("zsh", "-f", "-c", ask).split() == ["_convlens", "my-run"]


def test_the_script_for_zsh_can_also_be_evaluated(program: Path) -> None:
    ask = (
        'autoload -Uz compinit && compinit -u; eval "$(convlens --show-completion zsh)"; '
        "print -r -- $_comps[convlens]"
    )
    assert answer("zsh", "-f", "-c", ask) == "_convlens"


def test_fish_completes_with_its_script(program: Path) -> None:
    completion.install("fish")
    assert answer("fish", "-c", 'complete -C "convlens predict my-r"') == "my-run"


def test_the_table_of_options_is_up_to_date() -> None:
    table = option_table.as_text(option_table.declared())
    assert option_table.FILE.read_text() == table, "run python -m convlens.cli.option_table"


def test_options_are_completed_without_loading_their_command(place: Path) -> None:
    code = (
        "import sys; from convlens.cli import completion; "
        "print(completion.complete(['train', '--recipe', 'mnist-f']), "
        "completion.complete(['runs', 'metrics', '--cs']), {'typer', 'numpy'} & set(sys.modules))"
    )
    assert answer(sys.executable, "-c", code) == "['mnist-fast'] ['--csv'] set()"
