"""A network is data: an input shape and a list of layers.

Read from TOML, JSON or Python, written back without loss, checked by walking it. What it
computes is the business of the engines.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from convlens.foundation.documents import check_values, parse_json, parse_toml
from convlens.foundation.errors import NetworkError
from convlens.foundation.files import read_file
from convlens.foundation.notebook import ShownInNotebooks
from convlens.foundation.schema import WrongField, findings
from convlens.foundation.spelling import say
from convlens.network.advice import Draft, advised
from convlens.network.arithmetic import Shape
from convlens.network.keys import layers_key, mistakes_of
from convlens.network.layers import (
    Activation,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Layer,
    Linear,
    Softmax,
    write_layer,
)
from convlens.network.misfit import Limits, Misfit
from convlens.network.mistakes import NetworkMistakes, Written
from convlens.network.plan import Plan
from convlens.network.reading import layers_and_mistakes, read_layers
from convlens.network.source_lines import lines_of


def _layers(value: object) -> object:
    return read_layers(value)


def _input(value: object) -> object:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError("[channels, height, width]")
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in value):
        raise ValueError("[channels, height, width], three whole numbers of at least 1")
    return tuple(value)


class Network(ShownInNotebooks, BaseModel):
    """An image-classification CNN as a list of layers.

    Parameters
    ----------
    input : (int, int, int)
        `(channels, height, width)` of one image.
    layers : list
        Tables such as `{"conv": 32, "kernel": 3}`, or layer objects.
    name : str
        What runs of it are called.
    classes : int, optional
        Number of classes; checked against the last layer when given.
    rounding : {"strict", "floor"}
        Whether a window must land on the last cell, or may drop the rest as PyTorch and
        Keras silently do.
    about : str
        Why the network exists.

    Raises
    ------
    NetworkError
        Where a layer or key is not understood.

    Examples
    --------
    >>> network = Network(
    ...     input=[3, 32, 32], layers=[{"conv": 6, "kernel": 5, "padding": 2}, {"relu": True}]
    ... )
    >>> plan = network.plan()
    >>> plan.output, plan.parameters
    ((6, 32, 32), 456)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    _notebook_view: ClassVar[str] = "network"

    name: str = Field(default="network", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    about: str = Field(default="", max_length=10_000)
    input: Annotated[tuple[int, int, int], BeforeValidator(_input)]
    classes: int | None = Field(default=None, ge=2, le=1_000_000, strict=True)
    rounding: Literal["strict", "floor"] = "strict"
    layers: Annotated[tuple[Layer, ...], BeforeValidator(_layers)]

    @classmethod
    def read(cls, written: object, where: str = "") -> Network:
        """Build a network from a decoded TOML or JSON document.

        Raises
        ------
        NetworkMistakes
            With everything that is not understood.
        """
        if not isinstance(written, dict):
            raise NetworkError(
                f"{where or 'the network'} is not a table",
                "the keys input and layers",
                "write input = [1, 28, 28] and layers = [ { conv = 32, kernel = 3 }, ... ]",
            )
        known = list(cls.model_fields)
        key = layers_key(written, known)
        layers, mistakes = layers_and_mistakes(written.get(key, ()), (key,))
        values = {**written, key: list(layers)} if key in written else written
        wrong = _wrong_keys(values)
        if wrong or mistakes:
            own = mistakes_of(values, wrong, known, _wrong_keys)
            raise NetworkMistakes([*own, *mistakes], where)
        return cls.model_validate(values)

    @classmethod
    def from_toml(cls, text: str, where: str = "") -> Network:
        """Read a network from TOML text; errors name its lines, and `where` it comes from."""
        try:
            network = cls.read(parse_toml(text))
        except NetworkMistakes as error:
            raise error.within(where, lines_of(text)) from None
        except ValueError as error:
            raise _unreadable("TOML", str(error), where) from None
        network.__dict__["_origin"] = (where, text)
        return network

    @classmethod
    def from_json(cls, text: str, where: str = "") -> Network:
        """Read a network from JSON text; errors name `where` it comes from."""
        try:
            written = parse_json(text)
            check_values(written)
            network = cls.read(written)
        except NetworkMistakes as error:
            raise error.within(where) from None
        except ValueError as error:
            raise _unreadable("JSON", str(error), where) from None
        network.__dict__["_origin"] = (where, "")
        return network

    @classmethod
    def load(cls, path: str | Path, limits: Limits | None = None) -> Network:
        """Read a `.toml` or `.json` file.

        Raises
        ------
        NetworkError
            Where the file is missing, too large to be a network, or not understood.
        """
        path = Path(path)
        most = 512 * (limits or Limits()).layers
        try:
            text = read_file(path, most).decode()
        except (OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError) and error.errno == errno.EFBIG:
                raise NetworkError(
                    f"{path} is larger than {most:,} bytes",
                    f"a network of at most {(limits or Limits()).layers:,} layers",
                    "raise `limits.layers` if that is meant",
                ) from None
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise NetworkError(
                f"{str(path)!r} cannot be read: {reason}",
                "a network file (.toml or .json), or the name of a network in the zoo",
            ) from None
        read = cls.from_json if path.suffix == ".json" else cls.from_toml
        return read(text, str(path))

    def to_dict(self) -> dict[str, Any]:
        """Return the plain tables that `Network.read` turns back into an equal network."""
        written: dict[str, Any] = {"name": self.name}
        if self.about:
            written["about"] = self.about
        written["input"] = list(self.input)
        if self.classes is not None:
            written["classes"] = self.classes
        if self.rounding != "strict":
            written["rounding"] = self.rounding
        written["layers"] = [write_layer(layer) for layer in self.layers]
        return written

    def to_json(self) -> str:
        """Write the network as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_toml(self) -> str:
        """Write the network as TOML text, one layer per line."""
        import tomlkit

        document = tomlkit.document()
        for key, value in self.to_dict().items():
            document.add(key, _toml(value, "" if key == "layers" else None))
        return tomlkit.dumps(document)

    def plan(self, *, floor: bool | None = None, limits: Limits | None = None) -> Plan:
        """Walk the network and return every layer's shapes, parameters and costs.

        Parameters
        ----------
        floor : bool, optional
            Override the network's own rounding.
        limits : Limits, optional
            Override what is too large to be meant.

        Raises
        ------
        NetworkError
            Where the layers do not fit together.
        """
        return self._own_plan if floor is None and limits is None else self._walk(floor, limits)

    def table(self, *, floor: bool | None = None, limits: Limits | None = None) -> Plan:
        """Return the plan by the name that it had before: see `plan`."""
        say("network.table() is called network.plan() now")
        return self.plan(floor=floor, limits=limits)

    @cached_property
    def _own_plan(self) -> Plan:
        return self._walk(None, None)

    def _walk(
        self, floor: bool | None, limits: Limits | None, fixed: frozenset[str] = frozenset()
    ) -> Plan:
        rule = self.rounding == "floor" if floor is None else floor
        keys = fixed if floor is None else fixed | {"rounding"}
        draft = Draft(self.input, self.layers, self.classes, rule, limits, keys)
        try:
            return replace(draft.plan(), name=self.name)
        except Misfit as error:
            where, text = self._origin
            raise advised(draft, error).within(where, lines_of(text)) from None

    @cached_property
    def _origin(self) -> tuple[str, str]:
        """The file the network was read from and its TOML text, for the lines of errors."""
        return "", ""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed; its plan is walked again."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("_own_plan", None)  # pydantic carries what is cached along
        return copy

    def adapted(self, input_shape: Shape, classes: int) -> Network:
        """Return the same layers for another input shape and number of classes.

        The features of the linear layer at the end become `classes`, or the filters of the
        convolution there whose maps are averaged; everything else stays.

        Raises
        ------
        NetworkError
            Where the network has no such layer at its end, or the new sizes do not fit.
        """
        layers = list(self.layers)
        at = _last_with_classes(self.layers)
        if at is not None:
            field = "features" if isinstance(layers[at], Linear) else "filters"
            layers[at] = layers[at].model_copy(update={field: classes})
        network = self.model_copy(
            update={"input": tuple(input_shape), "classes": classes, "layers": tuple(layers)}
        )
        # the data says what goes in and how many classes there are, whatever the file says
        network._walk(None, None, frozenset({"input", "classes"}))
        return network


def _last_with_classes(layers: tuple[Layer, ...]) -> int | None:
    """Return where the layer stands that gives one value or one map for each class."""
    averaged = False
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        if isinstance(layer, Linear):
            return None if averaged else index
        if isinstance(layer, Conv):
            return index if averaged and layer.groups == 1 else None
        averaged = averaged or isinstance(layer, GlobalAvgPool | GlobalMaxPool)
        if not isinstance(layer, Softmax | Flatten | GlobalAvgPool | GlobalMaxPool) and not (
            averaged and isinstance(layer, Activation | Dropout)
        ):
            return None
    return None


def _wrong_keys(written: Written) -> list[WrongField]:
    """Return what is wrong with the keys of a network whose layers have been read."""
    try:
        Network.model_validate(written)
    except ValidationError as error:
        return findings(error)
    except NetworkMistakes:  # layers that a change brings are looked at by themselves
        pass
    return []


def _unreadable(form: str, reason: str, where: str) -> NetworkError:
    return NetworkError(
        f"{where or 'the network'} is not valid {form}: {reason}",
        f"{form} with the keys input and layers",
    )


def _toml(value: object, indent: str | None) -> Any:
    """Make tomlkit items: inline tables for layers, a line for each layer of a list."""
    import tomlkit

    if isinstance(value, list) and indent is not None:
        array = tomlkit.array()
        inner = indent + "  "
        for item in value:
            array.add_line(_toml(item, inner), indent=inner)
        if value:
            array.add_line(indent=indent)
        return array
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, item in value.items():
            holds = isinstance(item, list) and any(isinstance(part, dict | list) for part in item)
            table[key] = _toml(item, indent if holds else None)
        return table
    return value
