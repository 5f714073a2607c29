"""The answers about images: predictions, activations, one window, attributions."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from convlens.foundation.atomic import finite
from convlens.serve import schemas
from convlens.serve.http.bodies import SAFETENSORS, Call
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Answer, Problem, wrong
from convlens.serve.models import tensors
from convlens.serve.models.batching import Computed
from convlens.serve.models.images import ImageRequest, read_images
from convlens.serve.models.registry import Registry
from convlens.serve.models.served import Activations, ServedModel
from convlens.serve.models.work_queue import WorkQueue
from convlens.weights.tensor_file import Array

_NAME = re.compile(r"/v1/models/(.+):[a-z]+", re.DOTALL)


class Inference:
    """The handlers.

    Parameters
    ----------
    registry : Registry
        The models.
    limits : Limits
        How much one request may ask for.
    decoding, computing : WorkQueue
        Where image files are decoded, and where what is not batched is computed.
    """

    def __init__(
        self, registry: Registry, limits: Limits, decoding: WorkQueue, computing: WorkQueue
    ) -> None:
        self._registry, self.limits = registry, limits
        self._decoding, self._computing = decoding, computing

    def model(self, call: Call) -> ServedModel:
        """Return the model that a request's path names."""
        match = _NAME.fullmatch(call.scope["path"])
        if match is None:
            raise Problem(404, "not_found", "there is nothing at this address", "", "see /docs")
        return self._registry.model(match[1])

    async def predict(self, call: Call) -> Answer:
        """Classify images; see the API's own description."""
        model = self.model(call)
        asked = await self._images(call, model, one=False)
        return _classified(model, asked.notes, await model.batcher.submit(asked.images))

    async def activations(self, call: Call) -> Answer:
        """Compute every layer's output for one image."""
        model = self.model(call)
        asked = await self._images(call, model, one=True)
        layers = asked.texts("layers")
        for name in layers or ():
            model.network.plan().step(name)
        as_tensors = SAFETENSORS in call.header(b"accept")
        if layers is None and not as_tensors:
            layers = []  # as JSON only what is asked for: all of it would be megabytes of text
        return await self._computing.run(_all_layers, model, asked, layers, as_tensors)

    async def window(self, call: Call) -> Answer:
        """Take one cell of one layer apart."""
        model = self.model(call)
        asked = await self._images(call, model, one=True)
        layer = asked.text("layer")
        if layer is None:
            raise wrong("layer", '"layer" is missing', "a layer's name")
        cell = asked.whole_numbers("cell")
        image, notes = asked.images[0], asked.notes[0]
        cell_json = await self._computing.run(model.cell, image, layer, cell, notes)
        return Answer(200, orjson.dumps(cell_json))

    async def attribution(self, call: Call) -> Answer:
        """Say how much each pixel speaks for a class."""
        model = self.model(call)
        asked = await self._images(call, model, one=True)
        method = asked.text("method")
        if method is None:
            raise wrong("method", '"method" is missing', "a name of the model's attributions")
        wanted = asked.fields.get("class")
        if isinstance(wanted, bool) or not isinstance(wanted, int | None):
            wanted = asked.text("class")
        attribution = await self._computing.run(model.attribution, asked.images[0], method, wanted)
        values = attribution.map.astype(np.float32)
        content: schemas.AttributionMap = {
            "method": attribution.method,
            "class": model.classes[attribution.target],
            "class_number": attribution.target,
            "signed": attribution.signed,
            "logit": attribution.logit,
            "probability": attribution.probability,
            "layer": attribution.layer,
            "notes": asked.notes[0],
            "map": _written(values),
        }
        if SAFETENSORS in call.header(b"accept"):
            said = {
                key: json.dumps(finite(value)) for key, value in content.items() if key != "map"
            }
            return Answer(200, tensors.to_bytes({"map": values}, said), SAFETENSORS)
        return Answer(200, orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))

    async def _images(self, call: Call, model: ServedModel, *, one: bool) -> ImageRequest:
        return await read_images(call, model.preprocessing, self.limits, self._decoding, one=one)


def _classified(model: ServedModel, notes: Sequence[list[str]], computed: Computed) -> Answer:
    order, probabilities = computed
    content: schemas.Predictions = {"predictions": model.predictions(order, probabilities, notes)}
    return Answer(200, orjson.dumps(content))


def _all_layers(
    model: ServedModel, asked: ImageRequest, layers: list[str] | None, as_tensors: bool
) -> Answer:
    activations = model.activations(asked.images[0])
    names = list(activations.layers) if layers is None else layers
    notes = asked.notes[0]
    if as_tensors:
        said = {"notes": json.dumps(notes), "weights_version": model.version}
        return Answer(200, tensors.to_bytes(_named(activations, names), said), SAFETENSORS)
    content: schemas.ActivationLists = {
        "image": _written(activations.image),
        "normalised": _written(activations.normalised),
        "logits": _written(activations.logits),
        "probabilities": _written(activations.probabilities),
        "activations": {name: _written(activations.layers[name]) for name in names},
        "notes": notes,
        "weights_version": model.version,
    }
    return Answer(200, orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))


def _written(array: NDArray[Any]) -> Any:
    """Return an array that orjson writes as nested lists, many times faster than lists of it."""
    return np.ascontiguousarray(array)


def _named(activations: Activations, names: list[str]) -> dict[str, Array]:
    return {
        "image": activations.image,
        "normalised": activations.normalised,
        "logits": activations.logits,
        "probabilities": activations.probabilities,
        **{f"activation/{name}": activations.layers[name] for name in names},
    }
