"""Options that several commands share, and how results are printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tomli
import typer

from convlens.foundation.documents import check_text, parse_toml
from convlens.foundation.errors import InputError, RecipeError

if TYPE_CHECKING:
    from convlens.runs import Run

T = TypeVar("T")

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")
]
RunsRoot = Annotated[
    str | None,
    typer.Option("--runs", help="Folder of the runs; default $CONVLENS_RUNS or ./runs."),
]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run: its folder, its name, or last.")
]
Device = Annotated[str, typer.Option(help="The device: auto, cpu, cuda or mps.")]
Engine = Annotated[str, typer.Option(help="The engine that computes: torch, keras or reference.")]
BadImages = Annotated[
    str, typer.Option("--bad-images", help="fail: stop at unreadable images; skip: leave them out.")
]

InputShape = Annotated[
    str | None,
    typer.Option("--input", metavar="C,H,W", help="Bring a folder's images to this shape."),
]
Fit = Annotated[
    str | None,
    typer.Option(help="How to do that: crop, pad or stretch. [default: what suits the images]"),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory for a folder's images, such as 2GB; the rest is read from disk. "
        "[default: half of what is free]",
    ),
]


def new_command(**settings: Any) -> typer.Typer:
    """Return the Typer app of one command, without completion, colours or pretty tracebacks."""
    return typer.Typer(
        rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, **settings
    )


def old_option(old: str, new: str, old_value: T | None, value: T | None) -> T | None:
    """Return an option's value; where it came by its old name, say what the new one is."""
    if old_value is None:
        return value
    if value is not None:
        raise InputError(
            f"{old} and {new} are both there, and are the same", "one of them", f"leave {old} out"
        )
    typer.echo(f"{old} is now called {new}", err=True)
    return old_value


def print_json(payload: dict[str, Any]) -> None:
    """Print a result as one JSON object; numbers that are not finite become null."""
    from convlens.foundation.atomic import finite

    typer.echo(json.dumps(finite(payload), allow_nan=False))


def comma_separated(text: str) -> list[str]:
    """Return the parts of a list with commas, without the spaces around them.

    >>> comma_separated("mirror, shift,")
    ['mirror', 'shift']
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def recipe_changes(pairs: Sequence[str]) -> dict[str, Any]:
    """Read the `key=value` pairs of `--set`; values are TOML, bare words are text.

    >>> recipe_changes(["epochs=3", "optimizer=sgd", "augmentation.flip=true"])
    {'epochs': 3, 'optimizer': 'sgd', 'augmentation.flip': True}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise _no_setting(pair)
        try:
            check_text(pair, "it")
            values[key.strip()] = parse_toml(f"value = {value}")["value"]
        except tomli.TOMLDecodeError:
            values[key.strip()] = value.strip()
        except ValueError as error:
            raise _no_setting(pair, f": {error}") from None
    return values


def _no_setting(pair: str, why: str = "") -> RecipeError:
    return RecipeError(f"--set {pair!r} is not a setting{why}", "key=value", "write --set epochs=3")


def parse_shape(text: str) -> tuple[int, int, int]:
    """Read `C,H,W`.

    >>> parse_shape("3,32,32")
    (3, 32, 32)
    """
    try:
        channels, height, width = (int(part) for part in text.split(","))
    except ValueError:
        channels = height = width = 0
    if min(channels, height, width) < 1:
        raise InputError(
            f"--input is {text!r}",
            "channels,height,width: three whole numbers of at least 1",
            "write --input 3,32,32",
        )
    return channels, height, width


def parse_span(option: str, text: str | None) -> slice | None:
    """Read `start:stop`, either end open, or one number; None stays None.

    >>> parse_span("--rows", "0:14"), parse_span("--rows", "5:"), parse_span("--rows", "7")
    (slice(0, 14, None), slice(5, None, None), slice(7, 8, None))
    """
    if text is None:
        return None
    start, colon, stop = (part.strip() for part in text.partition(":"))
    if all(part.isascii() and part.isdigit() and len(part) < 10 for part in (start, stop) if part):
        if colon:
            return slice(int(start) if start else None, int(stop) if stop else None)
        if start:
            return slice(int(start), int(start) + 1)
    raise InputError(
        f"{option} is {text!r}", "start:stop, whole numbers from 0", f"write {option} 0:14"
    )


def tell_default(runs: str | None) -> Run | str:
    """Return what is used where no run is named; a published network is named on stderr."""
    from convlens.api.opening import PUBLISHED, last_or_published

    source = last_or_published(runs)
    if source == PUBLISHED:
        typer.echo(
            f"no run is here yet: {PUBLISHED} answers, which others trained on ImageNet", err=True
        )
    return source
