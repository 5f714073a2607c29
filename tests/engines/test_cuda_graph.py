"""Recording and replaying, as far as it can be seen without a GPU: which inputs are read when."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from convlens.data import Preprocessing, Split
from convlens.engines.cuda_graph import CudaGraph, copied, recorded, shapes_of, tensors_in
from convlens.engines.torch_engine import TorchModel
from convlens.network import Network
from convlens.training.batches import TensorSet
from convlens.training.compute_settings import ComputeSettings
from convlens.training.loop import fit
from convlens.training.recipe import Recipe
from convlens.training.targets import Targets
from convlens.training.torch_training import TorchTraining

CPU = torch.device("cpu")


class Replay:
    """What a CUDA graph does when it is replayed: read its inputs, overwrite its results."""

    def __init__(self, graph: CudaGraph[Any]) -> None:
        self.graph = graph

    def replay(self) -> None:
        results = self.graph._function(*self.graph._inputs)
        for place, result in zip(tensors_in(self.graph._result), tensors_in(results), strict=True):
            place.copy_(result)


class OnACpu(CudaGraph[Any]):
    """A graph without a GPU; recording computes nothing, as on a GPU."""

    direct = recordings = 0

    def _compute(self, *inputs: Any) -> Any:
        self.direct += 1
        return self._function(*inputs)

    def _record(self) -> Any:
        self.recordings += 1
        self._result = copied(self.result_like)
        return Replay(self)

    result_like: Any = None


class Pair(NamedTuple):
    first: Tensor
    second: Tensor | None = None


def test_nested_tuples_are_flattened_in_order_and_none_is_left_out() -> None:
    one, two, three = (torch.full((n,), float(n)) for n in (1, 2, 3))
    inputs = (one, Pair(two), (Pair(three, one), None))
    assert [len(tensor) for tensor in tensors_in(inputs)] == [1, 2, 3, 1]
    assert shapes_of(inputs) == ((1,), (2,), (3,), (1,))


def test_a_copy_has_the_same_form_and_its_own_tensors() -> None:
    inputs = (torch.ones(2), Pair(torch.ones(3)))
    images, pair = copied(inputs)
    assert isinstance(pair, Pair)
    assert pair.second is None
    inputs[1].first.zero_()
    assert pair.first.tolist() == [1, 1, 1]
    assert images is not inputs[0]


def test_a_call_after_the_warm_up_is_replayed_with_its_own_inputs() -> None:
    graph = OnACpu(lambda images, pair: images * pair.first, warm_up=2)
    graph.result_like = torch.zeros(2)
    for number in range(5):
        images = torch.full((2,), float(number))
        assert graph(images, Pair(torch.full((2,), 3.0))).tolist() == [3 * number] * 2
    assert (graph.direct, graph.recordings) == (2, 1)


def test_other_shapes_are_computed_directly_and_counted_by_themselves() -> None:
    graph = OnACpu(lambda images: images + 1, warm_up=1)
    graph.result_like = torch.zeros(2)
    assert graph(torch.zeros(3)).tolist() == [1, 1, 1]
    for _ in range(3):
        assert graph(torch.zeros(2)).tolist() == [1, 1]
    assert graph(torch.zeros(3)).tolist() == [1, 1, 1]
    assert (graph.direct, graph.recordings) == (3, 1)


def test_a_result_is_overwritten_by_the_next_call() -> None:
    graph = OnACpu(lambda images: images + 1, warm_up=0)
    graph.result_like = torch.zeros(1)
    first = graph(torch.zeros(1))
    graph(torch.ones(1))
    assert first.item() == 2


@pytest.mark.parametrize("mixup", [0.0, 0.5])
def test_a_replayed_training_is_the_direct_one_bit_for_bit(mixup: float) -> None:
    recipe = Recipe(epochs=2, batch_size=16, learning_rate=0.01).changed(
        {"augmentation.mixup": mixup}
    )
    layers = [{"conv": 4, "kernel": 3}, {"relu": True}, {"flatten": True}, {"linear": 3}]
    network = Network(input=(1, 6, 6), classes=3, layers=layers)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (50, 1, 6, 6), generator=generator, dtype=torch.uint8)
    split = Split(pixels.numpy(), torch.randint(0, 3, (50,), generator=generator).numpy())
    images = TensorSet(split, Preprocessing((1, 6, 6), (0.5,), (0.5,)), CPU)
    weights = []
    for replayed in (False, True):
        compute = ComputeSettings("float32", "contiguous")
        training = TorchTraining(TorchModel(network), recipe, 50, CPU, compute)
        if replayed:
            graph = OnACpu(training.step, warm_up=2)
            graph.result_like = (torch.zeros(()), torch.zeros(16, 3))
            training.step = graph
        fit(training, images, images)
        weights.append(training.weights())
        if replayed:
            # 3 whole batches and one of 2 in each of the epochs
            assert (graph.direct, graph.recordings) == (4, 1)
    for name, array in weights[0].items():
        assert (weights[1][name] == array).all(), name


def test_targets_of_one_class_and_of_two_are_inputs_of_a_graph() -> None:
    labels, shares = torch.tensor([1, 0]), torch.tensor([0.5, 1.0])
    assert len(list(tensors_in((Targets(labels),)))) == 1
    assert len(list(tensors_in((Targets(labels, labels, shares),)))) == 3
    assert copied(Targets(labels)).others is None


def test_only_a_cuda_device_records() -> None:
    assert recorded(torch.relu, CPU) is torch.relu
    assert isinstance(recorded(torch.relu, torch.device("cuda")), CudaGraph)
