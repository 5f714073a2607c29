"""The answers about images: predictions, activations, one window, attributions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import numpy as np
import orjson

from convlens.atomic import finite
from convlens.serve import tensors
from convlens.serve.batching import Computed, Job
from convlens.serve.bodies import SAFETENSORS, Call
from convlens.serve.given import ARRAYS, Given, as_they_are, read_arrays, read_images
from convlens.serve.heavy import Heavy
from convlens.serve.limits import Limits
from convlens.serve.problems import Answer, Problem, wrong
from convlens.serve.registry import Registry
from convlens.serve.served import Activations, ServedModel
from convlens.weights.tensor_file import Array

PREDICT = ":predict"
_NAME = re.compile(r"/v1/models/(.+):[a-z]+", re.DOTALL)


class Inference:
    """The handlers.

    Parameters
    ----------
    registry : Registry
        The models.
    limits : Limits
        How much one request may ask for.
    decoding, computing : Heavy
        Where image files are decoded, and where what is not batched is computed.
    """

    def __init__(
        self, registry: Registry, limits: Limits, decoding: Heavy, computing: Heavy
    ) -> None:
        self._registry, self.limits = registry, limits
        self._decoding, self._computing = decoding, computing

    def model(self, call: Call) -> ServedModel:
        """Return the model that a request's path names."""
        found = _NAME.fullmatch(call.scope["path"])
        if found is None:
            raise Problem(404, "not_found", "there is nothing at this address", "", "see /docs")
        return self._registry.model(found[1])

    async def predict(self, call: Call) -> Answer:
        """Classify images; see the API's own description."""
        model = self.model(call)
        given = await self._images(call, model, one=False)
        return _classified(model, given.notes, await model.batcher.submit(given.images))

    def straight(
        self, call: Call, body: bytes, reply: Callable[[Answer | Exception], None]
    ) -> Job | None:
        """Put images that need no preparing into the queue.

        Parameters
        ----------
        call, body
            The request.
        reply : callable
            Is given the answer later, once, or what went wrong.

        Returns
        -------
        Job or None
            What waits in the queue; None for images that are files or of another shape.

        Raises
        ------
        ConvlensError
            As `predict`.
        """
        model = self.model(call)
        kind, shape = call.media_type, model.preprocessing.input
        if kind not in ARRAYS:
            return None
        given = as_they_are(*read_arrays(kind, body, shape, self.limits, one=False), shape)
        if given is None:
            return None

        def done(computed: Computed | Exception) -> None:
            if isinstance(computed, Exception):
                reply(computed)
            else:
                reply(_classified(model, given.notes, computed))

        return model.batcher.put(given.images, done)

    async def activations(self, call: Call) -> Answer:
        """Compute every layer's output for one image."""
        model = self.model(call)
        given = await self._images(call, model, one=True)
        layers = given.texts("layers")
        for name in layers or ():
            model.network.table().row(name)
        as_tensors = SAFETENSORS in call.header(b"accept")
        if layers is None and not as_tensors:
            layers = []  # as JSON only what is asked for: all of it would be megabytes of text
        return await self._computing.run(_all_layers, model, given, layers, as_tensors)

    async def window(self, call: Call) -> Answer:
        """Take one cell of one layer apart."""
        model = self.model(call)
        given = await self._images(call, model, one=True)
        layer = given.text("layer")
        if layer is None:
            raise wrong("layer", '"layer" is missing', "a layer's name")
        cell = given.whole_numbers("cell")
        told = await self._computing.run(model.step, given.images[0], layer, cell)
        return Answer(200, orjson.dumps(told | {"notes": given.notes[0]}))

    async def attribution(self, call: Call) -> Answer:
        """Say how much each pixel speaks for a class."""
        model = self.model(call)
        given = await self._images(call, model, one=True)
        method = given.text("method")
        if method is None:
            raise wrong("method", '"method" is missing', "a name of the model's attributions")
        wanted = given.fields.get("class")
        if isinstance(wanted, bool) or not isinstance(wanted, int | None):
            wanted = given.text("class")
        found = await self._computing.run(model.attribution, given.images[0], method, wanted)
        values = found.map.astype(np.float32)
        facts = {
            "method": found.method,
            "class": model.classes[found.target],
            "class_number": found.target,
            "signed": found.signed,
            "logit": found.logit,
            "probability": found.probability,
            "layer": found.layer,
            "notes": given.notes[0],
        }
        if SAFETENSORS in call.header(b"accept"):
            said = {key: json.dumps(finite(value)) for key, value in facts.items()}
            return Answer(200, tensors.to_bytes({"map": values}, said), SAFETENSORS)
        body = orjson.dumps({**facts, "map": values}, option=orjson.OPT_SERIALIZE_NUMPY)
        return Answer(200, body)

    async def _images(self, call: Call, model: ServedModel, *, one: bool) -> Given:
        return await read_images(call, model.preprocessing, self.limits, self._decoding, one=one)


def _classified(model: ServedModel, notes: Sequence[list[str]], computed: Computed) -> Answer:
    order, probabilities = computed
    found = model.predictions(order, probabilities, notes)
    return Answer(200, orjson.dumps({"predictions": found}))


def _all_layers(
    model: ServedModel, given: Given, layers: list[str] | None, as_tensors: bool
) -> Answer:
    found = model.activations(given.images[0])
    names = list(found.layers) if layers is None else layers
    notes = given.notes[0]
    if as_tensors:
        said = {"notes": json.dumps(notes), "weights_version": model.version}
        return Answer(200, tensors.to_bytes(_named(found, names), said), SAFETENSORS)
    told = {
        "image": found.image,
        "normalised": found.normalised,
        "logits": found.logits,
        "probabilities": found.probabilities,
        "activations": {name: np.ascontiguousarray(found.layers[name]) for name in names},
        "notes": notes,
        "weights_version": model.version,
    }
    return Answer(200, orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY))


def _named(found: Activations, names: list[str]) -> dict[str, Array]:
    return {
        "image": found.image,
        "normalised": found.normalised,
        "logits": found.logits,
        "probabilities": found.probabilities,
        **{f"activation/{name}": found.layers[name] for name in names},
    }
