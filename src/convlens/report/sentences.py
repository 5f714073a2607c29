"""What a layer does, and what a map answers to, in one sentence with its own numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from convlens.network import layers
from convlens.network.arithmetic import shape_text
from convlens.network.plan import Step

_FITS = {
    "crop": "the middle cut to the input's size",
    "pad": "padded to the input's size",
    "stretch": "stretched to the input's size",
}
_BACKGROUNDS = {
    "dark": "dark background; images on a light one are inverted",
    "light": "light background; images on a dark one are inverted",
    "mixed": "no common background, so none is inverted",
}
_METHODS = {
    "stratified": "drawn at random, the same share of every class",
    "last": "the last images of the file",
    "folders": "a folder of its own",
}


def preparation(preprocessing: Mapping[str, Any]) -> str:
    """Say how an image is brought to the network's input; an empty text where it is not known.

    >>> preparation({"framing": "none", "fit": "crop", "background": "mixed"})
    "the middle cut to the input's size; no common background, so none is inverted"
    >>> preparation({"framing": "mnist", "fit": "pad", "background": "dark"}).split("; ")[0]
    'digits centred as those of MNIST are'
    """
    framed = preprocessing.get("framing") == "mnist"
    parts = (
        "digits centred as those of MNIST are" if framed else "",
        _FITS.get(str(preprocessing.get("fit")), ""),
        _BACKGROUNDS.get(str(preprocessing.get("background")), ""),
    )
    return "; ".join(part for part in parts if part)


def split_words(split: Mapping[str, Any]) -> str:
    """Say how the validation images were chosen; what is not known is left out.

    >>> split_words({"method": "stratified", "fraction": 0.05, "seed": 0})
    'drawn at random, the same share of every class: 5% of the training images, seed 0'
    >>> split_words({"method": "folders"})
    'a folder of its own'
    """
    method, fraction, seed = (split.get(key) for key in ("method", "fraction", "seed"))
    how = _METHODS.get(str(method), str(method or ""))
    known = []
    if isinstance(fraction, int | float):
        known.append(f"{100 * fraction:.3g}% of the training images")
    if seed is not None and method == "stratified":
        known.append(f"seed {seed}")
    return ": ".join(part for part in (how, ", ".join(known)) if part)


def does(step: Step) -> str:
    """Say what a layer does to its input.

    >>> from convlens.network import Network
    >>> table = Network(
    ...     input=[3, 32, 32], layers=[{"conv": 6, "kernel": 5, "padding": 2}, {"max_pool": 2}]
    ... ).plan()
    >>> for step in table.steps:
    ...     print(does(step))
    Each of 6 filters of 5x5 slides over all 3 maps; at each place the products are summed, with a bias, into one value of its map.
    Each 2x2 window keeps its largest value: 32x32 becomes 16x16.
    """  # noqa: E501 - the sentence is one line
    layer, shape = step.layer, step.input
    sizes = f"{shape_text(shape[1:])} becomes {shape_text(step.output[1:])}"
    match layer:
        case layers.Conv():
            sees = _maps(shape[0] // layer.groups)
            if layer.groups > 1:
                sees = f"{sees} of its group"
            elif shape[0] > 1:
                sees = f"all {sees}"
            bias = ", with a bias," if layer.bias else ""
            return (
                f"Each of {layer.filters} filters of {_kernel(layer)} slides over {sees}; at each "
                f"place the products are summed{bias} into one value of its map."
            )
        case layers.Depthwise():
            own = "a filter" if layer.multiplier == 1 else f"{layer.multiplier} filters"
            return f"Each of the {_maps(shape[0])} has {own} of {_kernel(layer)} of its own."
        case layers.MaxPool():
            return f"Each {_kernel(layer)} window keeps its largest value: {sizes}."
        case layers.AvgPool():
            counted = ", padding counted as zeros" if layer.count_padding else ""
            return f"Each {_kernel(layer)} window becomes its mean{counted}: {sizes}."
        case layers.GlobalMaxPool():
            return "Each map keeps only its largest value."
        case layers.GlobalAvgPool():
            return "Each map becomes its mean."
        case layers.Described():
            return layer.sentence()
        case layers.Flatten():
            return (
                f"The {_maps(shape[0])} are read out row by row into {step.output[0]:,} features."
            )
        case layers.Linear():
            bias = ", with a bias" if layer.bias else ""
            return (
                f"Each of {layer.features:,} outputs is a weighted sum of all {shape[0]:,} "
                f"features{bias}."
            )
        case layers.Softmax():
            return "The scores become probabilities: each e^score divided by the sum of all."
        case layers.Add():
            branches = "two" if len(step.inputs) == 2 else str(len(step.inputs))
            return f"The outputs of {branches} branches are added, cell by cell."
        case layers.Concat():
            what = "maps" if len(step.output) == 3 else "features"
            return (
                f"The {what} of {len(step.inputs)} branches are put one after the other: "
                f"{step.output[0]:,} {what}."
            )
        case layers.Multiply():
            if len(step.output) == 3:
                return (
                    "Branches are multiplied cell by cell; a map of one cell multiplies every cell "
                    "of the map with its number."
                )
            return f"The features of {len(step.inputs)} branches are multiplied one by one."
        case _:
            assert_never(layer)


def answers_to(classes: Sequence[str]) -> str:
    """Say what a map answers to, from the true classes of the images that activate it most.

    Few classes are named where they are two thirds of the images or more.

    >>> answers_to(["7"] * 9), answers_to(list("771771919"))
    ('only 7 (9 of 9)', 'mostly 7 and 1 (7 of 9)')
    >>> answers_to(list("7" * 7 + "12")), answers_to(list("0123456"))
    ('mostly 7 (7 of 9)', 'no class in particular (7 classes in 7 images)')
    >>> answers_to([]), answers_to(["7"]), answers_to(list("4949"))
    ('no image', 'its only image is 7', 'only 4 and 9 (4 of 4)')
    """
    counts = Counter(classes).most_common()
    images = len(classes)
    if images <= 1:
        return f"its only image is {classes[0]}" if images else "no image"
    for named in (1, 2):
        share = sum(count for _, count in counts[:named])
        if 3 * share >= 2 * images:
            names = " and ".join(name for name, _ in counts[:named])
            return f"{'only' if share == images else 'mostly'} {names} ({share} of {images})"
    return f"no class in particular ({len(counts)} classes in {images} images)"


def _maps(count: int) -> str:
    return "1 map" if count == 1 else f"{count:,} maps"


def _kernel(layer: layers.Sliding) -> str:
    return shape_text(layer.kernel)
