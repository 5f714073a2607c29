"""Which layers a layer reads."""

from __future__ import annotations

import numpy as np

from convlens import zoo
from convlens.engines import build
from convlens.inside.sources import sources
from convlens.layers import Residual


def test_every_residual_sum_of_a_resnet_adds_what_its_two_sources_put_out() -> None:
    network = zoo.load("bottleneck-resnet")
    model = build(network, seed=1, engine="reference")
    maps = model.activations(np.random.default_rng(0).standard_normal((1, *network.input)))
    read = sources(network.layers)
    rows = [row for row in network.table().rows if isinstance(row.layer, Residual)]
    assert len(rows) == 4
    for row in rows:
        main, shortcut = read[row.name]
        np.testing.assert_array_equal(maps[row.name], maps[main] + maps[shortcut])
    assert list(read) == list(maps)


def test_the_first_layers_of_both_branches_read_what_the_block_reads() -> None:
    read = sources(zoo.load("bottleneck-resnet").layers)
    assert read["conv1"] == (None,)
    assert read["residual1.conv1"] == read["residual1.shortcut.conv1"] == ("relu1",)
    assert read["residual2"] == ("residual2.batch_norm3", "relu2")
    assert read["relu3"] == ("residual2",)
