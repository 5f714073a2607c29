"""Training by PyTorch: a step (`TrainingStep`) and an epoch (`train_epoch`), each on one screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Self

import torch
from torch import Tensor, nn

from convlens.engines import build
from convlens.engines.cuda_graph import recorded
from convlens.engines.device import choose_device, synchronize
from convlens.engines.torch_engine import TorchModel, as_torch, neutral_weights
from convlens.foundation.progress import track
from convlens.network import Network
from convlens.network.layers import Linear
from convlens.training import checkpoint, optimise
from convlens.training.autotune import autotune
from convlens.training.averaging import MovingAverage
from convlens.training.batches import ImageSet, PixelSet, epoch_seed, epoch_sizes
from convlens.training.compute_settings import EVALUATION_BATCH, ComputeSettings
from convlens.training.engine import Batch
from convlens.training.job import Job, Weights
from convlens.training.monitor import Monitor
from convlens.training.progress import Progress
from convlens.training.recipe import Recipe
from convlens.training.targets import Targets, cross_entropy
from convlens.training.views import View, as_it_is, mean_over_views


@dataclass(frozen=True)
class TrainingStep:
    """A training step: of tensors alone, so that a GPU can record it."""

    module: nn.Module
    optimizer: torch.optim.Optimizer
    compute: ComputeSettings
    label_smoothing: float

    def __call__(self, images: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
        """Move the weights once; return the batch's mean loss and its logits from before."""
        self.optimizer.zero_grad()
        with self.compute.autocast(images.device):
            logits = self.module(images)
        loss = cross_entropy(logits.float(), targets, self.label_smoothing)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()


