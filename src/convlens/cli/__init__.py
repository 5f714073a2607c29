"""The command line: each command parses, calls and prints, in a file of its own.

Nothing heavy is on the way to `convlens --help`: a command's module is imported when it runs.
Exit codes: 0 done, 1 the run failed, 2 the input is at fault, 130 and 143 after a signal.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from convlens.errors import ConvlensError

COMMANDS = {
    "shapes": "Show every layer's shapes, parameters, cost and receptive field.",
    "zoo": "List the named networks.",
    "data": "List and show data sets.",
    "train": "Train a network; with no arguments, on the embedded real digits.",
    "evaluate": "Measure a run on its test set, or on other data.",
    "predict": "Classify images with a run.",
    "pixels": "Show an image as the matrix of numbers that a computer sees.",
    "kernels": "Apply fixed kernels to an image, or show those that a run has learned.",
    "look": "Show what a network computes on an image, from pixels to the answer.",
    "excite": "Show what excites a layer's maps most, in a run's images and in made ones.",
    "trust": "Measure which attributions to believe on a run.",
    "report": "Write a run's HTML report again.",
    "export": "Write a model for ONNX, PyTorch or Keras, or as plain code that trains it.",
    "import": "Bring in a network that convlens did not train.",
    "compare": "Compare runs: what differed and what came out.",
    "runs": "List the runs.",
    "lesson": "Run a lesson: something true about CNNs, computed and drawn.",
    "doctor": "Show versions, devices and threads.",
}


class _Commands(TyperGroup):
    """A group that imports a command only when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, name: str) -> Any:
        if name not in COMMANDS:
            return None
        file = "import_" if name == "import" else name  # a word that Python keeps
        command = typer.main.get_command(import_module(f"convlens.cli.{file}").app)
        command.name = name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        from convlens.errors import InputError, nearest

        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise InputError(
                f'there is no command "{args[0]}"{nearest(args[0], COMMANDS)}',
                "one of " + ", ".join(COMMANDS),
                "see convlens --help",
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    name="convlens",
    help="Build, train, measure and look inside image-classification CNNs.",
    epilog="Start with: convlens train",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _main(
    version: bool = typer.Option(False, "--version", help="Show the version and exit."),
    debug: bool = typer.Option(False, "--debug", help="Show a traceback with errors."),
) -> None:
    if version:
        from convlens import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    # accepted anywhere: whoever needs it has just typed the rest of the line
    debug = "--debug" in arguments or bool(os.environ.get("CONVLENS_DEBUG"))
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        app(args=arguments, prog_name="convlens")
    except ConvlensError as error:
        if debug:
            raise
        _tell(error, as_json="--json" in arguments)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # the reader of our output has gone; nothing more can be said on it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        what = f"internal error: {type(error).__name__}: {error}"
        fix = "run it again with --debug and report what it prints"
        _tell(ConvlensError(what, "no error", fix), as_json="--json" in arguments)
        sys.exit(1)


def _tell(error: ConvlensError, *, as_json: bool) -> None:
    if as_json:
        parts = {"what": error.what, "expected": error.expected, "fix": error.fix}
        typer.echo(json.dumps({"error": {**parts, "exit_code": error.exit_code}}))
    typer.echo(f"error: {error}", err=True)
