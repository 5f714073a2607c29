"""The PyTorch engine: a network as an `nn.Module`, with the neutral weights out and in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from convlens.engines import Float32, Floats, Model, plan_of
from convlens.engines.torch_modules import PlanModule
from convlens.foundation.waiting import watch
from convlens.network import Network
from convlens.network.plan import Plan
from convlens.weights import check_arrays


class TorchModel:
    """A network computed by PyTorch.

    Parameters
    ----------
    network : Network or Plan
        What to compute: a network, or a part of one that `Plan.cut` gave.
    seed : int
        Seed of the initial weights (PyTorch's default initialisation); the global random
        state is left as it was.

    Attributes
    ----------
    module : torch.nn.Module
        Maps `(N, C, H, W)` float images to logits `(N, classes)`.
    """

    def __init__(self, network: Network | Plan, seed: int = 0) -> None:
        watch()
        if isinstance(network, Network):
            self.network = network
        self.plan = plan_of(network)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.module = PlanModule(self.plan)

    @property
    def device(self) -> torch.device:
        """The device the weights are on (the CPU for a network without weights)."""
        return next((p.device for p in self.module.parameters()), torch.device("cpu"))

    def logits(self, images: Floats) -> Float32:
        """Return logits `(N, classes)` for normalised images `(N, C, H, W)`, in evaluation mode."""
        with _Evaluating(self.module), torch.inference_mode():
            output: Float32 = self.module(self._tensor(images)).float().cpu().numpy()
        return output

    def activations(
        self, images: Floats, layers: Sequence[str] | None = None
    ) -> dict[str, Float32]:
        """Return the named layers' outputs, batch first, in the order of computation.

        Parameters
        ----------
        images : float array (N, C, H, W)
            Normalised images; float64 ones are rounded to float32.
        layers : sequence of str, optional
            Full layer names as in the table; all of them by default.

        Raises
        ------
        InputError
            Where a layer does not exist; gives the nearest name.
        """
        steps = self.plan.steps if layers is None else map(self.plan.step, layers)
        wanted = {step.name for step in steps}
        with _Evaluating(self.module), torch.inference_mode():
            return {
                name: output.float().cpu().numpy().copy()
                for name, output in self.module.outputs(self._tensor(images))
                if name in wanted
            }

    def _tensor(self, images: Floats) -> torch.Tensor:
        contiguous = np.ascontiguousarray(images, dtype=np.float32)
        return torch.from_numpy(contiguous).to(self.device)

    def weights(self) -> dict[str, Float32]:
        """Return a copy of the weights in the neutral layout."""
        return neutral_weights(self.module)

    def load_weights(self, weights: Mapping[str, Floats]) -> None:
        """Replace the weights.

        Raises
        ------
        WeightsError
            Where names or shapes differ from the network's; nothing is changed then.
        """
        check_arrays(weights, self.plan.weight_shapes())
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
        self.module.load_state_dict(tensors, strict=False)


def as_torch(model: Model) -> TorchModel:
    """Return a model as PyTorch computes it: itself, or a new one with its weights."""
    if isinstance(model, TorchModel):
        return model
    built = TorchModel(model.plan)
    built.load_weights(model.weights())
    return built


def neutral_weights(module: torch.nn.Module) -> dict[str, Float32]:
    """Return a module's weights as float32 arrays, without PyTorch's own batch counters."""
    return {
        name: tensor.detach().float().cpu().contiguous().numpy().copy()
        for name, tensor in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


class _Evaluating:
    """Put a module in evaluation mode and restore its mode afterwards."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module

    def __enter__(self) -> None:
        self.training = self.module.training
        self.module.eval()

    def __exit__(self, *_: object) -> None:
        self.module.train(self.training)
