"""Variables from a Keras `.weights.h5`, each refused by its declared shape before it is read.

HDF5 can link to other files, keep data outside itself, and unfold to any size. Keras writes none of
that: plain datasets, each as long as its shape says. Layout, from `keras.saving`: a group
`layers/<kind>[_n]/vars` for each layer, with its name as an attribute and its variables as "0",
"1", ...
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from convlens.foundation.errors import WeightsError, quote
from convlens.network.arithmetic import Shape
from convlens.weights.tensor_file import Array

MOST_GROUPS = 20_000


@dataclass(frozen=True)
class Group:
    """The variables of one layer: what Keras calls it, and their shapes."""

    key: str
    """The group's own name: the layer's kind, numbered from the second on."""
    layer: str
    """The layer's name, where the file has it."""
    shapes: tuple[Shape, ...]


class KerasWeights:
    """An open `.weights.h5` whose links and shapes are checked and whose data is not read yet.

    `permutes` says whether the model that it was saved from has a Permute layer.
    """

    def __init__(self, source: Path | BinaryIO, where: str) -> None:
        self.where = where
        with self._told():
            self._file = h5py.File(source, "r")
        try:
            with self._told():
                self.groups = self._read_groups()
        except WeightsError:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, group: Group) -> list[Array]:
        """Read one layer's variables as float32."""
        with self._told():
            return [
                self._dataset(f"layers/{group.key}/vars/{i}")[()].astype(np.float32)
                for i in range(len(group.shapes))
            ]

    def _read_groups(self) -> list[Group]:
        if "model_config" in self._file.attrs or "layer_names" in self._file.attrs:
            raise WeightsError(
                f"{self.where} is a whole model in Keras's old HDF5 format",
                "weights alone (.weights.h5), or a .keras file",
                'save it anew: model.save("model.keras")',
            )
        layers = self._member(self._file, "layers")
        if not isinstance(layers, h5py.Group):
            raise self._damaged("it has no layers")
        if len(layers) > MOST_GROUPS:
            raise self._damaged(f"it has {len(layers):,} layers")
        groups = []
        self.permutes = "permute" in layers
        for key in layers:
            variables = self._member(self._member(layers, key), "vars")
            if not isinstance(variables, h5py.Group) or not len(variables):
                continue
            count = len(variables)
            if count > 64:
                raise self._damaged(f"{quote(key)} has {count:,} variables")
            name = variables.attrs.get("name", "")
            shapes = [self._dataset(f"layers/{key}/vars/{i}").shape for i in range(count)]
            groups.append(Group(key, name if isinstance(name, str) else "", tuple(shapes)))
        return groups

    def _member(self, group: object, key: str) -> object:
        """Return a member that lies in this very file, or None."""
        if not isinstance(group, h5py.Group) or key not in group:
            return None
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise self._damaged(f"{quote(key)} is a link to somewhere else")
        return group[key]

    def _dataset(self, path: str) -> h5py.Dataset:
        """Return a dataset that holds, itself and uncompressed, every value that it declares."""
        place: object = self._file
        for part in path.split("/"):
            place = self._member(place, part)
        if not isinstance(place, h5py.Dataset):
            raise self._damaged(f"{quote(path)} is missing")
        if place.external or place.is_virtual or place.chunks is not None:
            raise self._damaged(f"{quote(path)} lies elsewhere or is compressed")
        if place.dtype.kind not in "fiu" or place.dtype.itemsize > 8:
            raise self._damaged(f"{quote(path)} holds {str(place.dtype)[:40]}, not numbers")
        declared = math.prod(place.shape) * place.dtype.itemsize
        if declared != place.id.get_storage_size():
            raise self._damaged(
                f"{quote(path)} declares {declared:,} bytes and holds "
                f"{place.id.get_storage_size():,}"
            )
        return place

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell whatever h5py raises: damaged bytes lead it to almost any exception."""
        try:
            yield
        except WeightsError:
            raise
        except Exception as error:
            raise self._damaged(str(error)[:200]) from None

    def _damaged(self, why: str) -> WeightsError:
        return WeightsError(
            f"{self.where} cannot be read: {why}",
            "weights as Keras 3 saves them",
            'save them with model.save_weights("model.weights.h5")',
        )


def match_groups(
    groups: Sequence[Group],
    wanted: Mapping[str, Sequence[Shape]],
    kinds: Mapping[str, str],
    where: str,
) -> dict[str, Group]:
    """Find each layer's group: by its name if all names are there, else by kind and order.

    Parameters
    ----------
    groups : sequence of Group
        What the file has.
    wanted : mapping of str to sequence of shape
        The shapes of each layer's variables, by the layer's name, in the network's order.
    kinds : mapping of str to str
        What Keras calls each of these layers' kind, such as "conv2d".
    where : str
        The file, for the error.

    Raises
    ------
    WeightsError
        Groups are missing, or have other shapes; the first five are listed.
    """
    named = {group.layer: group for group in groups}
    numbered = {group.key: group for group in groups}
    if len(named) == len(groups) and all(name in named for name in wanted):
        matched = {name: named.get(name) for name in wanted}
    else:
        counts: dict[str, int] = {}
        matched = {}
        for name in wanted:
            count = counts.get(kinds[name], 0)
            counts[kinds[name]] = count + 1
            matched[name] = numbered.get(kinds[name] + (f"_{count}" if count else ""))
    problems = [
        f"{quote(name)} {_listed(wanted[name])} is "
        + ("missing" if group is None else f"{quote(group.key)} {_listed(group.shapes)}")
        for name, group in matched.items()
        if group is None or list(group.shapes) != [tuple(shape) for shape in wanted[name]]
    ]
    if len(groups) > len(wanted):
        problems.append(f"the file has {len(groups)} layers with variables, not {len(wanted)}")
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise WeightsError(
            f"{where} does not fit the network: {'; '.join(problems[:5])}{more}",
            f"the variables of the network's {len(wanted)} layers, in its order",
            "use the weights that were trained with this network, or a .keras file",
        )
    return {name: group for name, group in matched.items() if group is not None}


def _listed(shapes: Sequence[Shape]) -> str:
    return " ".join(str(list(shape)) for shape in shapes)
