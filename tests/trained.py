"""Real networks with weights that mean something, trained for seconds on the embedded digits."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F

from convlens import data
from convlens.data import Dataset
from convlens.engines.torch_engine import TorchModel
from convlens.network import zoo


@cache
def digits() -> Dataset:
    """Return the embedded digits."""
    return data.load("digits-5k")


@cache
def tutorial(name: str = "tutorial-torch") -> TorchModel:
    """Return a network of the zoo after 60 steps of Adam: well above 80% on digits."""
    model, dataset = TorchModel(zoo.load(name), seed=0), digits()
    images = torch.from_numpy(dataset.preprocessing.normalise(dataset.train.images))
    labels = torch.from_numpy(dataset.train.labels)
    optimizer = torch.optim.Adam(model.module.parameters(), 0.003)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    for index in order[: 60 * 64].split(64):
        optimizer.zero_grad()
        F.cross_entropy(model.module(images[index]), labels[index]).backward()
        optimizer.step()
    return model
