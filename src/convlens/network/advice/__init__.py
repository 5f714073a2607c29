"""What to do where layers do not fit together: changes, tried before they are advised.

The modules of this package propose changes for a kind of misfit; here each is applied, the network
is walked again, and only a change after which the walk gets further than before is advised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convlens.network.advice.case import Case, Proposal
from convlens.network.advice.proposals import proposals
from convlens.network.arithmetic import Shape
from convlens.network.layers import Layer, Repeat, Residual
from convlens.network.misfit import Limits, Misfit
from convlens.network.mistakes import Advice, Change, Drop, Splice
from convlens.network.paths import descents, list_at, with_list_at
from convlens.network.plan import Plan
from convlens.network.reading import layers_and_mistakes
from convlens.network.walk import walk

MOST = 6
"""Changes that one message advises."""

_PHASES = {"softmax": 1, "classes": 2}
"""Kinds of misfit that the walk looks for after the shapes."""

_STAGES = {"names": 2**40, "groups": 1, "padding": 1}
"""Kinds of misfit of a layer that are looked for before its size, names before what is inside."""


@dataclass(frozen=True)
class Draft:
    """A network as far as its shapes go, and how strictly it is walked.

    `fixed` names the keys of the network that its user does not choose: what follows from the data.
    """

    input: Shape
    layers: tuple[Layer, ...]
    classes: int | None = None
    floor: bool = False
    limits: Limits | None = None
    fixed: frozenset[str] = frozenset()

    def plan(self) -> Plan:
        """Walk it; a misfit has no advice."""
        return walk(
            self.input, self.layers, classes=self.classes, floor=self.floor, limits=self.limits
        )

    def changed(self, changes: tuple[Change, ...]) -> Draft | None:
        """Return it with changes; None where a change cannot be read or is not the user's."""
        draft: Draft | None = self
        for change in changes:
            draft = None if draft is None else _with(draft, change)
        return draft


def _with(draft: Draft, change: Change) -> Draft | None:
    if isinstance(change, Splice):
        new, mistakes = layers_and_mistakes(change.inserted, change.at)
        if mistakes:
            return None
        old = list_at(draft.layers, change.at)
        spliced = old[: change.start] + new + old[change.start + change.removed :]
        return replace(draft, layers=with_list_at(draft.layers, change.at, spliced))
    if isinstance(change, Drop) or change.key in draft.fixed:
        return None
    values: dict[str, Any] = {change.key: change.value}
    if change.key == "rounding":
        values = {"floor": change.value == "floor"}
    elif change.key == "input":
        values = {"input": tuple(change.value)}
    return replace(draft, **values)


def advised(draft: Draft, misfit: Misfit) -> Misfit:
    """Return a misfit with what would remove it."""
    advice = _tried(draft, misfit)
    mistake = replace(misfit.mistake, advice=tuple(advice))
    return Misfit(mistake, misfit.layer, misfit.plan, misfit.shapes)


def _tried(draft: Draft, misfit: Misfit) -> list[Advice]:
    """Return the changes that remove a misfit, those first after which the whole network fits."""
    whole: list[Advice] = []
    further: list[Advice] = []
    last: list[Advice] = []
    seen: set[str] = set()
    for proposal in proposals(_case(draft, misfit)):
        if len(whole) >= MOST or (proposal.last_resort and (whole or further)):
            break
        result = _try(draft, misfit, proposal)
        if result is None:
            continue
        plan, fits = result
        advice = Advice(proposal.changes, proposal.text(plan))
        if advice.text in seen:
            continue
        seen.add(advice.text)
        (last if proposal.last_resort and not fits else whole if fits else further).append(advice)
    return [*whole, *further, *last[:2]][:MOST]


def _try(draft: Draft, misfit: Misfit, proposal: Proposal) -> tuple[Plan, bool] | None:
    """Walk the changed network; None where it gets no further than before."""
    changed = draft.changed(proposal.changes)
    if changed is None:
        return None
    try:
        return changed.plan(), True
    except Misfit as next_one:
        further = _left(changed.layers, next_one) < _left(draft.layers, misfit)
        # a layer that moves up into the place must not have the same fault
        same = _identity(next_one) == _identity(misfit)
        return (next_one.plan, False) if further and not same else None


def _identity(misfit: Misfit) -> tuple[str, str, int]:
    return misfit.layer, misfit.mistake.kind, len(misfit.plan.steps)


def _left(layers: tuple[Layer, ...], misfit: Misfit) -> tuple[int, ...]:
    """Return how much of the walk is left where it stopped; smaller is further.

    Counted from the end of each list, because a change adds or removes layers before its place.
    """
    left = [-_PHASES.get(misfit.mistake.kind, 0)]
    names = misfit.layer.split(".")
    at = misfit.mistake.at[1:]
    for step in descents(layers, misfit.mistake.at):
        left.append(len(step.layers) - step.index)
        lists = step.block.lists()
        _, *names = names  # its own
        if isinstance(step.block, Repeat):
            copy, *names = names
            left.append(step.block.times - int(copy))
        else:
            left.append(len(lists) - list(lists).index(step.keys))
            named = not isinstance(step.block, Residual) or step.keys == ("shortcut",)
            names = names[named:]
        layers, at = lists[step.keys], at[1 + len(step.keys) :]
    if at and isinstance(at[0], int):
        left.append(len(layers) - at[0])
    return (*left, _STAGES.get(misfit.mistake.kind, 0))


def _case(draft: Draft, misfit: Misfit) -> Case:
    *inside, last = misfit.mistake.at
    siblings = list_at(draft.layers, tuple(inside))
    return Case(
        misfit,
        tuple(inside) or ("layers",),
        last if isinstance(last, int) else len(siblings),
        siblings,
        draft.input,
        draft.classes,
        draft.limits or Limits(),
    )
