"""Layers as a user wrote them, read into layer objects; every mistake of a list at once.

What is right is read in one pass. What is not is translated from the words of other libraries
(`convlens.network.translation`), and the translation is advised only where it can be read itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from convlens.foundation.schema import WrongField, findings
from convlens.network.layers import KINDS, Branches, Layer, Repeat, Residual
from convlens.network.mistakes import (
    Advice,
    Mistake,
    NetworkMistakes,
    Path,
    Splice,
    Written,
    layers_text,
    value_text,
)
from convlens.network.translation import Translation, translate

MOST = 100
"""Mistakes after which reading ends."""

DEEPEST = 16
"""Blocks inside one another."""


def read_layers(written: object, where: str = "layers") -> tuple[Layer, ...]:
    """Read a list of layers as a user wrote it.

    Parameters
    ----------
    written : list of dict or Layer
        Tables such as `{"conv": 32, "kernel": 3}`.
    where : str
        The key of the list in the user's file, for errors.

    Raises
    ------
    NetworkMistakes
        Where a layer is not understood; holds every mistake of the list.

    Examples
    --------
    >>> read_layers([{"conv": 8, "kernel": 3}, {"relu": True}])[0].filters
    8
    """
    layers, mistakes = layers_and_mistakes(written, (where,))
    if mistakes:
        raise NetworkMistakes(mistakes)
    return layers


def layers_and_mistakes(written: object, at: Path) -> tuple[tuple[Layer, ...], tuple[Mistake, ...]]:
    """Read a list of layers; where there are mistakes, the layers are those that could be read."""
    reader = _Reader()
    layers = reader.layers(written, at, 0)
    return layers, tuple(reader.mistakes)


Wrong = list[tuple[str, str, str]]
"""Fields of a layer with what is wrong with each and what was expected."""


_LISTS: dict[type[Layer], dict[str, str]] = {
    Residual: {"residual": "layers", "shortcut": "shortcut"},
    Branches: {"branches": "branches"},
    Repeat: {"layers": "layers"},
}
"""Keys of each block that hold layers, and the fields that they are read into."""

_BRANCHES = tuple(dict.fromkeys(key for keys in _LISTS.values() for key in keys))


class _Reader:
    """Reads lists of layers and collects what is wrong with them.

    With `explain=False` the mistakes are only counted: enough to try whether a list can be read.
    """

    def __init__(self, *, explain: bool = True) -> None:
        self.mistakes: list[Mistake] = []
        self.explain = explain

    def layers(self, written: object, at: Path, depth: int) -> tuple[Layer, ...]:
        if depth > DEEPEST:
            self.mistakes.append(
                Mistake(
                    at,
                    "nested",
                    f"its layers are nested {depth} blocks deep",
                    f"at most {DEEPEST} blocks inside one another",
                    fix="write the blocks one after the other",
                )
            )
            return ()
        if not isinstance(written, list | tuple):
            self.mistakes.append(_no_list(written, at))
            return ()
        # a deep network repeats a few layers, and what is frozen can be shared
        known: dict[str, Layer] = {}
        layers: list[Layer] = []
        for index, item in enumerate(written):
            if len(self.mistakes) >= MOST:
                break
            text = _text(item)
            layer = known.get(text) or self._layer(item, at, index, depth)
            if layer is not None:
                layers.append(layer)
                if text:
                    known[text] = layer
        return tuple(layers)

    def _layer(self, written: object, at: Path, index: int, depth: int) -> Layer | None:
        if isinstance(written, Layer):
            return written
        here = (*at, index)
        before = len(self.mistakes)
        wrong: Wrong = []
        kinds = [key for key in written if key in KINDS] if isinstance(written, dict) else []
        if isinstance(written, dict) and len(kinds) == 1:
            cls = KINDS[kinds[0]]
            values, wrong = _values(cls, written)
            for key, field in _LISTS.get(cls, {}).items():
                if field in values or cls is Residual:
                    inner = values.get(field, [])
                    read = self._branches if cls is Branches else self._inner
                    values[field] = read(inner, written, (*here, key), depth + 1)
            if not wrong:
                try:
                    layer = cls.model_validate(values)
                except ValidationError as error:
                    # keys that are not known are told in the words of the translation
                    wrong = [
                        _in_the_files_words(one, cls, written)
                        for one in findings(error)
                        if one.kind != "unknown"
                    ]
                else:
                    return layer if len(self.mistakes) == before else None
        meant = translate(written) if self.explain else Translation()
        mistake = _explained(written, here, wrong, meant)
        self.mistakes.insert(before, mistake)  # what is wrong inside a block is told after it
        for keys, inner in _not_read(written, meant, kinds):
            self.layers(inner, (*here, *keys), depth + 1)
        return None

    def _inner(self, inner: object, written: Written, at: Path, depth: int) -> tuple[Layer, ...]:
        """Read a list of layers inside a block."""
        if isinstance(inner, dict):
            self.mistakes.append(_one_layer(written, at, [inner]))
            return ()
        return self.layers(inner, at, depth)

    def _branches(self, inner: object, written: Written, at: Path, depth: int) -> object:
        """Read the lists of layers of the branches of a block."""
        if not isinstance(inner, list | tuple):
            what = f"branches is {value_text(inner)} and not a list of branches"
            self.mistakes.append(Mistake(at, "not_a_list", what, _LISTED))
            return ((), ())
        if inner and all(isinstance(item, dict) for item in inner):
            self.mistakes.append(_one_list(written, at, inner))
            return ((), ())
        branches = []
        for index, item in enumerate(inner):
            if isinstance(item, dict):
                lists = [*inner[:index], [item], *inner[index + 1 :]]
                self.mistakes.append(_one_layer(written, (*at, index), lists))
                item = []
            branches.append(self.layers(item, (*at, index), depth))
        return tuple(branches)


_LISTED = "branches = [ [ layers ], [ layers ], ... ]"


def _text(item: object) -> str:
    try:
        return repr(item)
    except ValueError:  # a number of more digits than Python writes
        return ""


_PLAIN = {
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}
"""Words of pydantic, in the words of a reader who does not know it."""


def _in_the_files_words(
    one: WrongField, cls: type[Layer], written: Written
) -> tuple[str, str, str]:
    """Return the key, the text and what was expected, with the key and the value as they stand.

    The value of a kind's own key is held under another name: `conv = 0` is about `filters`.
    """
    if one.kind == "missing":
        return one.key, one.text, usage(cls.kind)
    name = cls.kind if one.key == cls.head and cls.head not in written else one.key
    text, expected = one.text.replace(one.key, name, 1), one.expected
    if isinstance(written.get(name), bool):
        text = f"{name} is {value_text(written[name])}"
    for theirs, ours in _PLAIN.items():
        expected = expected.replace(theirs, ours)
    return one.key, text, f"{name}: {expected}"


def _one_layer(written: Written, at: Path, lists: list[Any]) -> Mistake:
    """Return the mistake of a block in which one layer stands for a list of them.

    `lists` is what to write under the block's key.
    """
    *block, key = at if isinstance(at[-1], str) else at[:-1]
    layer = {**written, str(key): lists}
    text = f"write {key} = {value_text(lists)}"
    change = Splice(tuple(block[:-1]), int(block[-1]), 1, (layer,))
    one = f"branch {at[-1] + 1}" if isinstance(at[-1], int) else key
    return Mistake(
        at,
        "not_a_list",
        f"{one} is one layer and not a list",
        f"{key} = [ layers ]" if one == key else "a list of layers",
        (Advice((change,), text),) if _readable([layer]) else (),
    )


def _one_list(written: Written, at: Path, layers: Sequence[Any]) -> Mistake:
    """Return the mistake of branches that are written as one list of layers."""
    layer = {**written, "branches": [[], list(layers)]}
    change = Splice(at[:-2], int(at[-2]), 1, (layer,))
    text = "write branches = [ [], [ ... ] ]: the first branch is then the input itself"
    return Mistake(
        at,
        "not_a_list",
        "branches is one list of layers and not a list of branches",
        _LISTED,
        (Advice((change,), text),) if _readable([layer]) else (),
    )


def _readable(layers: list[Any]) -> bool:
    trial = _Reader(explain=False)
    trial.layers(layers, ("layers",), 0)
    return not trial.mistakes


def _values(cls: type[Layer], written: Mapping[str, Any]) -> tuple[Written, Wrong]:
    """Return the fields of a layer from its table, and what is wrong with its own key."""
    values = {key: value for key, value in written.items() if key != cls.kind}
    value = written[cls.kind]
    if cls.head is None:
        if value is not True:
            expected = f"{cls.kind} = true (it takes no value of its own)"
            return values, [(cls.kind, f"{cls.kind} is {value_text(value)}", expected)]
    elif cls.head in written and cls.head != cls.kind:
        return values, [(cls.head, f"it gives {cls.head} twice", f"{cls.kind} = {cls.head}")]
    # `leaky_relu = true` and `depthwise = true` mean the kind with its usual setting
    elif value is not True or cls.model_fields[cls.head].is_required():
        values[cls.head] = value
    return values, []


def _no_list(written: object, at: Path) -> Mistake:
    key = str(at[-1])
    return Mistake(
        at,
        "not_a_list",
        f"{key} is {value_text(written)} and not a list",
        f"{key} = [ layers ], each such as {{ conv = 32, kernel = 3 }}",
    )


def _not_read(
    written: object, meant: Translation, kinds: list[str]
) -> Iterator[tuple[Path, list[object]]]:
    """Yield the lists of layers of a block that was not understood as one, with their keys."""
    read = _LISTS.get(KINDS[kinds[0]], {}) if len(kinds) == 1 else ()
    if isinstance(written, dict):
        inner = [layer.get(key) for layer in meant.layers or [] for key in _BRANCHES]
        for key, value in written.items():
            if key not in read and isinstance(value, list) and any(value is i for i in inner):
                branches = value and all(isinstance(item, list) for item in value)
                for index, one in enumerate(value if branches else [value]):
                    yield ((key, index) if branches else (key,)), one


def _explained(written: object, at: Path, wrong: Wrong, meant: Translation) -> Mistake:
    """Return the mistake of one layer that cannot be read, with what to write in its place."""
    table: Written = written if isinstance(written, dict) else {}
    kinds = [key for key in table if key in KINDS]
    advice = _advice(meant, at)
    if len(kinds) == 1:
        kind = "wrong_value" if wrong else "unknown_setting"
        if advice and isinstance(table[kinds[0]], dict | list):
            wrong = [one for one in wrong if one[0] != KINDS[kinds[0]].head]  # the notes tell it
    else:
        kind = "several_kinds" if kinds else "unknown_kind"
    texts = [*(text for _, text, _ in wrong), *meant.notes]
    if not texts and not isinstance(written, dict):
        kind, texts = "not_a_layer", [f"it is {value_text(written)} and not a layer"]
    elif not texts:
        keys = ", ".join(f'"{key}"' for key in list(map(str, table))[:6]) or "nothing"
        texts = [f"none of its keys is a kind of layer ({keys:.120})"]
    expected = [expected for _, _, expected in wrong]
    if not expected and (meant.kind or not meant.notes):
        expected = [usage(meant.kind)]
    return Mistake(at, kind, "; ".join(texts), "; ".join(dict.fromkeys(expected)), advice)


def usage(kind: str | None) -> str:
    """Say how a kind is written, or which kinds there are.

    >>> usage("linear"), usage("relu")
    ('linear = features, with bias, name', 'relu = true, with name')
    """
    if kind is None:
        return "a table with one of the keys " + ", ".join(KINDS)
    cls = KINDS[kind]
    others = sorted(set(cls.model_fields) - {cls.head, "name"})
    words = {name: get_args(cls.model_fields[name].annotation) for name in others}
    settings = [
        f"{name} ({' or '.join(words[name])})"
        if words[name] and all(isinstance(word, str) for word in words[name])
        else name
        for name in others
    ]
    return f"{kind} = {cls.head or 'true'}, with {', '.join([*settings, 'name'])}"


_DOTS = [{"relu": True}]
"""Stands for the layers inside a block, which are not repeated in what is advised."""


def _advice(meant: Translation, at: Path) -> tuple[Advice, ...]:
    """Return the translation as a change, if it can be read itself."""
    if meant.layers is None or not isinstance(at[-1], int):
        return ()
    # the layers inside a block have mistakes of their own
    bare = [{key: _bare(key, value) for key, value in layer.items()} for layer in meant.layers]
    if not _readable(bare):
        return ()
    text = f"write {layers_text(bare)}".replace(value_text(_DOTS), "[ ... ]")
    text = text if meant.layers else "leave it out"
    change = Splice(at[:-1], at[-1], 1, tuple(meant.layers))
    return (Advice((change,), text),)


def _bare(key: str, value: object) -> object:
    """Return a setting with dots in place of the layers that it holds."""
    if key not in _BRANCHES or not isinstance(value, list):
        return value
    if key == "branches":
        return [_DOTS if isinstance(item, list) else item for item in value]
    return _DOTS
