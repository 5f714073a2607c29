"""The leading dimension of PyTorch's input is the batch; groups are something else."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from convlens import data as datasets
from convlens.engines import Float32
from convlens.engines.device import limit_threads
from convlens.engines.torch_engine import TorchModel
from convlens.figures.panels import Panel, panels_svg
from convlens.foundation.progress import track
from convlens.lessons.lesson import Lesson
from convlens.network import Network, zoo
from convlens.report.page import Drawing
from convlens.report.text_table import Table

GROUPS = (1, 2, 4)


def grouped(groups: int) -> Network:
    """Return one 3x3 convolution from 4 channels to 4 maps, in groups."""
    layer = {"conv": 4, "kernel": 3, "groups": groups, "name": "conv"}
    return Network(input=(4, 28, 28), layers=[layer])


def influence(model: TorchModel, channels: Float32) -> NDArray[np.float64]:
    """Blank each input channel in turn; return the mean change of each map, (channels, maps)."""
    before = model.activations(channels[None])["conv"][0]
    changes = []
    for channel in range(len(channels)):
        blanked = channels.copy()
        blanked[channel] = 0
        after = model.activations(blanked[None])["conv"][0]
        changes.append(np.abs(after - before).mean(axis=(1, 2), dtype=np.float64))
    return np.stack(changes)


def run(seed: int, *, quick: bool = False) -> Lesson:
    """Show that a batch is independent images, and that groups cut the channels apart."""
    limit_threads()
    dataset = datasets.load("digits-5k")
    pixels = dataset.test.images[np.linspace(0, len(dataset.test) - 1, 5).astype(int)]
    images = dataset.preprocessing.normalise(pixels)

    model = TorchModel(zoo.load("fast-mnist"), seed)
    together = model.logits(images)
    alone = np.concatenate(
        [model.logits(image[None]) for image in track(images, "images computed")]
    )
    difference = float(np.abs(together - alone).max())
    changed = images.copy()
    changed[2] = np.random.default_rng(seed).permuted(changed[2])  # the same pixels, shuffled
    moved = np.abs(model.logits(changed) - together).max(axis=1)

    # four digits as four channels of ONE image: what the mistake amounts to
    stacked = images[:4, 0]
    tables = {g: grouped(g).plan() for g in GROUPS}
    matrices = {g: influence(TorchModel(grouped(g), seed), stacked) for g in GROUPS}
    reached = {g: int((matrix > 0).sum()) for g, matrix in matrices.items()}
    weights = {g: grouped(g).plan().weight_shapes()["conv.weight"] for g in GROUPS}
    with torch.inference_mode():
        layer = torch.nn.Conv2d(1, 4, 3)
        as_batch = tuple(layer(torch.from_numpy(stacked[:, None])).shape)
    one_image = (1, *tables[1].output)

    return Lesson(
        title="The leading dimension is the batch; groups are something else",
        shows=(
            "Five real digits of 1x28x28 through fast-mnist (untrained, which does not matter "
            "here), together and one by one; then convolutions of 4 channels in 1, 2 and 4 groups."
        ),
        parts=(
            f"PyTorch takes {tuple(images.shape)}: 5 images, 1 channel, 28 rows, 28 columns. It "
            f"gives {tuple(together.shape)}: a row of ten logits for each image. Each row is what "
            f"that image gives alone; the largest difference is {difference:.1e} (float32 sums in "
            "another order).",
            "Shuffling the pixels of the third image changes its logits by up to "
            f"{moved[2]:.3f} and those of the other four by {np.delete(moved, 2).max():.1e}. In "
            "evaluation, images of a batch know nothing of one another. (In training, batch "
            "normalisation is the exception: it uses the batch's mean and variance.)",
            f"Groups cut the channels of one image apart. Four digits as (4, 1, 28, 28) are four "
            f"images and give {as_batch}, four images of 4 maps. The same numbers as "
            f"(1, 4, 28, 28) are one image of four channels and give {one_image}, one image of "
            "4 maps.",
            Table(
                "3x3 convolution, 4 channels to 4 maps",
                ("groups", "weights", "parameters", "channel-map pairs that touch"),
                [
                    (
                        f"{g}",
                        "x".join(map(str, weights[g])),
                        f"{tables[g].parameters}",
                        f"{reached[g]} of 16",
                    )
                    for g in GROUPS
                ],
            ),
            Drawing(
                "groups",
                panels_svg(
                    [Panel(f"groups = {g}", matrix) for g, matrix in matrices.items()],
                    scale="amount",
                    label="mean change of the map",
                    columns=3,
                    digits=2,
                ),
                "How much each map (columns, 0 to 3) changes when an input channel (rows, 0 to 3) "
                "is blanked. With 2 groups a map reads two channels, with 4 groups one. Zero is "
                "exactly zero.",
            ),
        ),
        numbers={
            "batch": len(images),
            "outputs": together.shape[0],
            "largest_difference_from_alone": difference,
            "change_of_the_changed_image": float(moved[2]),
            "change_of_the_others": float(np.delete(moved, 2).max()),
            **{f"groups_{g}_parameters": tables[g].parameters for g in GROUPS},
            **{f"groups_{g}_pairs": reached[g] for g in GROUPS},
        },
    )
