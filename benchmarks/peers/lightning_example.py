"""Lightning's image classifier: PyTorch's MNIST example as a LightningModule under a Trainer.

github.com/Lightning-AI/pytorch-lightning takes network and values from PyTorch's example: Adadelta
at 1.0, falling by 0.7 an epoch, batch 64, 14 epochs. Checkpoints, the progress bar and TensorBoard
are off, which only helps it.
"""

from __future__ import annotations

import logging
import warnings

import lightning as L
import torch
import torch.nn.functional as F
from mnist_of_a_peer import Arguments, Clock, PilMnist
from pytorch_example import Net, test
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader


class ImageClassifier(L.LightningModule):
    def __init__(self, clock, test_loader):
        super().__init__()
        self.model, self.clock, self.held_out = Net(), clock, test_loader

    def forward(self, x):
        return self.model(x)

    def training_step(self, batch, batch_idx):
        images, labels = batch
        return F.nll_loss(self(images), labels)

    def configure_optimizers(self):
        optimizer = torch.optim.Adadelta(self.model.parameters(), lr=1.0)
        return [optimizer], [StepLR(optimizer, step_size=1, gamma=0.7)]

    def on_train_epoch_start(self):
        self.clock.start()

    def on_train_epoch_end(self):
        if not self.clock.report(lambda: test(self.model, self.held_out)):
            self.trainer.should_stop = True
        self.model.train()


def main():
    args = Arguments(epochs=14)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    L.seed_everything(args.seed, verbose=False)
    train_set = PilMnist(args.images, args.labels, 0.1307, 0.3081)
    test_set = PilMnist(args.test_images, args.test_labels, 0.1307, 0.3081)
    classifier = ImageClassifier(Clock(args.budget), DataLoader(test_set, batch_size=1000))
    trainer = L.Trainer(
        max_epochs=args.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(classifier, DataLoader(train_set, batch_size=64, shuffle=True))


if __name__ == "__main__":
    main()
