"""fastai's full-MNIST network of its book: strided convolutions, batch norm, one cycle.

github.com/fastai/fastbook, chapter 13: batch 512, `simple_cnn` with 8, 16, 32, 64 and
10 filters of stride 2 and batch normalisation, `fit_one_cycle(5, 0.1)`, fastai's own Adam. fastai's
DataBlock of images needs torchvision, whose compiled half does not load beside a CPU build of
PyTorch; so the images come through fastai's `DataLoaders` from a data set that does torchvision's
work.

fastai installs beside torch 2.13.0 without its dependencies, of which one is that torchvision:
`pip install --no-deps` with the versions in `benchmarks/peers/requirements-fastai.txt`.
"""

from __future__ import annotations

import torch
from fastai.basics import (
    Callback,
    CancelFitException,
    CrossEntropyLossFlat,
    DataLoaders,
    Learner,
)
from fastai.callback.schedule import *  # noqa: F403 - adds fit_one_cycle to Learner
from mnist_of_a_peer import Arguments, Clock, PilMnist
from pytorch_example import test
from torch import nn


def conv(ni, nf, ks=3, act=True):
    layers = [nn.Conv2d(ni, nf, stride=2, kernel_size=ks, padding=ks // 2)]
    if act:
        layers.append(nn.ReLU())
    layers.append(nn.BatchNorm2d(nf))
    return nn.Sequential(*layers)


def simple_cnn():
    return nn.Sequential(
        conv(1, 8, ks=5),
        conv(8, 16),
        conv(16, 32),
        conv(32, 64),
        conv(64, 10, act=False),
        nn.Flatten(),
    )


class Timed(Callback):
    def __init__(self, clock, test_loader):
        self.clock, self.test_loader = clock, test_loader

    def before_train(self):
        self.clock.start()

    def after_train(self):
        if not self.clock.report(lambda: test(self.learn.model, self.test_loader)):
            raise CancelFitException


def main():
    args = Arguments(epochs=5)
    torch.manual_seed(args.seed)
    train_set = PilMnist(args.images, args.labels, 0.1307, 0.3081)
    test_set = PilMnist(args.test_images, args.test_labels, 0.1307, 0.3081)
    # the book validates after each epoch; here only the timed evaluation does
    dls = DataLoaders.from_dsets(train_set, test_set, bs=512, num_workers=0, device="cpu")
    loader = torch.utils.data.DataLoader(test_set, batch_size=1000)
    learn = Learner(dls, simple_cnn(), loss_func=CrossEntropyLossFlat())
    learn.add_cb(Timed(Clock(args.budget), loader))
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(args.epochs, 0.1)


if __name__ == "__main__":
    main()
