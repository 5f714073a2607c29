"""The result of looking at one image: the network, and all that it computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from convlens.data import Preprocessing
from convlens.engines import Floats, Model
from convlens.evaluation import top_k
from convlens.foundation.errors import InputError, nearest
from convlens.foundation.notebook import Figure, ShownInNotebooks, drawn
from convlens.network import Network
from convlens.network.plan import Plan

if TYPE_CHECKING:
    from convlens.inside.feature_maps import FeatureMaps, FeatureVector
    from convlens.inside.reasons import Attribution, Method
    from convlens.inside.records import CellComputation


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network with its weights, the preprocessing of its images, and the names of its classes.

    Parameters
    ----------
    name : str
        The run's name, or the network's.
    model : Model
        The network with its weights, in any engine.
    preprocessing : Preprocessing
        What each image goes through.
    classes : tuple of str
        Class names; numbers where they are not known.
    trained : bool
        Whether the weights were learned; a bare network has its initial ones.
    """

    name: str
    model: Model
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    trained: bool

    @property
    def network(self) -> Network:
        return self.model.network

    @property
    def plan(self) -> Plan:
        """The network, layer by layer."""
        return self.model.plan

    def class_number(self, name: str) -> int:
        """Return the number of a class.

        Raises
        ------
        InputError
            Where there is no such class; gives the nearest name.
        """
        if name not in self.classes:
            raise InputError(
                f'there is no class "{name}"{nearest(name, self.classes)}',
                "one of " + ", ".join(self.classes[:40]),
            )
        return self.classes.index(name)


@dataclass(frozen=True, eq=False)
class Look(ShownInNotebooks):
    """What one image makes a network compute.

    Parameters
    ----------
    subject : Classifier
        The network that computed it.
    image : str
        The image's file.
    pixels : uint8 array (C, H, W)
        The image as the network sees it, before normalisation.
    normalised : float32 array (C, H, W)
        What goes into the first layer.
    notes : tuple of str
        What was changed to bring the image to the network.
    logits, probabilities : float array (K,)
        One score per class, before and after softmax: (classes,).
    layers : tuple of FeatureMaps or FeatureVector
        Each layer's output, in the order of computation.
    cells : dict of str to CellComputation
        For some layers, by name: one output cell taken apart.
    methods : tuple of str
        How the reasons for the answer are looked for.
    target : int
        The class they are for.
    """

    _notebook_view: ClassVar[str] = "look"

    subject: Classifier
    image: str
    pixels: NDArray[np.uint8]
    normalised: NDArray[np.float32]
    notes: tuple[str, ...]
    logits: Floats
    probabilities: NDArray[np.float64]
    layers: tuple[FeatureMaps | FeatureVector, ...]
    cells: Mapping[str, CellComputation]
    methods: tuple[Method, ...]
    target: int

    @cached_property
    def attributions(self) -> tuple[Attribution, ...]:
        """The attributions of the class by each method; computed when first asked for.

        Everything else comes from the network alone; this needs PyTorch.
        """
        from convlens.engines.torch_engine import as_torch
        from convlens.inside.attribution import attribute_all

        model = as_torch(self.subject.model)
        return attribute_all(model, self.normalised, self.methods, target=self.target)

    def plot_attributions(self) -> Figure:
        """Draw `attributions` beside the image; a notebook shows it, `str()` is its SVG.

        Raises
        ------
        InputError
            The look was made without any method.
        """
        return drawn(
            "convlens.figures.attribution:attributions_svg",
            *(self.pixels, self.attributions),
            classes=self.subject.classes,
        )

    @property
    def plan(self) -> Plan:
        return self.subject.plan

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """Return the likeliest classes with their probabilities."""
        return list(top_k(self.probabilities, list(self.subject.classes), count))
