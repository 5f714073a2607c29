"""The average that `ema` keeps, against PyTorch's own class."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from convlens.training.averaging import MovingAverage, decay_at


def test_it_is_pytorchs_average_with_the_decay_of_each_update() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(2))
    model(torch.randn(3, 1, 5, 5))

    def lerp(kept: list[torch.Tensor], new: list[torch.Tensor], updates: torch.Tensor) -> None:
        if kept[0].is_floating_point():
            torch._foreach_lerp_(kept, new, 1 - decay_at(int(updates), 0.9))

    expected = AveragedModel(model, multi_avg_fn=lerp, use_buffers=True)
    average = MovingAverage(model, 0.9)
    for _ in range(20):
        model(torch.randn(3, 1, 5, 5))  # which moves the moments of batch norm
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        expected.update_parameters(model)
        average.update()
    found = average.state_dict()
    assert found.keys() == expected.state_dict().keys()
    assert found["n_averaged"] == 20
    for name, tensor in expected.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert found[name] == 21
        else:
            assert torch.equal(found[name], tensor), name
    assert not torch.equal(found["module.0.weight"], model[0].weight)
