"""Where a network does not end with one value for each class."""

from __future__ import annotations

from collections.abc import Iterator

from convlens.network.advice.case import Case, Proposal
from convlens.network.layers import Flatten, GlobalAvgPool, Layer, Linear, Softmax, write_layer
from convlens.network.mistakes import Put, Splice, layers_text


def for_softmax(case: Case) -> Iterator[Proposal]:
    """Yield what to do with a softmax before other layers."""
    name = case.misfit.layer
    end = len(case.siblings) - 1
    if case.at == ("layers",):
        taken = Splice(case.at, case.index, 1)
        put = Splice(case.at, end, 0, (write_layer(case.layer),))
        yield Proposal((taken, put), lambda _: f"move {name} to the end")
    change = case.replaced()
    yield Proposal((change,), lambda _: f"leave {name} out")


def for_classes(case: Case) -> Iterator[Proposal]:
    """Yield ends that may give one value for each class."""
    layers, classes = case.siblings, case.classes or 0
    output = case.misfit.plan.output
    end = len(layers)
    while end and isinstance(layers[end - 1], Softmax):
        end -= 1
    last = layers[end - 1] if end else None
    if isinstance(last, Linear):
        changed = last.model_copy(update={"features": classes})
        change = Splice(case.at, end - 1, 1, (write_layer(changed),))
        yield Proposal(
            (change,),
            lambda _: f"change linear = {last.features} into linear = {classes}",
        )
    elif len(output) == 1:
        yield _appended(case, end, Linear(features=classes))
    else:
        if output[0] == classes:
            yield _appended(case, end, GlobalAvgPool(), Flatten())
        yield _appended(case, end, Flatten(), Linear(features=classes))
        yield _appended(case, end, GlobalAvgPool(), Flatten(), Linear(features=classes))
    if len(output) == 1 and output[0] >= 2:
        text = f"write classes = {output[0]}, if the images have {output[0]} classes"
        yield Proposal((Put("classes", output[0]),), lambda _: text)


def _appended(case: Case, end: int, *layers: Layer) -> Proposal:
    written = tuple(map(write_layer, layers))
    where = "end the layers with" if end == len(case.siblings) else "put before the softmax"
    text = f"{where} {layers_text(written)}"
    return Proposal((Splice(case.at, end, 0, written),), lambda _: text)
