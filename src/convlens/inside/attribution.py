"""Which pixels of an image speak for a class: four published methods, computed by captum.

Each answers its own question, and none says *why* in a person's sense; `docs/attribution.md`
says what each can claim, and `convlens.inside.attribution_checks` measures which to believe on a
model. All of them look at the logit, not at the probability: a probability also rises where the
other classes lose.

The methods see an independent copy of the network that computes every layer where the network
writes it (`PlanModule.frozen`); training's reordering of ReLU and max-pool plays no part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion, Saliency
from torch import Tensor

from convlens.engines import Float32
from convlens.engines.torch_engine import TorchModel
from convlens.engines.torch_modules import PlanModule
from convlens.foundation.errors import InputError, nearest
from convlens.foundation.progress import track
from convlens.inside import places
from convlens.inside.reasons import (
    METHODS,
    SHORTCUT,
    Attribution,
    Method,
    convolutions_with_places,
)
from convlens.network.arithmetic import Pair, shape_text
from convlens.network.layers import Activation, AvgPool, Concat, Join, MaxPool, Pointwise
from convlens.network.plan import Plan, Step

INTEGRATION_STEPS = 64
BATCH = 64
"""Most images in one pass of occlusion and of the integral."""
PASS_BYTES = 256 * 2**20
"""What the layers' outputs of one pass may take: EfficientNet-Lite0 takes twice as long an image
with 64 images in a pass as with 9, because the processor's cache holds none of them."""


def attribute(
    model: TorchModel,
    image: Float32,
    method: Method = "grad-cam",
    *,
    target: int | None = None,
    layer: str | None = None,
    baseline: Float32 | None = None,
) -> Attribution:
    """Return how much each pixel of one image speaks for a class.

    Parameters
    ----------
    model : TorchModel
        The network with its weights.
    image : float32 array (C, H, W)
        One normalised image.
    method : {"grad-cam", "integrated-gradients", "occlusion", "saliency"}
        - Grad-CAM (Selvaraju et al. 2016, arXiv:1610.02391): the layer's maps, each weighted by
          the mean gradient of the logit over it, summed, ReLU, stretched bilinearly over the
          image.
        - Integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365): difference to the
          baseline, times the mean gradient on the straight line from it; summed over channels.
        - Occlusion (Zeiler and Fergus 2013, arXiv:1311.2901): how far the logit falls where a
          window takes the baseline's values, averaged over the windows that cover a pixel. The
          window is about a seventh of the image, and steps by half of itself.
        - Saliency (Simonyan et al. 2013, arXiv:1312.6034): absolute gradient of the logit, the
          largest over the channels.
    target : int, optional
        Number of the class; by default the predicted one.
    layer : str, optional
        Grad-CAM only: a layer with maps; by default `default_layer`.
    baseline : float32 array (C, H, W), optional
        Integrated gradients and occlusion only: the image that stands for "nothing there", on
        the normalised scale. Zeros by default, which is the training set's mean colour where
        the images were normalised by the set's own mean.

    Raises
    ------
    InputError
        Where there is no such method, class or layer, the image or baseline does not fit the
        network, or Grad-CAM is asked of a network that has no convolution with maps.
    """
    if method not in METHODS:
        raise InputError(
            f'there is no attribution method "{method}"{nearest(method, METHODS)}',
            "one of " + ", ".join(METHODS),
            'use method="grad-cam"',
        )
    places.check_image(model.plan, image)
    if baseline is not None:
        places.check_image(model.plan, baseline)
    if target is not None:
        places.check_class(model.plan, target)
    places.count_classes(model.plan)
    seen = _Seen(model, image, baseline, target)
    if method == "grad-cam":
        return _grad_cam(seen, _layer(model.plan, layer))
    return _OF_THE_IMAGE[method](seen)


def attribute_all(
    model: TorchModel,
    image: Float32,
    methods: Sequence[Method] = METHODS,
    *,
    target: int | None = None,
    baseline: Float32 | None = None,
) -> tuple[Attribution, ...]:
    """Return one image's attributions by several methods; see `attribute`."""
    return tuple(
        attribute(model, image, method, target=target, baseline=baseline)
        for method in track(methods, "attributions computed")
    )


def default_layer(plan: Plan) -> str:
    """Return the layer that Grad-CAM looks at by default: the last convolution's activation.

    That is the first activation after the last convolution, across batch normalisation,
    pooling and the ends of blocks; the convolution itself where none follows. Where it stands in a
    branch whose maps are put beside those of others, all of them are looked at: the first
    activation after that concatenation, or the concatenation. The
    paper's own code reads a convolution's maps after the ReLU too (Caffe computes it in place).
    Before it, maps hold values of both signs, and Grad-CAM's last step, which drops what speaks
    against the class, often leaves nothing: see `docs/attribution.md` for the measurement.

    A convolution with a single cell per map is passed over, because it tells no place from
    another; one in a shortcut is taken only where there is no other.

    Raises
    ------
    InputError
        Where the network has no convolution with more than one cell per map.
    """
    convolutions = convolutions_with_places(plan)
    if not convolutions:
        raise InputError(
            f"{plan.name} has no convolution with more than one cell per map: Grad-CAM has "
            "nothing to look at",
            "a network with a convolution",
            "use integrated-gradients, occlusion or saliency, or name another layer with maps",
        )
    last = _all_branches(plan, convolutions[-1])
    steps = plan.steps
    in_shortcut = SHORTCUT in last.name
    for step in steps[steps.index(last) + 1 :]:
        beside = SHORTCUT in step.name and not in_shortcut
        if beside or step.output[1:] == (1, 1):  # the gate of a squeeze-and-excitation
            continue
        if isinstance(step.layer, Activation):
            return step.name
        if not isinstance(step.layer, Pointwise | MaxPool | AvgPool | Join):
            break
    return last.name


