"""Messages name settings; the command line shows them as the options of its command."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import convlens
from convlens.cli import flags
from convlens.foundation.errors import ConvlensError, InputError
from convlens.network import Network
from convlens.network.misfit import Limits

DEEP = '{"input": [1, 8, 8], "layers": [{"relu": true}, {"relu": true}, {"flatten": true}]}'


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convlens", *words], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`name`", "--name"),
        ("`input_shape=(1, 28, 28)`", "--input 1,28,28"),
        ("`allow_non_finite=True`", "--allow-non-finite"),
        ("`maximise=False`", "--no-maximise"),
        ("`out='my folder'`", "--out 'my folder'"),
        ("`data=PATH`", "--data PATH"),
        ("`classes`", "--class"),
        ("`top`", "`top`"),  # no option of this command
        ("`convlens evaluate RUN`", "`convlens evaluate RUN`"),
        ("`Evaluation.to_dict`", "`Evaluation.to_dict`"),
    ],
)
def test_a_setting_becomes_the_option_of_its_command(text: str, shown: str) -> None:
    options = "--name --input --allow-non-finite --maximise --no-maximise --out --data --class"
    assert flags.as_options(f"use {text}!", options.split()) == f"use {shown}!"


def test_options_are_those_of_the_command_that_runs_also_by_its_old_name() -> None:
    assert "--near" in flags.of_command(["data", "check", "photos"])
    assert "--layer" in flags.of_command(["excite", "last"])
    assert flags.of_command(["data", "--help"]) == ["--help"]
    assert flags.of_command(["nothing"]) == flags.of_command([]) == []


def test_one_limit_is_a_setting_in_python_and_an_option_of_the_command(tmp_path: Path) -> None:
    network = tmp_path / "deep.json"
    network.write_text(DEEP)
    with pytest.raises(ConvlensError, match=r"raise `limits.layers`"):
        Network.load(network).plan(limits=Limits(layers=2))
    done = command("shapes", str(network), "--max-layers", "2")
    assert "to do: raise --max-layers" in done.stderr
    told = json.loads(command("shapes", str(network), "--max-layers", "2", "--json").stdout)
    assert "raise --max-layers" in told["error"]["fix"]


WHOLE_COMMAND = re.compile(r"(convlens|pip install) [^;`]*")
OPTION = re.compile(r"(?<![\w-])--(?!force-reinstall|no-deps)[a-zX]")  # those are of pip


def texts(path: Path) -> Iterator[str]:
    """Yield what a module's strings hold but its docstrings and single words of a command."""
    tree = ast.parse(path.read_text("utf-8"))
    known = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):  # an f-string comes before its parts
        text = ""
        if isinstance(node, ast.JoinedStr):
            known.update(map(id, node.values))
            text = "".join(
                one.value if isinstance(one, ast.Constant) else "X" for one in node.values
            )
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in known
        ):
            text = node.value
        if " " in text.strip():
            yield text


def test_no_message_below_the_command_line_names_an_option() -> None:
    package = Path(convlens.__file__).parent
    naming = [
        f"{path.relative_to(package)}: {text}"
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] != "cli"
        for text in texts(path)
        if OPTION.search(WHOLE_COMMAND.sub("", text))
    ]
    assert not naming, "name the setting between backticks: `cli/flags.py` makes it an option"


def test_a_wrong_setting_of_a_training_is_named_by_python_and_by_its_option() -> None:
    with pytest.raises(InputError, match="`memory` is 'much'"):
        convlens.train(data="digits-5k", memory="much")
    assert "error: --memory is 'much'" in command("train", "--memory", "much").stderr
