"""Turn pydantic's findings into the three-part errors of convlens.

Networks and recipes are validated data. What they share is how a mistake is told:
the path to the field, the value given, what was expected, and for an unknown key
the nearest known one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from convlens.errors import InputError, nearest

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
        Of the type asked for; names the first wrong field, and how many more there are.
    """
    try:
        return model.model_validate(values)
    except ValidationError as invalid:
        raise explain(invalid, list(model.model_fields), where, error) from None


def explain(
    invalid: ValidationError, known: Iterable[str], where: str, error: type[InputError]
) -> InputError:
    """Turn a pydantic error into an `InputError` about its first finding."""
    findings = invalid.errors(include_url=False, include_context=False)
    # a misspelt key also leaves a key missing: the spelling is the mistake to tell
    first = next((f for f in findings if f["type"] == "extra_forbidden"), findings[0])
    path = _path(where, first["loc"])
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    kind = first["type"]
    if kind == "extra_forbidden":
        key = str(first["loc"][-1])
        return error(
            f'unknown key "{path}"{nearest(key, known)}{more}',
            "one of " + ", ".join(known),
            "correct the spelling or remove the key",
        )
    if kind == "missing":
        return error(f'"{path}" is missing{more}', "a value", f"add {path}")
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return error(
        f"{path} is {_shown(first['input'])}{more}",
        message,
        f"change {path}",
    )


def _path(where: str, loc: Iterable[int | str]) -> str:
    path = where
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path = f"{path}.{part}" if path else part
    return path


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