def _all_branches(plan: Plan, step: Step) -> Step:
    """Return the outermost concatenation in whose branches a step stands, or the step itself."""
    whole = step
    while step.block:
        step = plan.step(step.block)
        if isinstance(step.layer, Concat):
            whole = step
    return whole


def _layer(plan: Plan, name: str | None) -> str:
    if name is None:
        return default_layer(plan)
    step = places.find_maps(plan, name)
    if step.output[1:] == (1, 1):
        raise InputError(
            f'the maps of layer "{name}" ({shape_text(step.output)}) have a single cell: '
            "Grad-CAM cannot tell one place from another",
            "a layer with larger maps",
            "choose one nearer to the input",
        )
    return name


class _Seen:
    """What every method starts from: a frozen network, an image, a baseline, a class."""

    def __init__(
        self, model: TorchModel, image: Float32, baseline: Float32 | None, target: int | None
    ) -> None:
        self.module: PlanModule = model.module.frozen()
        self.batch = min(BATCH, max(1, PASS_BYTES // model.plan.activation_bytes))
        self.image = torch.from_numpy(np.array(image[None])).to(model.device)
        self.baseline = (
            torch.zeros_like(self.image)
            if baseline is None
            else torch.from_numpy(np.array(baseline[None])).to(model.device)
        )
        with torch.no_grad():
            logits = self.module(self.image)[0].double()
        self.target = int(logits.argmax()) if target is None else target
        self.logit = float(logits[self.target])
        self.probability = float(logits.softmax(0)[self.target])
        # asked for here: captum warns where it has to
        self.image.requires_grad_(True)

    def attribution(
        self,
        method: Method,
        values: Tensor,
        *,
        signed: bool,
        layer: str | None = None,
        baseline_logit: float | None = None,
        window: Pair | None = None,
        stride: Pair | None = None,
    ) -> Attribution:
        """Wrap a map `(H, W)`."""
        return Attribution(
            method,
            values.detach().double().cpu().numpy(),
            signed,
            self.target,
            self.logit,
            self.probability,
            layer,
            baseline_logit,
            window,
            stride,
        )


def _grad_cam(seen: _Seen, layer: str) -> Attribution:
    cam = LayerGradCam(seen.module, seen.module.get_submodule(layer))
    coarse = cam.attribute(seen.image, target=seen.target, relu_attributions=True)
    size = seen.image.shape[2:]
    fine = LayerAttribution.interpolate(coarse, tuple(size), interpolate_mode="bilinear")
    return seen.attribution("grad-cam", fine[0, 0], signed=False, layer=layer)


def _integrated_gradients(seen: _Seen) -> Attribution:
    values = IntegratedGradients(seen.module).attribute(
        seen.image,
        baselines=seen.baseline,
        target=seen.target,
        n_steps=INTEGRATION_STEPS,
        internal_batch_size=seen.batch,
    )
    with torch.no_grad():
        baseline_logit = float(seen.module(seen.baseline)[0, seen.target])
    return seen.attribution(
        "integrated-gradients",
        values[0].double().sum(0),
        signed=True,
        baseline_logit=baseline_logit,
    )


def occlusion_window(height: int, width: int) -> tuple[Pair, Pair]:
    """Return the occluding window and its stride for an image size, both `(height, width)`.

    A seventh of the side, rounded up, by steps of half of it: some 170 to 200 windows at any
    size.

    >>> occlusion_window(28, 28), occlusion_window(224, 112)
    (((4, 4), (2, 2)), ((32, 16), (16, 8)))
    """
    window = ceil(height / 7), ceil(width / 7)
    return window, (max(1, window[0] // 2), max(1, window[1] // 2))


def _occlusion(seen: _Seen) -> Attribution:
    channels, height, width = seen.image.shape[1:]
    window, stride = occlusion_window(height, width)
    with torch.no_grad():
        values = Occlusion(seen.module).attribute(
            seen.image,
            sliding_window_shapes=(channels, *window),
            strides=(channels, *stride),
            baselines=seen.baseline,
            target=seen.target,
            perturbations_per_eval=seen.batch,
        )
    # the window covers all channels at once, so each of them carries the same value
    return seen.attribution("occlusion", values[0, 0], signed=True, window=window, stride=stride)


def _saliency(seen: _Seen) -> Attribution:
    values = Saliency(seen.module).attribute(seen.image, target=seen.target, abs=True)
    return seen.attribution("saliency", values[0].amax(0), signed=False)


_OF_THE_IMAGE: dict[Method, Callable[[_Seen], Attribution]] = {
    "integrated-gradients": _integrated_gradients,
    "occlusion": _occlusion,
    "saliency": _saliency,
}
