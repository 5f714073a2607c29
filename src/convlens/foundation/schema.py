"""Turn pydantic's findings into the three-part errors of convlens.

Networks and recipes are validated data. What they share is how a mistake is told:
the path to the field, the value given, what was expected, and for an unknown key
the nearest known one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from convlens.foundation.errors import InputError, nearest

Model = TypeVar("Model", bound=BaseModel)


def validate(
    model: type[Model], values: dict[str, Any], where: str, error: type[InputError]
) -> Model:
    """Build a model from untrusted values.

    Parameters
    ----------
    model : type
        The pydantic model to build.
    values : dict
        What the user wrote.
    where : str
        Path of `values` in the user's file, such as `layers[3]`; empty at the top.
    error : type
        The `InputError` to raise.

    Raises
    ------
    InputError
        Where the values do not fit the model, of the class that was asked for. It names the first
        wrong field, and how many more there are.
    """
    try:
        return model.model_validate(values)
    except ValidationError as invalid:
        raise explain(invalid, list(model.model_fields), where, error) from None


@dataclass(frozen=True, slots=True)
class WrongField:
    """What is wrong with one field.

    Parameters
    ----------
    path : str
        Where it stands under `where`.
    kind : {"unknown", "missing", "value"}
        What is wrong with it.
    key : str
        Its first key.
    text, expected : str
        The first two parts of a message.
    """

    path: str
    kind: str
    key: str
    text: str
    expected: str = ""


def findings(invalid: ValidationError, where: str = "") -> list[WrongField]:
    """Return what pydantic found, one finding per field, the misspelt keys first."""
    fields: dict[tuple[int | str, ...], WrongField] = {}
    for one in invalid.errors(include_url=False, include_context=False):
        loc = one["loc"]
        path, key = _path(where, loc), str(loc[0]) if loc else ""
        if one["type"] == "extra_forbidden":
            entry = WrongField(path, "unknown", str(loc[-1]), f'unknown key "{path}"')
        elif one["type"] == "missing":
            entry = WrongField(path, "missing", key, f'"{path}" is missing', "a value")
        else:
            message = one["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            entry = WrongField(path, "value", key, f"{path} is {_shown(one['input'])}", message)
        fields.setdefault(loc[:1], entry)
    return sorted(fields.values(), key=lambda entry: entry.kind != "unknown")


def explain(
    invalid: ValidationError, known: Iterable[str], where: str, error: type[InputError]
) -> InputError:
    """Turn a pydantic error into an `InputError` about its first finding."""
    # a misspelt key also leaves a key missing: the spelling is the mistake to tell
    first, *others = findings(invalid, where)
    more = f" (and {len(others)} more)" if others else ""
    known = list(known)
    if first.kind == "unknown":
        return error(
            f"{first.text}{nearest(first.key, known)}{more}",
            "one of " + ", ".join(known),
            "correct the spelling or remove the key",
        )
    fix = f"add {first.path}" if first.kind == "missing" else f"change {first.path}"
    return error(first.text + more, first.expected, fix)


def _path(where: str, loc: Iterable[int | str]) -> str:
    path = where
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path = f"{path}.{part}" if path else part
    return path


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:
        text = "a number of too many digits"
    return text if len(text) <= 60 else text[:57] + "..."
