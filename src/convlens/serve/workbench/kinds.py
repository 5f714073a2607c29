"""The kinds of layers that a network is written with, and the settings of each."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from convlens.network.layers import KINDS, Layer, short
from convlens.serve import schemas

_ORDER = {name: place for place, name in enumerate(("kernel", "stride", "padding", "dilation"))}
"""The order of the settings after the main one; all others come after these."""


def written_kinds() -> list[schemas.KindSettings]:
    """Return every kind with its settings, the main one first."""
    return [{"kind": kind, "settings": _settings(cls)} for kind, cls in KINDS.items()]


def _settings(cls: type[Layer]) -> list[schemas.Setting]:
    names = [name for name in cls.model_fields if name not in ("name", *schemas.BRANCHES)]
    names.sort(key=lambda name: (name != cls.head, _ORDER.get(name, len(_ORDER))))
    return [_setting(cls, name, cls.model_fields[name]) for name in names]


def _setting(cls: type[Layer], name: str, field: FieldInfo) -> schemas.Setting:
    required = field.is_required()
    setting: schemas.Setting = {
        "name": name,
        "key": cls.kind if name == cls.head else name,
        "required": required,
        "default": None if required else cast(Any, short(field.default)),
    }
    if get_origin(field.annotation) is Literal:
        setting["choices"] = list(get_args(field.annotation))
    return setting
