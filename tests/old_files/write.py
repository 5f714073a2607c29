"""Write the files that `test_old_files.py` reads, by an older version of convlens.

Check that version out, and run this script with its source:

    git worktree add --detach ../older COMMIT
    PYTHONPATH=../older/src python tests/old_files/write.py tests/old_files/COMMIT

It calls only what every version of the public API has had.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

import convlens

NETWORK: dict[str, Any] = {
    "name": "tiny",
    "about": "One layer of every family, and residual blocks with and without a shortcut.",
    "input": [1, 28, 28],
    "classes": 10,
    "rounding": "floor",
    "layers": [
        {"conv": 4, "kernel": 3, "stride": 2},
        {"batch_norm": True},
        {"leaky_relu": 0.1},
        {"residual": [{"conv": 4, "kernel": 3, "padding": 1, "bias": False}, {"silu": True}]},
        {
            "residual": [{"depthwise": 2, "kernel": 3, "padding": "same", "stride": 2}],
            "shortcut": [{"conv": 8, "kernel": 1, "stride": 2}],
        },
        {"gelu": True},
        {"max_pool": 2},
        {"dropout": 0.1},
        {"flatten": True},
        {"linear": 10},
    ],
}


def interrupt(event: dict[str, Any]) -> None:
    """Interrupt the training after its first epoch, as Ctrl-C does."""
    if event.get("event") == "epoch":
        os.kill(os.getpid(), signal.SIGINT)


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    network = convlens.Network.read(NETWORK)
    (folder / "tiny.toml").write_text(network.to_toml())
    (folder / "tiny.json").write_text(network.to_json())
    settings: dict[str, Any] = {"epochs": 2, "seed": 0, "threads": 1}
    settings |= {"precision": "float32", "memory_format": "contiguous"}  # or a measurement chooses
    run = convlens.train(network, out=folder / "run", **settings)
    try:
        convlens.train(network, out=folder / "interrupted", on_event=interrupt, **settings)
    except convlens.ConvlensError as error:
        print(error)
    test = convlens.load_data("digits-5k").test
    with TemporaryDirectory() as place:
        images = [Path(place) / f"digit{number}.png" for number in range(4)]
        for path, digit in zip(images, test.images, strict=False):
            Image.fromarray(digit[0]).save(path)
        predictions = convlens.predict(run=run.folder, images=images)
    measured = convlens.evaluate(run.folder)
    (folder / "said.json").write_text(
        json.dumps(
            {
                "accuracy": measured.accuracy,
                "loss": measured.loss,
                "predictions": [[p.label, p.probability] for p in predictions],
            },
            indent=2,
        )
        + "\n"
    )
    convlens.export(run.folder, out=folder / "tiny.onnx")
    convlens.export(run.folder, to="keras", out=folder / "tiny.keras")
    with TemporaryDirectory() as place:
        convlens.export(run.folder, to="torch", out=Path(place) / "torch")
        shutil.copy(Path(place) / "torch" / "model.safetensors", folder / "tiny.safetensors")
    for unread in [*folder.rglob("report.html"), *folder.rglob(".lock")]:
        unread.unlink()  # a report is large, and no command reads it


if __name__ == "__main__":
    main(Path(sys.argv[1]))