class Tally:
    """Sums over an epoch, kept on the device so that no step waits for them."""

    def __init__(self, device: torch.device, progress: Progress) -> None:
        self.loss_sum = torch.full((), progress.loss_sum, dtype=torch.float64, device="cpu")
        if device.type != "mps":  # which has no float64
            self.loss_sum = self.loss_sum.to(device)
        self.correct = torch.full((), progress.correct, dtype=torch.int64, device=device)
        self.images = progress.images

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch: its mean loss weighs as many images as it has.

        Parameters
        ----------
        loss : Tensor, float32 ()
            Mean loss of the batch.
        logits : Tensor, float32 (B, classes)
            Of the batch.
        labels : Tensor, int64 (B,)
            Of a mixed image, the class of its larger part.
        """
        self.loss_sum += loss.detach().to(self.loss_sum.device) * len(labels)
        self.correct += (logits.argmax(1) == labels).sum()
        self.images += len(labels)

    def store(self, progress: Progress) -> None:
        """Put the sums into the progress (waits for the device)."""
        progress.loss_sum, progress.correct = self.loss_sum.item(), int(self.correct.item())
        progress.images = self.images


class TorchTraining:
    """A training in progress: the module, its optimizer, its average, and how far it is.

    Parameters
    ----------
    model : TorchModel
        The network; its module is moved to the device.
    recipe : Recipe
        How it is trained.
    images : int
        Number of training images.
    device : torch.device
        Where the batches are.
    compute : ComputeSettings
        How it computes.
    """

    def __init__(
        self,
        model: TorchModel,
        recipe: Recipe,
        images: int,
        device: torch.device,
        compute: ComputeSettings,
    ) -> None:
        self.model, self.recipe, self.device, self.compute = model, recipe, device, compute
        self.module: nn.Module = model.module
        self.module.to(device, memory_format=compute.torch_format)  # type: ignore[call-overload]
        self.steps_per_epoch = len(epoch_sizes(images, recipe))
        factors = optimise.layer_factors(model.plan, recipe.layer_decay)
        self.optimizer = optimise.optimizer(self.module, recipe, compute.dtype, factors)
        factor = optimise.rate_factor(recipe, self.steps_per_epoch * recipe.epochs)
        self.rate_at: Callable[[int], float] = lambda step: recipe.learning_rate * factor(step)
        self.average = MovingAverage(self.module, recipe.ema) if recipe.ema else None
        self.progress = Progress()
        self.notes: tuple[str, ...] = ()
        self.best: Weights | None = None
        self.step: Callable[[Tensor, Targets], tuple[Tensor, Tensor]] = self._new_step()
        self._head_alone = False
        linear = [step.name for step in model.plan.steps if isinstance(step.layer, Linear)]
        self._head = linear[-1] if linear else ""

    @staticmethod
    def settle(
        network: Network, recipe: Recipe, device_name: str
    ) -> tuple[torch.device, ComputeSettings]:
        """Choose the device, and measure what the recipe leaves to "auto"."""
        device = choose_device(device_name)
        return device, autotune(network, recipe, device)

    @classmethod
    def begin(cls, job: Job) -> Self:
        """Return the training of a job before its first step."""
        model = as_torch(build(job.network, job.recipe.seed))
        if job.weights is not None:
            model.load_weights(job.weights)
        return cls(model, job.recipe, len(job.dataset.train), job.device, job.compute)

    def inputs(self, images: PixelSet) -> ImageSet:
        """Return the images themselves: all layers are trained on them."""
        return images

    def train_epoch(self, batches: Iterator[Batch], monitor: Monitor) -> None:
        """Train on all batches, unless the monitor stops it."""
        progress = self.progress
        if progress.step == 0:  # dropout's own randomness, too, depends on (seed, epoch) alone
            torch.manual_seed(epoch_seed(self.recipe.seed, progress.epoch, purpose=1))
        tally = Tally(self.device, progress)
        self._train_mode(head_alone=progress.epoch < self.recipe.head_epochs)
        for images, targets in batches:
            self.set_rate(progress.epoch * self.steps_per_epoch + progress.step)
            loss, logits = self.step(images, targets)
            if self.average is not None:
                self.average.update()

            tally.add(loss, logits, targets.labels)
            progress.step += 1
            looked_at = self.device.type == "cpu" or progress.step % 25 == 0  # a GPU would wait
            if looked_at and not loss.isfinite():
                raise monitor.diverged()
            if monitor.is_due():
                tally.store(progress)
                monitor.show()
            if monitor.stopped():
                break
        synchronize(self.device)
        tally.store(progress)

    def _new_step(self) -> Callable[[Tensor, Targets], tuple[Tensor, Tensor]]:
        step = TrainingStep(self.module, self.optimizer, self.compute, self.recipe.label_smoothing)
        return recorded(step, self.device)

    def _train_mode(self, *, head_alone: bool) -> None:
        """Let all layers learn, or the last linear one alone; the others' statistics then stay."""
        self.module.train()
        if head_alone:
            self.module.eval()
            self.module.get_submodule(self._head).train()
        if head_alone != self._head_alone:
            for name, parameter in self.module.named_parameters():
                own = name.rpartition(".")[0] == self._head
                parameter.requires_grad_(own or not head_alone)
            self._head_alone = head_alone
            self.step = self._new_step()  # another one than a GPU has recorded

    def set_rate(self, step: int) -> None:
        """Set the learning rate of a step, counted from the training's first."""
        for group in self.optimizer.param_groups:
            rate = self.rate_at(step) * group["factor"]
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    @property
    def evaluated(self) -> nn.Module:
        """The module that validation sees: the average where the recipe keeps one."""
        return self.module if self.average is None else self.average.module

    def logits(self, images: ImageSet) -> Tensor:
        """Return float32 logits `(N, classes)` of a whole set, by the evaluated weights."""
        return predict(self.evaluated, images, self.compute.evaluation_batch)

    def weights(self) -> Weights:
        """Return a copy of the evaluated weights in the neutral layout."""
        return neutral_weights(self.evaluated)

    def use_best(self) -> None:
        """Evaluate with the best weights from now on; the training does not go on after it."""
        assert self.best is not None  # an epoch was completed
        self.model.load_weights(self.best)
        self.average = None

    def state(self) -> tuple[checkpoint.Arrays, dict[str, Any]]:
        """Return all that resuming needs: arrays, and plain values for JSON."""
        arrays = checkpoint.gather(self._modules(), self.optimizer, self.best)
        return arrays, self.progress.to_json()

    def later_bytes(self) -> int:
        """Return the bytes that a checkpoint gains with the optimizer's first step."""
        if self.optimizer.state:
            return 0
        moments = 2 if self.recipe.optimizer.startswith("adam") else 1  # Muon's filters have one
        parameters = (p for group in self.optimizer.param_groups for p in group["params"])
        return moments * sum(int(p.numel()) * int(p.element_size()) for p in parameters)

    def resume(self, arrays: checkpoint.Arrays, values: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.best = checkpoint.restore(arrays, self._modules(), self.optimizer)
        self.progress = Progress.from_json(values)

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"model": self.module}
        if self.average is not None:
            modules["average"] = self.average
        return modules


def predict(
    module: nn.Module,
    images: ImageSet,
    batch_size: int = EVALUATION_BATCH,
    views: Sequence[View] = (as_it_is,),
) -> Tensor:
    """Return float32 logits `(N, classes)` of a whole set, in evaluation mode, unaugmented.

    Of several views the logits are the mean.
    """
    module.eval()
    with torch.inference_mode():
        batches = images.in_order(batch_size)
        parts = [
            mean_over_views(module, batch, views).float()
            for batch, _ in track(batches, "batches computed", ceil(len(images) / batch_size))
        ]
    return torch.cat(parts)
