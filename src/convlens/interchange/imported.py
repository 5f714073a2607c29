"""What any reader gives back: a network, its weights, and what the file said beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from convlens.data import Preprocessing
from convlens.foundation.errors import DataError, InputError, WeightsError
from convlens.network import Network
from convlens.weights.tensor_file import Array

MOST_CLASSES = 100_000


@dataclass(frozen=True, eq=False)
class Imported:
    """A model from elsewhere.

    Parameters
    ----------
    network : Network
        What it computes.
    weights : dict of str to float32 array
        The neutral layout.
    preprocessing : Preprocessing, optional
        How images are brought to it, where the file says so.
    classes : tuple of str, optional
        Class names, where the file says them.
    notes : tuple of str
        What the user should know.
    mapping : dict of str to str
        What the file calls each layer or array, by the network's name, where the two may differ.
    """

    network: Network
    weights: dict[str, Array]
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    mapping: dict[str, str] = field(default_factory=dict)

    def renamed(self) -> dict[str, str]:
        """Return what the file calls each layer that the network calls otherwise."""
        layers = {step.name for step in self.network.plan().steps}
        pairs = {
            (mine, other) if mine in layers else (_module(mine), _module(other))
            for mine, other in self.mapping.items()
        }
        # Keras's names hold no dot: convlens writes a hyphen into its Keras models
        return {
            mine: other
            for mine, other in sorted(pairs)
            if other not in (mine, mine.replace(".", "-"))
        }


def _module(array: str) -> str:
    return array.rpartition(".")[0]


def read_classes(text: str, where: str, count: int) -> tuple[str, ...]:
    r"""Read class names: a JSON list, or one name per line.

    Raises
    ------
    InputError
        Where there are not `count` different names.

    Examples
    --------
    >>> read_classes("cat\ndog\n", "classes.txt", 2)
    ('cat', 'dog')
    """
    if text.lstrip().startswith("["):
        try:
            names = json.loads(text)
        except (ValueError, RecursionError):
            names = None
    else:
        names = [line.strip() for line in text.splitlines() if line.strip()]
    if (
        not isinstance(names, list)
        or len(names) > MOST_CLASSES
        or not all(isinstance(name, str) for name in names)
        or len(set(names)) != count
        or len(names) != count
    ):
        held = f"{len(names)} names" if isinstance(names, list) else "no list of names"
        raise InputError(
            f"{where} holds {held} and the network has {count} classes",
            f"{count} different names, one per line or a JSON list",
        )
    return tuple(names)


def read_facts(
    facts: Mapping[str, object], where: str, network: Network
) -> tuple[Preprocessing | None, tuple[str, ...] | None]:
    """Read preprocessing and class names as `convlens export` writes them into a file.

    Parameters
    ----------
    facts : mapping of str to object
        "preprocessing" and "classes", each JSON text where it is there.
    where : str
        The file, for errors.
    network : Network
        What they must fit.

    Raises
    ------
    WeightsError, InputError
        Where they are damaged or do not fit.
    """
    preprocessing, classes = None, None
    try:
        if "preprocessing" in facts:
            preprocessing = Preprocessing.from_dict(json.loads(str(facts["preprocessing"])))
    except (ValueError, RecursionError, DataError) as error:
        raise _damaged(where, f"its preprocessing: {error}") from None
    if preprocessing is not None and preprocessing.input != network.input:
        raise _damaged(where, "its preprocessing is for images of another size")
    output = network.plan().output
    if "classes" in facts and len(output) == 1:
        classes = read_classes(str(facts["classes"]), where, output[0])
    return preprocessing, classes


def _damaged(where: str, why: str) -> WeightsError:
    return WeightsError(
        f"{where} is damaged: {why}", "what convlens export wrote", "export the model again"
    )


def network_name(text: str) -> str:
    """Return a network's name made of what a file is called.

    >>> network_name("my net (1)")
    'my-net--1-'
    """
    allowed = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in text)
    return allowed.lstrip("._-")[:64] or "network"
