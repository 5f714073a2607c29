"""The command line: each command parses, calls and prints, in a file of its own.

Nothing heavy is on the way to `convlens --help`: a command's module is imported when it runs.
Exit codes: 0 done, 1 the run failed, 2 the input is at fault, 130 and 143 after a signal.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from importlib import import_module

from convlens.foundation.errors import ConvlensError, InputError, StorageError, nearest

GROUPS = {
    "Networks and data": {
        "shapes": "Show every layer's shapes, parameters, cost and receptive field.",
        "zoo": "List the named networks.",
        "weights": "List, show and download published weights.",
        "data": "List, get, show and check data sets.",
    },
    "Training": {
        "train": "Train a network; with no arguments, on the embedded real digits.",
        "watch": "Follow a training that another process does.",
        "runs": "List, delete and rename the runs; show their metrics.",
        "report": "Write a run's HTML report again.",
    },
    "Measuring": {
        "evaluate": "Measure a run on its test set, or on other data.",
        "compare": "Compare runs: what differed and what came out.",
        "study": "Measure what a setting costs and gives: batch size, rate, width, threads, ...",
    },
    "Looking inside": {
        "predict": "Classify images with a run.",
        "pixels": "Show the numbers that an image is made of.",
        "kernels": "Apply fixed kernels to an image, or show those that a run has learned.",
        "look": "Show what a network computes on an image, from pixels to the answer.",
        "top-images": "Show a layer's top activating images, and feature visualizations.",
        "check-attributions": "Measure which attributions to believe: sanity checks, deletion.",
        "lesson": "Run a lesson: something true about CNNs, computed and drawn.",
    },
    "Import, export, serve": {
        "import": "Bring in a network that convlens did not train.",
        "export": "Write a model for ONNX, PyTorch or Keras, or as plain code that trains it.",
        "serve": "Serve runs over HTTP: the explorer page and an API.",
        "publish": "Write a run as a static site that runs the model in the browser.",
    },
    "This machine": {
        "compare-engines": "Compare each engine's numbers with the reference, layer by layer.",
        "doctor": "Show versions, devices and threads.",
    },
}
"""Each command with its sentence, in the groups that `convlens --help` shows."""

COMMANDS = {name: what for group in GROUPS.values() for name, what in group.items()}

OLD_NAMES = {
    "agree": "compare-engines",
    "excite": "top-images",
    "trust": "check-attributions",
}
"""What commands were called before. The old name works, with a line about the new one."""

SILENT = ("serve",)
"""Commands that never end show no progress."""

_HELP = """Usage: convlens [--version] [--debug] COMMAND [ARGUMENTS]...

  Build, train, measure and look inside image-classification CNNs.

Options:
  --version  Show the version and exit.
  --debug    Show a traceback with errors.
  --help     Show this message, or a command's own, and exit.
  --install-completion [SHELL]  Complete commands, options and names with the tab key.
  --show-completion [SHELL]     Print the script for that: bash, zsh or fish.

{commands}

  Start with: convlens train"""


def _run(arguments: list[str]) -> int:
    """Hand the arguments to their command; typer, too, is only loaded with one."""
    name = arguments[0] if arguments else "--help"
    if name in OLD_NAMES:
        new = OLD_NAMES[name]
        print(f"convlens {name} is now called convlens {new}", file=sys.stderr, flush=True)
        name = new
    if name in ("--help", "-h"):
        print(_HELP.format(commands="\n\n".join(_group(title) for title in GROUPS)), flush=True)
    elif name == "--version":
        from convlens import __version__

        print(__version__, flush=True)
    elif name in ("--complete", "--show-completion", "--install-completion"):
        _complete(name, arguments[1:])
    elif name in COMMANDS:
        module = import_module(module_of(name))
        from convlens.cli import usage
        from convlens.foundation.progress import showing

        with showing(name not in SILENT):
            return usage.call(module.app, arguments[1:], f"convlens {name}")
    else:
        raise InputError(
            f'there is no command "{name}"{nearest(name, COMMANDS)}',
            "one of " + ", ".join(COMMANDS),
            "see convlens --help",
        )
    return 0


def module_of(command: str) -> str:
    """Return the module that has a command.

    >>> module_of("top-images"), module_of("import")
    ('convlens.cli.top_images', 'convlens.cli.import_')
    """
    # "import" is a word of Python's own
    return "convlens.cli." + ("import_" if command == "import" else command.replace("-", "_"))


def _group(title: str) -> str:
    """Return one group of commands as the help shows it."""
    width = max(map(len, COMMANDS)) + 2
    lines = (f"  {command:{width}}{what}" for command, what in GROUPS[title].items())
    return "\n".join([f"{title}:", *lines])


def _complete(name: str, arguments: list[str]) -> None:
    """Answer the shell's tab key, or give it the script that asks."""
    from convlens.cli import completion

    if name == "--complete":
        print("\n".join(completion.complete(arguments)), flush=True)
        return
    shell = arguments[0] if arguments else None
    if name == "--show-completion":
        print(completion.script(shell), end="", flush=True)
    else:
        print(completion.install(shell), flush=True)


def main() -> None:
    """Run the command line and exit with its code."""
    _prepare_channels()
    arguments = sys.argv[1:]
    # accepted anywhere: whoever needs it has just typed the rest of the line
    debug = "--debug" in arguments or bool(os.environ.get("CONVLENS_DEBUG"))
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk is found here, and not while Python ends
        sys.exit(code)
    except ConvlensError as error:
        if debug:
            raise
        _tell(error, arguments)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        _silence_output()  # the reader of our output has gone: nothing more can be said on it
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and _is_about_output(error):
            _silence_output()
            _tell(_no_output(error), [])
            sys.exit(1)
        what = f"internal error: {type(error).__name__}: {error}"
        fix = "run it again with --debug and report what it prints"
        _tell(ConvlensError(what, "no error", fix), arguments)
        sys.exit(1)


def _tell(error: ConvlensError, arguments: list[str]) -> None:
    """Print an error on stderr, and with `--json` on stdout too, with settings as options."""
    from convlens.cli import flags

    options = flags.of_command(arguments)
    if "--json" in arguments:
        parts = {"what": error.what, "expected": error.expected, "fix": error.fix}
        rendered = flags.in_options({**parts, **error.details()}, options)
        try:
            print(json.dumps({"error": {**rendered, "exit_code": error.exit_code}}), flush=True)
        except OSError:  # nobody can read it there; stderr says it too
            _silence_output()
    with contextlib.suppress(OSError):
        text = _printable(flags.as_options(str(error), options))
        print(f"error: {text}", file=sys.stderr, flush=True)


def _prepare_channels() -> None:
    """Let every character through in any locale, and discard what goes to a closed channel."""
    for channel in (sys.stdout, sys.stderr):
        if hasattr(channel, "reconfigure"):
            channel.reconfigure(errors="backslashreplace")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - open until the program ends


def _is_about_output(error: OSError) -> bool:
    """Tell whether standard output refused a text: every other write names its file."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
    return error.filename is None and error.errno in full


def _silence_output() -> None:
    """Let standard output lead nowhere, so that Python can end without another error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _no_output(error: OSError) -> StorageError:
    return StorageError(
        f"standard output cannot be written: {error.strerror}",
        "a file, a pipe or a terminal that takes the result",
        "send it elsewhere; what the command wrote into files is whole",
    )


def _printable(text: str) -> str:
    """Return a message in which a name cannot move the cursor or colour the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
