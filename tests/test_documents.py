"""Every block of the documentation: Python runs as it stands, commands parse, quick ones run."""

from __future__ import annotations

import doctest
import io
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import typer
from PIL import Image

import convlens
from convlens.cli import COMMANDS, main, module_of

ROOT = Path(__file__).parents[1]
PAGES = {path.name: path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SLOW = {"README.md": "a whole training", "inside.md": "a whole data set through the network"}
QUICK = ("shapes", "pixels", "zoo", "runs", "kernels", "predict", "look")
"""Commands that are run as written, where all that they need is there."""


def blocks(page: str, language: str) -> list[str]:
    return [
        text for kind, text in BLOCK.findall(PAGES[page].read_text("utf-8")) if kind == language
    ]


def lines_of(page: str) -> list[tuple[str, list[str]]]:
    """Return each `$` line of a page with the lines that it is shown to print."""
    commands: list[tuple[str, list[str]]] = []
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            elif commands and line.strip():
                commands[-1][1].append(line)
    return commands


def words_of(line: str) -> list[list[str]]:
    """Return the commands of a line as words, without comments."""
    found: list[list[str]] = [[]]
    reader = shlex.shlex(line, posix=True, punctuation_chars=";")
    reader.whitespace_split = True
    for word in reader:
        if word == ";":
            found.append([])
        else:
            found[-1].append(word)
    return [words for words in found if words]


COMMAND_LINES = [
    pytest.param(page, words, id=f"{page}: {shlex.join(words)}")
    for page in PAGES
    for line, _ in lines_of(page)
    for words in words_of(line)
    if words[0] == "convlens"
]
PYTHON = [
    pytest.param(page, marks=[pytest.mark.slow] if page in SLOW else [], id=page)
    for page in PAGES
    if blocks(page, "python")
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the documentation names: a short run, pictures and an exported model."""
    folder = tmp_path_factory.mktemp("documents")
    convlens.train(
        "tutorial-torch", epochs=1, seed=0, runs=folder / "runs", name="first", record_kernels=1
    )
    digit = convlens.load_data("digits-5k").test.images[0, 0]
    for name in ("digit.png", "seven.png", "my-seven.jpg", "my-seven.png"):
        Image.fromarray(digit).save(folder / name)
    ramp = np.linspace(0, 255, 240 * 320 * 3).reshape(240, 320, 3).astype(np.uint8)
    Image.fromarray(ramp).save(folder / "photo.jpg")
    for block in blocks("networks.md", "toml"):
        if "Conv2D" in block:
            (folder / "mine.toml").write_text(block)
    convlens.export("last", runs=folder / "runs", out=folder / "model.onnx")
    return folder


@pytest.fixture
def there(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


def call(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Run a command in this process; return its exit code, and all that it printed."""
    printed = io.StringIO()
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setenv("COLUMNS", "200")
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0), printed.getvalue()
    return 0, printed.getvalue()


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Parse a command's words, and its subcommand's, without running it."""
    with command.make_context(str(command.name), list(words), parent=parent) as context:
        if isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            name, inner, left = command.resolve_command(context, rest)
            assert name is not None
            assert inner is not None
            parse(inner, left, context)


@pytest.mark.parametrize(("page", "words"), COMMAND_LINES)
def test_every_command_of_the_documentation_parses(page: str, words: list[str]) -> None:
    name, *rest = words[1:]
    assert name in COMMANDS
    module: Any = import_module(module_of(name))
    command: Any = typer.main.get_command(module.app)
    try:
        parse(command, rest)
    except Exception as error:  # typer may bring a click of its own, whose errors are others
        pytest.fail(f"{shlex.join(words)}: {getattr(error, 'message', error)}")


@pytest.mark.parametrize("page", PYTHON)
def test_the_python_of_a_page_runs_as_it_stands(page: str, there: Path) -> None:
    if page == "keras.md":
        pytest.importorskip("keras")
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, block in enumerate(blocks(page, "python")):
        with redirect_stdout(io.StringIO()):
            if block.lstrip().startswith(">>>"):
                test = doctest.DocTestParser().get_doctest(block, names, page, page, 0)
                results = doctest.DocTestRunner(verbose=False).run(test, clear_globs=False)
                assert results.attempted
                assert not results.failed
                names = test.globs
            else:
                exec(compile(block, f"{page}, block {number}", "exec"), names)
    assert len(names) > 2


SHOWN = [
    pytest.param(page, line, shown, id=f"{page}: {line[:60]}")
    for page in PAGES
    for line, shown in lines_of(page)
    if shown and line.startswith(tuple(f"convlens {name}" for name in QUICK))
]


@pytest.mark.parametrize(("page", "line", "shown"), SHOWN)
def test_a_command_prints_what_the_documentation_shows(
    page: str, line: str, shown: list[str], there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (words,) = words_of(line)
    _, printed = call(words, monkeypatch)
    lines = [" ".join(text.split()) for text in printed.splitlines() if text.strip()]
    for number, expected in enumerate(shown):
        if expected.strip() == "...":
            break
        pattern = re.escape(" ".join(expected.split())).replace(re.escape("..."), ".*")
        actual = lines[number] if number < len(lines) else ""
        assert re.fullmatch(pattern, actual), (expected, printed)


def is_quick(words: list[str]) -> bool:
    """Say whether a command takes a moment, and all that it names is in the folder."""
    missing = {"holiday.jpg", "my-network.toml"} & set(words)
    missing |= {word for word in words if word.isalpha() and word.isupper()}  # RUN, FILE, ...
    return words[1] in QUICK and not missing and (words[1] != "look" or "--cell" in words)


QUICK_LINES = [
    pytest.param(page, words, id=f"{page}: {shlex.join(words)}")
    for page in PAGES
    for line, _ in lines_of(page)
    for words in words_of(line)
    if words[0] == "convlens" and is_quick(words)
]


@pytest.mark.parametrize(("page", "words"), QUICK_LINES)
def test_a_quick_command_of_the_documentation_runs(
    page: str, words: list[str], there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, printed = call(words, monkeypatch)
    meant_to_fail = any(
        shown and shown[0].startswith("error:")
        for line, shown in lines_of(page)
        if words in words_of(line)
    )
    assert code == (2 if meant_to_fail else 0), printed
