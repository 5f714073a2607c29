"""Changes to try for each kind of misfit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

from convlens.network.advice.blocks import for_branches
from convlens.network.advice.case import Case, Proposal
from convlens.network.advice.ends import for_classes, for_softmax
from convlens.network.advice.windows import for_window
from convlens.network.layers import Conv, Flatten, GlobalAvgPool, Linear, write_layer
from convlens.network.mistakes import Splice
from convlens.network.walk import own_names


def proposals(case: Case) -> Iterator[Proposal]:
    """Yield the changes that may remove a misfit, the best first."""
    propose = _FOR.get(case.misfit.mistake.kind)
    if propose is not None:
        yield from propose(case)


def _for_maps(case: Case) -> Iterator[Proposal]:
    """Yield what to do with a layer that needs maps and stands after flatten."""
    flat = next(
        (i for i in range(case.index - 1, -1, -1) if isinstance(case.siblings[i], Flatten)), None
    )
    if flat is not None:
        taken = Splice(case.at, case.index, 1)
        put = Splice(case.at, flat, 0, (write_layer(case.layer),))
        yield Proposal((taken, put), lambda _: f"move {case.misfit.layer} before flatten")
        removed = Splice(case.at, flat, 1)
        yield Proposal((removed,), lambda _: "leave the flatten before it out")
    yield case.left_out()


def _for_vector(case: Case) -> Iterator[Proposal]:
    """Yield what to do with a linear layer or a softmax that gets maps."""
    if case.layer.kind == "softmax":
        classes = case.classes or 10
        yield case.inserted(Flatten(), Linear(features=classes))
        yield case.inserted(GlobalAvgPool(), Flatten(), Linear(features=classes))
    else:
        yield case.inserted(Flatten())
        yield case.inserted(GlobalAvgPool(), Flatten())
    yield case.left_out()


def _for_groups(case: Case) -> Iterator[Proposal]:
    """Yield groups that divide the channels, and the filters of a convolution."""
    layer, channels = case.layer, case.shape[0]
    wanted = getattr(layer, "groups", 1)
    filters = layer.filters if isinstance(layer, Conv) else channels
    dividing = [
        n
        for n in range(1, min(channels, filters, 4096) + 1)
        if channels % n == 0 and filters % n == 0
    ]
    key = layer.kind if layer.head == "groups" else "groups"
    for groups in sorted(dividing, key=lambda n: (abs(n - wanted), n))[:2]:
        yield case.setting(key, groups, "groups")
    if not isinstance(layer, Conv):
        return
    filters = -(-layer.filters // layer.groups) * layer.groups
    yield case.setting("conv", filters, "filters")


def _for_names(case: Case) -> Iterator[Proposal]:
    """Yield a name that no other layer of the list has."""
    taken = set(own_names(case.siblings))
    name = case.misfit.layer.rsplit(".", 1)[-1]
    free = next(f"{name[:60]}_{n}" for n in range(2, 20_000) if f"{name[:60]}_{n}" not in taken)
    renamed = case.layer.model_copy(update={"name": free})
    yield Proposal((case.replaced(renamed),), lambda _: f'rename this one: name = "{free}"')


def _for_size_limits(case: Case) -> Iterator[Proposal]:
    """Yield a layer with fewer parameters or values."""
    before = case.siblings[case.index - 1] if case.index else None
    if isinstance(case.layer, Linear) and isinstance(before, Flatten):
        yield Proposal(
            (Splice(case.at, case.index - 1, 0, (write_layer(GlobalAvgPool()),)),),
            lambda _: "put { global_avg_pool = true } before the flatten",
        )
    head = case.layer.head
    if isinstance(case.layer, Linear | Conv) and head is not None:
        value = getattr(case.layer, head)
        sizes = (value >> halved for halved in range(1, 32))
        if (
            smaller := next((n for n in sizes if n and _fits_limits(case, head, n)), None)
        ) is not None:
            yield case.setting(case.layer.kind, smaller, head)


def _fits_limits(case: Case, head: str, value: int) -> bool:
    layer = case.layer.model_copy(update={head: value})
    parameters = case.misfit.plan.parameters + layer.parameters(case.shape)
    values = prod(layer.output(case.shape, floor=True))
    return parameters <= case.limits.parameters and values <= case.limits.activations


_FOR: dict[str, Callable[[Case], Iterator[Proposal]]] = {
    "maps": _for_maps,
    "vector": _for_vector,
    "size": for_window,
    "padding": for_window,
    "groups": _for_groups,
    "branches": for_branches,
    "names": _for_names,
    "parameters": _for_size_limits,
    "activations": _for_size_limits,
    "softmax": for_softmax,
    "classes": for_classes,
}
