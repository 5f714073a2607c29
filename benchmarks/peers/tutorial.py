"""The tutorial's PyTorch script: two convolutions, Adam, batch 64, mean and std 0.5, 20 epochs.

Its mistake, NLL on a softmax without the logarithm, is corrected, which only helps it.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from mnist_of_a_peer import Arguments, Clock, PilMnist
from torch.utils.data import DataLoader


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=2)
        self.fc = nn.Linear(64 * 6 * 6, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(torch.flatten(x, 1))


def test(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (model(images).argmax(1) == labels).sum().item()
    return correct / len(loader.dataset)


def main():
    args = Arguments(epochs=20)
    torch.manual_seed(args.seed)
    train_set = PilMnist(args.images, args.labels, 0.5, 0.5)
    test_set = PilMnist(args.test_images, args.test_labels, 0.5, 0.5)
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=64)
    model = CNN()
    optimizer = optim.Adam(model.parameters())
    clock = Clock(args.budget)
    for _ in range(args.epochs):
        clock.start()
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        if not clock.report(lambda: test(model, test_loader)):
            break


if __name__ == "__main__":
    main()
