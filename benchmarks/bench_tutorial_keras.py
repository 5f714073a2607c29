"""Claim: the tutorial's Keras network reaches its published test result, whichever engine trains.

Protocol: `tutorial-keras` with its own recipe (pixels / 255, Adam 0.001, batch 128, 15 epochs, the
last tenth held out) on whole MNIST, three seeds, by Keras on TensorFlow and by PyTorch, in turn in
one process with the same threads. The epoch is chosen by validation loss and the test set is read
once a training. Published for 15 epochs of Keras: accuracy 0.9893, loss 0.0366.

Goals: Keras's mean accuracy at least 0.9885 and mean loss at most 0.045; PyTorch's mean accuracy
within 0.002 of it. Seconds are of training alone, without validation and test; Keras's contain
the tracing of its graph. Each Keras run is then evaluated by PyTorch: the same accuracy, and the
same answer on every image unless two classes are closer than 1e-4.

Arguments: epochs and seeds, `bench_tutorial_keras.py 15 3`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from typing import Any

import numpy as np

import convlens
from convlens import data, engines
from convlens.engines import keras_backend
from convlens.network import Network
from convlens.runs import Run
from measure import keep, mnist_place

EPOCHS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
SEEDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
PUBLISHED = {"accuracy": 0.9893, "loss": 0.0366}
TIE = 1e-4


def train(place: str, engine: str, seed: int, folder: str) -> tuple[Run, dict[str, Any]]:
    """Train once; return the run and what came out."""
    run = convlens.train(
        "tutorial-keras",
        place,
        recipe="tutorial-keras",
        engine=engine,
        epochs=EPOCHS,
        seed=seed,
        precision="float32",
        runs=folder,
        name=f"{engine}-{seed}",
    )
    row = {
        "engine": engine,
        "seed": seed,
        "accuracy": run.status["test_accuracy"],
        "loss": round(run.status["test_loss"], 5),
        "best_epoch": run.status["best_epoch"],
        "seconds": round(run.status["train_seconds"], 1),
    }
    print(row, flush=True)
    return run, row


def exchanged(run: Run) -> dict[str, Any]:
    """Evaluate a run with both engines; return both accuracies and where the answers differ."""
    network = Network.from_toml(run.network_text)
    dataset = data.load_like(run.data)
    images = dataset.preprocessing.normalise(dataset.test.images)
    scores = {}
    for engine in ("keras", "torch"):
        model = engines.build(network, engine=engine)
        model.load_weights(run.weights("best", expected=network.plan().weight_shapes()))
        scores[engine] = model.logits(images)
    ranked = np.sort(scores["torch"], axis=1)
    differing = scores["keras"].argmax(1) != scores["torch"].argmax(1)
    ties = ranked[:, -1] - ranked[:, -2] < TIE
    accuracy = {e: convlens.evaluate(run, engine=e).accuracy for e in scores}
    return {
        "accuracy": accuracy,
        "answers_that_differ": int(differing.sum()),
        "of_these_ties": int((differing & ties).sum()),
        "largest_difference": float(np.abs(scores["keras"] - scores["torch"]).max()),
    }


def main() -> None:
    place = mnist_place()
    rows, exchanges = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(SEEDS):
            run, row = train(place, "keras", seed, folder)
            exchanges.append(exchanged(run))
            rows += [row, train(place, "torch", seed, folder)[1]]
    mean = {
        engine: {
            key: round(statistics.mean(row[key] for row in rows if row["engine"] == engine), 5)
            for key in ("accuracy", "loss", "seconds")
        }
        for engine in ("keras", "torch")
    }
    keep(
        "tutorial_keras",
        {
            "epochs": EPOCHS,
            "keras": keras_backend.describe(),
            "published": PUBLISHED,
            "mean": mean,
            "accuracy_apart": round(abs(mean["keras"]["accuracy"] - mean["torch"]["accuracy"]), 5),
            "keras_weights_in_both_engines": exchanges,
            "trainings": rows,
        },
    )


if __name__ == "__main__":
    main()
