"""A network computed by ONNX Runtime: predictions in batches, every layer's output on request.

Several sessions of one network, each opened when it is first asked for: predictions go from pixels
to classes in one call, and a graph that has to hand out every layer's output cannot be fused.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.engines import Floats
from convlens.foundation.errors import InputError
from convlens.inside.look import Classifier
from convlens.interchange.onnx.graph import INPUT, LOGITS
from convlens.interchange.onnx.writing import onnx_bytes
from convlens.network import Network
from convlens.serve.models.answer_graph import CLASSES, PIXELS, SHARES, with_answers
from convlens.weights.tensor_file import Array

TOP = 5
"""How many classes an answer names."""


class OnnxModel:
    """The `Model` that a server answers with.

    Parameters
    ----------
    subject : Classifier
        Network and weights, in any engine.
    threads : int
        Cores that one prediction may use.
    """

    def __init__(self, subject: Classifier, threads: int = 1) -> None:
        self.network: Network = subject.network
        self.plan = subject.plan
        self.subject = subject
        self._threads = threads
        self._sessions: dict[str, Any] = {}
        self._opening = threading.Lock()

    def answers(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the likeliest classes and their probabilities, both `(N, top)`, largest first.

        Parameters
        ----------
        pixels : uint8 array (N, C, H, W)
            Images before normalisation.
        """
        session = self._session("answers", self._answering)
        order, shares = session.run([CLASSES, SHARES], {PIXELS: pixels})
        return order, shares

    def logits(self, images: Floats) -> NDArray[np.float32]:
        """Return logits `(N, classes)` for normalised float32 images `(N, C, H, W)`."""
        session = self._session("logits", lambda: onnx_bytes(self.subject))
        logits: NDArray[np.float32] = session.run([LOGITS], {INPUT: images})[0]
        return logits

    def activations(
        self, images: Floats, layers: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Return the output of the named layers (all of them by default), batch first.

        Raises
        ------
        InputError
            Where a layer does not exist; gives the nearest name.
        """
        names = list(self.tensors) if layers is None else list(dict.fromkeys(layers))
        for name in names:
            self.plan.step(name)
        if not names:
            return {}
        values = self._whole.run(
            [self.tensors[name] for name in names], {INPUT: np.asarray(images, np.float32)}
        )
        return dict(zip(names, values, strict=True))

    def weights(self) -> Mapping[str, Floats]:
        """Return a copy of the weights in the neutral layout."""
        return self.subject.model.weights()

    def load_weights(self, weights: Mapping[str, Floats]) -> None:
        """Refuse: a session keeps the weights that it was opened with."""
        raise InputError("an ONNX session cannot change its weights", "a new session")

    @cached_property
    def tensors(self) -> dict[str, str]:
        """The tensor that each layer's output is, by the layer's name."""
        tensors: dict[str, str] = json.loads(
            self._whole.get_modelmeta().custom_metadata_map["layers"]
        )
        return tensors

    @property
    def _whole(self) -> Any:
        return self._session("layers", lambda: onnx_bytes(self.subject, all_layers=True))

    def _answering(self) -> bytes:
        return with_answers(onnx_bytes(self.subject), self.subject.preprocessing, TOP)

    def _session(self, name: str, write: Callable[[], bytes]) -> Any:
        session = self._sessions.get(name)
        if session is None:
            with self._opening:
                if name not in self._sessions:
                    self._sessions[name] = open_session(write(), self._threads)
                session = self._sessions[name]
        return session


def open_session(data: bytes, threads: int) -> Any:
    """Open an ONNX model in ONNX Runtime, on so many cores of this machine.

    Threads that have nothing to do sleep instead of spinning: on few cores a spinning thread
    takes its time from the one that reads the next request.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def float32(weights: Mapping[str, Floats]) -> dict[str, Array]:
    """Return weights as float32 arrays, as they are kept in files."""
    return {name: np.asarray(array, np.float32) for name, array in weights.items()}
