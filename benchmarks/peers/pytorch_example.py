"""The MNIST example of PyTorch's own examples: Adadelta at 1.0, falling by 0.7 an epoch, batch 64.

github.com/pytorch/examples, mnist/main.py: two 3x3 convolutions, one pooling, two dropouts, two
linear layers (1,199,882 parameters), 14 epochs, test batches of 1,000. The example shuffles only
on a GPU; here it shuffles on a CPU too, which only helps it.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from mnist_of_a_peer import Arguments, Clock, PilMnist
from torch.optim.lr_scheduler import StepLR


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = self.dropout1(F.max_pool2d(x, 2))
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        x = self.fc2(self.dropout2(x))
        return F.log_softmax(x, dim=1)


def train(model, train_loader, optimizer):
    model.train()
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()


def test(model, test_loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for data, target in test_loader:
            pred = model(data).argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    return correct / len(test_loader.dataset)


def main():
    args = Arguments(epochs=14)
    torch.manual_seed(args.seed)
    dataset1 = PilMnist(args.images, args.labels, 0.1307, 0.3081)
    dataset2 = PilMnist(args.test_images, args.test_labels, 0.1307, 0.3081)
    train_loader = torch.utils.data.DataLoader(dataset1, batch_size=64, shuffle=True)
    test_loader = torch.utils.data.DataLoader(dataset2, batch_size=1000)
    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
    clock = Clock(args.budget)
    for _ in range(args.epochs):
        clock.start()
        train(model, train_loader, optimizer)
        if not clock.report(lambda: test(model, test_loader)):
            break
        scheduler.step()


if __name__ == "__main__":
    main()
