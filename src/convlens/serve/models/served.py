"""One run as the server answers with it: its model, its queue, and what it says of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convlens.api.opening import open_subject
from convlens.data import Preprocessing
from convlens.evaluation import softmax
from convlens.foundation.errors import InputError, RunError, nearest
from convlens.inside.look import Classifier
from convlens.inside.reasons import chosen_methods
from convlens.inside.windows import window
from convlens.network import Network
from convlens.runs import Run
from convlens.runs.layout import WEIGHTS
from convlens.serve import schemas
from convlens.serve.http.limits import Limits
from convlens.serve.models.batching import Batcher, Images
from convlens.serve.models.cells import cell_json
from convlens.serve.models.onnx_model import OnnxModel

if TYPE_CHECKING:
    from convlens.engines.torch_engine import TorchModel
    from convlens.inside.reasons import Attribution


class ServedModel:
    """A run's weights, opened for predictions.

    Parameters
    ----------
    run : Run
        Where the weights are.
    limits : Limits
        Size of the queue and of a batch.
    threads : int
        Cores that one batch may use.
    on_batch : callable
        Called with the size of each batch.

    Raises
    ------
    ConvlensError
        Where the run is damaged, has no weights yet, or holds weights that are not finite.
    """

    def __init__(
        self,
        run: Run,
        limits: Limits,
        *,
        threads: int = 1,
        on_batch: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.version = weights_version(run)
        subject = open_subject(run.folder, engine="reference")
        self.name = run.name
        self.network: Network = subject.network
        self.preprocessing: Preprocessing = subject.preprocessing
        self.classes = subject.classes
        self.model = OnnxModel(subject, threads)
        self.subject = Classifier(
            subject.name, self.model, subject.preprocessing, subject.classes, trained=True
        )
        self._check()
        self.batcher = Batcher(
            self.model.answers,
            most=limits.batch,
            bound=limits.queued_images,
            seconds=limits.request_seconds,
            on_batch=on_batch,
        )

    def _check(self) -> None:
        if self.preprocessing.input != self.network.input:
            raise RunError(
                f"{self.name} prepares images as {self.preprocessing.input} for a network that "
                f"takes {self.network.input}",
                "one shape",
                "restore the run, or train again",
            )
        if self.network.plan().output != (len(self.classes),):
            raise RunError(
                f"{self.name} names {len(self.classes)} classes for {self.network.plan().output}",
                "one name per class",
                "restore the run, or train again",
            )
        self.model.answers(np.zeros((1, *self.network.input), np.uint8))  # also warms the session

    def probabilities(self, images: Images) -> NDArray[np.float64]:
        """Return the probabilities `(N, K)` of uint8 images `(N, C, H, W)`."""
        logits = self.model.logits(self.preprocessing.normalise(images))
        return softmax(logits.reshape(len(images), -1))

    def predictions(
        self,
        order: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        notes: Sequence[list[str]],
    ) -> list[schemas.Prediction]:
        """Return the answers for the images whose rows of `answers` these are."""
        names = self.classes
        predictions: list[schemas.Prediction] = []
        # all numbers of a request leave NumPy at once: one by one they cost as much as computing
        rows = zip(order.tolist(), probabilities.tolist(), notes, strict=True)
        for numbers, shares, said in rows:
            top: list[schemas.Ranked] = [
                {"class": names[number], "probability": share}
                for number, share in zip(numbers, shares, strict=True)
            ]
            predictions.append({**top[0], "top": top, "notes": said})
        return predictions

    def class_number(self, wanted: str | int | None, probabilities: NDArray[np.float64]) -> int:
        """Return the number of the class that a request names, by name or by number."""
        if wanted is None:
            return int(probabilities.argmax())
        if isinstance(wanted, str) and wanted in self.classes:
            return self.classes.index(wanted)
        if isinstance(wanted, int) or (wanted.isascii() and wanted.isdigit() and len(wanted) < 8):
            if 0 <= int(wanted) < len(self.classes):
                return int(wanted)
            raise InputError(
                f"there is no class {wanted}",
                f"a class's name, or its number, 0 to {len(self.classes) - 1}",
            )
        raise InputError(
            f'there is no class "{wanted[:60]}"{nearest(wanted[:60], self.classes)}',
            "one of " + ", ".join(self.classes[:40]),
        )

    def activations(self, pixels: Images) -> Activations:
        """Compute every layer's output for one image, uint8 `(C, H, W)`."""
        normalised = self.preprocessing.normalise(pixels[None])
        layers = {name: a[0] for name, a in self.model.activations(normalised).items()}
        logits = self.model.logits(normalised).reshape(-1)
        return Activations(
            pixels, normalised[0], logits, softmax(logits[None])[0].astype(np.float32), layers
        )

    def cell(self, pixels: Images, layer: str, cell: list[int], notes: list[str]) -> schemas.Window:
        """Take one cell of one layer apart; see `inside.windows.window`."""
        normalised = self.preprocessing.normalise(pixels[None])[0]
        return cell_json(window(self.model, normalised, layer, cell), notes)

    def attribution(self, pixels: Images, method: str, wanted: str | int | None) -> Attribution:
        """Return an `Attribution`; see `inside.attribution.attribute`."""
        (chosen,) = chosen_methods(self.subject.plan, [method])  # type: ignore[list-item]
        probabilities = self.probabilities(pixels[None])
        target = self.class_number(wanted, probabilities[0])
        from convlens.inside.attribution import attribute  # loads PyTorch: after what can be wrong

        normalised = self.preprocessing.normalise(pixels[None])[0]
        return attribute(self._torch, normalised, chosen, target=target)

    @cached_property
    def _torch(self) -> TorchModel:
        # PyTorch is loaded by the first who asks for gradients
        from convlens.engines.device import limit_threads
        from convlens.engines.torch_engine import as_torch

        limit_threads()
        return as_torch(self.model)

    def close(self) -> None:
        """End the queue's thread when what waits in it is done."""
        self.batcher.close()


@dataclass(frozen=True, eq=False)
class Activations:
    """All that one image makes a network compute; arrays without a batch axis."""

    image: NDArray[np.uint8]
    normalised: NDArray[np.float32]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    layers: dict[str, NDArray[np.float32]]


def weights_version(run: Run) -> str:
    """Return a word that changes whenever a run's weights file does.

    Raises
    ------
    RunError
        Where there is none yet.
    """
    try:
        status = (run.folder / WEIGHTS["best"]).stat()
    except OSError:
        raise RunError(
            f"{run.name} has no weights yet",
            "a run that saved an epoch",
            "wait until it has trained, or resume its training",
        ) from None
    return f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"
