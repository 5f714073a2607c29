"""A recipe of convlens, looked at after each epoch as the peers are.

`python peers/convlens_recipe.py MNIST.npz --network NET --recipe RECIPE ...`: the same loop, data
and choices as `convlens train`, 54,000 images to train on and 6,000 held out for validation. Only
this benchmark reads the test images after each epoch; nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--network", required=True)
parser.add_argument("--recipe", required=True)
own, rest = parser.parse_known_args()
sys.argv[1:] = rest

import numpy as np  # noqa: E402 - the peers' arguments are read without ours
from mnist_of_a_peer import Arguments, Clock  # noqa: E402

from convlens.api.adapting import adapted_to_data  # noqa: E402
from convlens.studies.trial import Trial  # noqa: E402
from convlens.training import recipe as recipes  # noqa: E402
from convlens.training.settling import settle  # noqa: E402


def main() -> None:
    recipe = recipes.load(own.recipe)
    args = Arguments(epochs=recipe.epochs)
    recipe = recipe.changed({"seed": args.seed, "epochs": args.epochs})
    network, dataset, _ = adapted_to_data(own.network, "mnist", recipe)
    assert np.array_equal(dataset.test.images[:, 0], args.test_images)
    job = settle(network, dataset, recipe, "cpu")
    print(job.compute, flush=True)
    trial = Trial(job)
    held_out = job.image_set(dataset.test)
    clock = Clock(args.budget)

    def accuracy() -> float:
        with job.compute.in_threads():
            logits = trial.training.logits(held_out)
        return float((logits.argmax(1) == held_out.labels).double().mean())

    for epoch in range(1, recipe.epochs + 1):
        trial.go_on(epochs=epoch)
        clock.seconds = trial.seconds  # as the run folder would have it
        if not clock.report(accuracy):
            break


if __name__ == "__main__":
    main()
