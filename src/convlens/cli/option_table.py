"""The options of each command in a file, for tab completion, which has no time to load commands.

`python -m convlens.cli.option_table` writes the file again; a test says when it is out of date.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from convlens.cli import COMMANDS, module_of
from convlens.foundation import atomic

FILE = Path(__file__).with_name("option_table.json")


def read() -> dict[str, list[str]]:
    """Return the options by command; subcommands are `runs delete`, `data show`, ..."""
    table: dict[str, list[str]] = json.loads(FILE.read_text("utf-8"))
    return table


def declared() -> dict[str, list[str]]:
    """Return the same from the commands' own declarations, all of which are loaded."""
    from typer.main import get_command

    table: dict[str, list[str]] = {}
    for name in COMMANDS:
        command: Any = get_command(import_module(module_of(name)).app)
        table[name] = _options(command)
        for inner, subcommand in getattr(command, "commands", {}).items():
            table[f"{name} {inner}"] = _options(subcommand)
    return table


def as_text(table: dict[str, list[str]]) -> str:
    """Return a table as the file has it."""
    return json.dumps(table, indent=1) + "\n"


def _options(command: Any) -> list[str]:
    named = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    options = [name for parameter in named for name in (*parameter.opts, *parameter.secondary_opts)]
    return [*(name for name in options if name.startswith("--")), "--help"]


if __name__ == "__main__":
    atomic.write_text(FILE, as_text(declared()))
