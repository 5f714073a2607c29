"""Tab completion for bash, zsh and fish: commands, options, and the names that exist here.

The shell asks `convlens --complete WORD...` at every tab, so only what is quick is loaded: names
come from file names; a command's options from a table that is made beforehand.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from convlens.cli import COMMANDS, OLD_NAMES, option_table
from convlens.foundation import atomic
from convlens.foundation.errors import InputError, nearest

SHELLS = ("bash", "zsh", "fish")

_SCRIPTS = {
    "bash": """_convlens() {
  local IFS=$'\\n'
  COMPREPLY=($(convlens --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  [ ${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o filenames -F _convlens convlens
""",
    "zsh": """#compdef convlens
_convlens() {
  local -a names
  names=("${(@f)$(convlens --complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$names" ]]; then compadd -- "${names[@]}"; else _files; fi
}
# from a file of fpath, the first tab runs all of this; from a script, it only declares
if [[ $funcstack[1] = _convlens ]]; then _convlens "$@"; else compdef _convlens convlens; fi
""",
    "fish": """function __convlens
  convlens --complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c convlens -a '(__convlens)'
""",
}


def script(shell: str | None) -> str:
    """Return the script that a shell runs to complete convlens."""
    return _SCRIPTS[_shell(shell)]


def install(shell: str | None) -> str:
    """Write the script where the shell reads it, and return what to tell: the file, what is left.

    zsh reads no folder of the user's by itself: the lines that make it do so are told, not written.
    """
    shell = _shell(shell)
    home = Path.home()
    places = {
        "bash": home / ".local/share/bash-completion/completions/convlens",
        "zsh": home / ".zfunc/_convlens",
        "fish": home / ".config/fish/completions/convlens.fish",
    }
    place = places[shell]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic.explain(error, place) from error
    atomic.write_text(place, _SCRIPTS[shell])
    if shell == "zsh":
        return (
            f"wrote {place}; zsh reads it with these two lines in ~/.zshrc (the first one before "
            "any other compinit), in a new shell:\n"
            "  fpath=(~/.zfunc $fpath)\n"
            "  autoload -Uz compinit && compinit"
        )
    return f"wrote {place}; open a new shell to use it"


def complete(words: Sequence[str]) -> list[str]:
    """Return the words that the last one can become; none where the shell should offer files.

    Parameters
    ----------
    words : sequence of str
        What stands after `convlens`, the last one unfinished, perhaps empty.
    """
    *before, word = words or [""]
    return sorted(name for name in _candidates(list(before), word) if name.startswith(word))


def _candidates(before: list[str], word: str) -> list[str]:
    if not before:
        return [*COMMANDS, "--help", "--version", "--debug", "--install-completion"]
    command = before[0] = OLD_NAMES.get(before[0], before[0])
    if command not in COMMANDS:
        return []
    if before[-1] in ("--recipe", "--data"):
        return _names(before[-1][2:])
    if before[-1] in ("--network", "--run"):
        return _names("published") if before[-1] == "--network" else _runs(before)
    if word.startswith("-"):
        return _options(before)
    inner = _inner(command)
    if inner and len(before) == 1:
        return inner
    if command in ("shapes", "train", "compare-engines"):
        return [*_names("zoo"), *_names("published")]
    if command in ("data", "weights"):
        return _names(command)
    if command in ("kernels", "pixels", "import"):
        return []
    return [*_runs(before), *(_names("zoo") if command in ("look", "export") else [])]


def _names(kind: str) -> list[str]:
    """Return the names of networks, recipes or data sets: those of the files that hold them."""
    package = Path(__file__).parents[1]
    folders = {
        "zoo": "network/zoo",
        "published": "network/zoo/published",
        "recipe": "training/recipes",
        "data": "data/sets",
        "weights": "weights/published",
    }
    return [path.stem for path in (package / folders[kind]).glob("*.toml")]


def _runs(before: list[str]) -> list[str]:
    root = os.environ.get("CONVLENS_RUNS") or "runs"
    if "--runs" in before[:-1]:
        root = before[before.index("--runs") + 1]
    try:
        folders = [entry.name for entry in os.scandir(root) if entry.name[0] != "."]
    except OSError:
        return ["last"]
    return ["last", *(name for name in folders if (Path(root) / name / "status.json").is_file())]


def _inner(command: str) -> list[str]:
    """Return the subcommands of a command, or the studies or lessons that it names."""
    if command == "study":
        from convlens.studies import STUDIES

        return list(STUDIES)
    if command == "lesson":
        from convlens.lessons import LESSONS

        return list(LESSONS)
    return [key.partition(" ")[2] for key in option_table.read() if key.startswith(f"{command} ")]


def _options(before: list[str]) -> list[str]:
    """Return the options of a command, or of its subcommand where one is named."""
    table = option_table.read()
    return table.get(" ".join(before[:2]), table[before[0]])


def _shell(name: str | None) -> str:
    name = name or Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise InputError(
            f'completion is not made for "{name}"{nearest(name, SHELLS)}',
            "bash, zsh or fish",
            "name the shell: convlens --show-completion bash",
        )
    return name
