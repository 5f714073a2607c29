"""A layer as a user of another library wrote it, as layers of convlens, with what was changed.

What comes out is a guess in plain tables; `convlens.network.reading` advises it only where it can
be read.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convlens.network.layers import KINDS
from convlens.network.mistakes import Written, value_text
from convlens.network.vocabulary import Absent, plain, setting_meant, vocabulary

_KIND_KEYS = ("type", "kind", "layer", "class_name", "layer_type", "class", "op", "name")
"""Keys under which other libraries write the kind."""

_MOST_KEYS, _LONGEST = 40, 60
"""Most keys of a table, and most letters of a key, that are read as a layer."""

_LISTS = ("layers", "shortcut", "branches")
"""Settings that hold lists of layers."""

_LIBRARIES = ("torch", "nn", "tf", "keras", "layers")

_WINDOW = ("kernel", "stride", "padding", "dilation")

_UNCLEAR = ("units", "filters", "norm", "scale", "pad", "channels")
"""Words of kinds that are settings where another word names the kind."""

_TABLE_KEYS = ("config", "params", "parameters", "args", "kwargs", "options", "settings")
"""Keys under which they write a table of settings."""


@dataclass
class Translation:
    """What a layer seems to mean.

    Parameters
    ----------
    notes : list of str
        What convlens calls what was written, or how it differs, one phrase per difference.
    layers : list of dict, optional
        The layers to write in its place; an empty list where it is best left out, None where
        nothing in convlens is near it.
    kind : str, optional
        The kind of layer that was meant, for what is expected.
    """

    notes: list[str] = field(default_factory=list)
    layers: list[Written] | None = None
    kind: str | None = None


def translate(written: object) -> Translation:
    """Return what a layer that cannot be read seems to mean.

    >>> meant = translate({"Conv2d": 32, "kernel_size": 3, "activation": "relu"})
    >>> meant.layers
    [{'conv': 32, 'kernel': 3}, {'relu': True}]
    >>> meant.notes[0]
    'there is no kind "Conv2d", convlens calls it conv'
    """
    if isinstance(written, str):
        written = {written.partition("(")[0]: True}
    if not isinstance(written, Mapping) or len(written) > _MOST_KEYS:
        return Translation()
    if not all(isinstance(key, str) and len(key) <= _LONGEST for key in written):
        return Translation()
    for library in _LIBRARIES:  # nn.ReLU = true is a table in TOML
        if isinstance(written.get(library), dict):
            written = {**_without(written, library), **written[library]}
    kinds = [key for key in written if key in KINDS and not _is_setting(key, written)]
    if any(_meant(key) == "batch_norm" for key in written):
        kinds = [key for key in kinds if key != "scale"]  # Keras's norm has such a switch
    if len(kinds) > 1:
        return _several(written, kinds)
    if kinds:
        rest = {key: value for key, value in written.items() if key != kinds[0]}
        return _settings(Translation(kind=kinds[0]), kinds[0], written[kinds[0]], rest)
    word, value, rest = _word(written)
    if word is None:
        return Translation()
    return _of_word(word, value, rest)


def _is_setting(key: str, written: Mapping[str, Any]) -> bool:
    """Say whether a key that is a kind means a setting of another kind here: `pad` of a conv."""
    words = [other for other in written if other != key]
    words += [written[other] for other in _KIND_KEYS if isinstance(written.get(other), str)]
    kinds = [kind for word in words if (kind := _meant(word)) is not None]
    return any(setting_meant(key, KINDS[kind].model_fields) for kind in kinds)


def _word(written: Mapping[str, Any]) -> tuple[str | None, Any, Written]:
    """Find the word for the kind: a key, the value of a key such as `type`, or what is nearest."""
    for key in written:
        if _known(key) and not (key == "input" or plain(key) in _UNCLEAR):
            return key, written[key], _without(written, key)
    for key in _KIND_KEYS:
        value = written.get(key)
        if isinstance(value, str) and (value in KINDS or _known(value)):
            return value, None, _without(written, key)
    if isinstance(written.get("activation"), str):
        return written["activation"], True, _without(written, "activation")
    for key in written:
        if _known(key):  # words such as units, which name a layer where nothing else does
            return key, written[key], _without(written, key)
    for key in written:
        if (close := _closest(key)) is not None:
            return key, written[key], {**_without(written, key), "": close}
    return None, None, {}


def _known(word: str) -> bool:
    words = vocabulary()
    if len(word) > _LONGEST:
        return False
    return plain(word) in words.kinds or plain(word) in words.absent or _own(word) is not None


def _own(word: str) -> str | None:
    """Return the kind that a word names, apart from case, underscores and prefixes."""
    return next((kind for kind in KINDS if plain(kind) == plain(word)), None)


def _meant(word: str) -> str | None:
    """Return the kind that a word is another name of."""
    return _own(word) or vocabulary().kinds.get(plain(word))


def _closest(word: str) -> str | None:
    """Return the kind that a misspelt word is nearest to."""
    if not 3 <= len(word) <= _LONGEST:
        return None
    named = {plain(kind): kind for kind in KINDS} | vocabulary().kinds
    close = difflib.get_close_matches(plain(word), named, n=1, cutoff=0.75)
    return named[close[0]] if close else None


def _without(written: Mapping[str, Any], key: str) -> Written:
    return {name: value for name, value in written.items() if name != key}


def _of_word(word: str, value: Any, rest: Written) -> Translation:
    guess = rest.pop("", None)
    kind = _meant(word)
    if kind is not None:
        if (join := vocabulary().joins.get(plain(word))) is not None:
            rest.setdefault("join", join)
        same = word == kind  # `type = "conv"`: the kind is right, its place is not
        note = f"the kind is the key itself, {kind} = ..." if same else _called(word, kind)
        return _settings(Translation([note], kind=kind), kind, value, rest, word)
    if guess is not None:
        note = f'there is no kind "{word}", did you mean "{guess}"?'
        return _settings(Translation([note], kind=guess), guess, value, rest, word)
    return _nearest(word, vocabulary().absent[plain(word)], value, rest)


def _called(word: str, kind: str) -> str:
    return f'there is no kind "{word}", convlens calls it {kind}'


def _nearest(word: str, entry: Absent, value: Any, rest: Written) -> Translation:
    """Write the layers that are nearest to a kind that convlens does not have."""
    if not entry.write:
        note = f'convlens has no "{word}": {entry.differs}'
        return Translation([note], [] if entry.leave_out else None)
    layers = [dict(layer) for layer in entry.write]
    kinds = [next(key for key in layer if key in KINDS) for layer in layers]
    near = f"its nearest is {' and '.join(kinds)}"
    note = f'convlens has no "{word}": {near}, and {entry.differs}'
    translation = Translation([note], layers, kinds[0])
    # what was written goes to the last layer, which carries the number of filters
    first, *after = _settings(Translation(), kinds[-1], value, dict(rest), word).layers or [{}]
    head = first.pop(kinds[-1], True)
    if head is not True:
        layers[-1][kinds[-1]] = head
    if len(layers) == 1:
        layers[-1] |= first
    else:  # a separable convolution: the window belongs to the layer before
        layers[-2] |= {key: first[key] for key in _WINDOW if key in first}
    translation.layers = [*layers, *after]
    return translation


def _several(written: Mapping[str, Any], kinds: list[str]) -> Translation:
    """Split a table that names several kinds: each is a layer of its own."""
    listed = ", ".join(kinds[:6])
    translation = Translation(
        [f"it names {len(kinds)} kinds of layer, {listed}: each is a layer of its own"]
    )
    layers: list[Written] = [{kind: written[kind]} for kind in kinds]
    for key, value in written.items():
        if key in kinds:
            continue
        owner = next((i for i, kind in enumerate(kinds) if key in KINDS[kind].model_fields), 0)
        layers[owner][key] = value
    translation.layers = []
    for kind, layer in zip(kinds, layers, strict=True):
        inner = _settings(Translation(), kind, layer.pop(kind), layer)
        translation.notes += inner.notes
        translation.layers += inner.layers or []
    return translation


def _settings(
    translation: Translation, kind: str, value: Any, rest: Written, word: str = ""
) -> Translation:
    """Write one layer of a kind with the settings that were meant, and those that follow it."""
    cls = KINDS[kind]
    settings: Written = {}
    for key in _TABLE_KEYS:
        if isinstance(rest.get(key), dict):
            translation.notes.append(f'settings stand beside the kind, not under "{key}"')
            rest = {**_without(rest, key), **rest[key]}
    if isinstance(value, dict):
        translation.notes.append(f"settings stand beside {kind}, not in a table of its own")
        rest, value = {**value, **rest}, None
    if isinstance(value, list) and (order := _order(word or kind, value)):
        translation.notes.append(f"{kind} takes its {cls.head}, and other settings by name")
        settings |= {name: cleaned(item) for name, item in zip(order, value, strict=True) if name}
        value = None
    if cls.head is not None and value is True:  # its value stands beside it, or is the usual one
        pass
    elif cls.head is not None and value is not None:
        settings[cls.head] = value if cls.head in _LISTS else cleaned(value)
    elif value is False:
        translation.notes.append("a layer that is not wanted is left out")
        translation.layers = []
        return translation
    elif value is not None and value is not True and word:
        translation.notes.append(f"{kind} takes no value of its own")
    after: list[Written] = []
    for key, item in rest.items():
        _one(translation, cls.kind, key, item, settings, after)
    head = settings.pop(cls.head, True) if cls.head else True
    translation.layers = [{kind: head, **settings}, *after]
    return translation


def _one(
    translation: Translation,
    kind: str,
    key: str,
    value: Any,
    settings: Written,
    after: list[Written],
) -> None:
    """Take one setting over into `settings`, or into the layers after, or leave it out."""
    cls = KINDS[kind]
    words = vocabulary()
    fields = list(cls.model_fields)
    if key in fields:
        if key == cls.head:
            translation.notes.append(f"{key} is the value of {kind}: {kind} = {value_text(value)}")
        settings.setdefault(key, cleaned(value))
    elif plain(key) == "activation":
        translation.notes.append("the activation is a layer of its own")
        if value not in (None, False, "linear", "none", ""):
            meant = translate(value)
            translation.notes += meant.notes
            after += meant.layers or []
    elif (name := setting_meant(key, fields)) is not None:
        shown = f"{kind} = ..." if name == cls.head else name
        translation.notes.append(f'there is no setting "{key}", convlens calls it {shown}')
        settings.setdefault(name, value if name in _LISTS else cleaned(value))
    elif plain(key) in words.needless:
        translation.notes.append(f'"{key}" is not needed: {words.needless[plain(key)]}')
    elif plain(key) in words.recipe:
        translation.notes.append(f'"{key}" belongs to the recipe of the training')
    elif _known(key) and value is not False:
        translation.notes.append(f'"{key}" is a layer of its own')
        after += translate({key: value}).layers or []
    elif close := difflib.get_close_matches(key, fields, n=1):
        translation.notes.append(f'{kind} has no setting "{key}", did you mean "{close[0]}"?')
        settings.setdefault(close[0], cleaned(value))
    else:
        translation.notes.append(f'{kind} has no setting "{key}"')


def _order(word: str, value: list[Any]) -> list[str] | None:
    """Return what the values of a list after the kind stand for."""
    orders = vocabulary().positional.get(plain(word), [])
    if word == "conv" and len(value) == 2 and not all(isinstance(item, int) for item in value):
        return None
    return next((order for order in orders if len(order) == len(value)), None)


def cleaned(value: Any) -> Any:
    """Return a value in the form that convlens reads, where the form alone is wrong.

    >>> cleaned("3"), cleaned(3.0), cleaned("SAME"), cleaned("3x5"), cleaned(["1", 2])
    (3, 3, 'same', [3, 5], [1, 2])
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**31 and value > 1:
        return int(value)
    if isinstance(value, list | tuple):
        plain_items = len(value) <= 4 and not any(isinstance(item, dict | list) for item in value)
        return [cleaned(item) for item in value] if plain_items and value else value
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if re.fullmatch(r"\d{1,10}", text):
        return int(text)
    if re.fullmatch(r"\d*\.\d{1,10}", text):
        return float(text)
    if sides := re.fullmatch(r"(\d{1,9})\s*[x×,]\s*(\d{1,9})", text):
        return [int(sides[1]), int(sides[2])]
    if text in ("true", "false"):
        return text == "true"
    return text if text in ("same", "valid") else value
