"""Random networks for property tests: valid by construction, or perturbed at will."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from convlens.foundation.errors import NetworkError
from convlens.network import Network
from convlens.network.layers import ACTIVATIONS, Multiply
from convlens.network.plan import IMAGE

pair = st.one_of(st.integers(1, 4), st.tuples(st.integers(1, 4), st.integers(1, 4)))
padding = st.one_of(
    st.integers(0, 2),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.sampled_from(["same", "valid"]),
)
small_pair = st.one_of(st.integers(1, 2), st.tuples(st.integers(1, 3), st.integers(1, 2)))


def optional(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _merged(head: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    return {**head, **rest}


conv = st.builds(
    _merged,
    st.fixed_dictionaries({"conv": st.sampled_from([1, 2, 3, 4, 6, 8])}),
    optional(
        kernel=pair,
        stride=small_pair,
        padding=padding,
        dilation=small_pair,
        groups=st.integers(1, 4),
        bias=st.booleans(),
    ),
)
depthwise = st.builds(
    _merged,
    st.fixed_dictionaries({"depthwise": st.integers(1, 3)}),
    optional(kernel=pair, stride=small_pair, padding=padding, bias=st.booleans()),
)
pool = st.builds(
    _merged,
    st.one_of(
        st.fixed_dictionaries({"max_pool": pair}),
        st.fixed_dictionaries({"avg_pool": pair}, optional={"count_padding": st.booleans()}),
    ),
    optional(stride=small_pair, padding=padding, ceil=st.booleans()),
)
border = st.builds(
    _merged,
    st.fixed_dictionaries(
        {"pad": st.one_of(st.integers(0, 2), st.tuples(*[st.integers(0, 2)] * 4))}
    ),
    optional(mode=st.sampled_from(["zero", "reflect", "replicate"])),
)
simple = st.sampled_from(
    [
        *({kind.kind: True} for kind in ACTIVATIONS),
        {"leaky_relu": 0.2},
        {"elu": 0.5},
        {"batch_norm": True},
        {"scale": True},
        {"scale": True, "initial": 0.1},
        {"batch_norm": True, "epsilon": 0.001},
        {"dropout": 0.3},
        {"drop_path": 0.2},
    ]
)
residual = st.builds(
    lambda layers, shortcut: {"residual": layers, "shortcut": shortcut},
    st.lists(st.one_of(conv, simple), min_size=1, max_size=3),
    st.lists(st.one_of(conv, simple), max_size=2),
)
keeping = st.one_of(
    st.builds(
        lambda filters, kernel: {"conv": filters, "kernel": kernel, "padding": "same"},
        st.integers(1, 4),
        st.integers(1, 3),
    ),
    simple,
)
"""Layers that keep the height and the width."""
keeping_channels = st.one_of(st.just({"depthwise": 1, "kernel": 3, "padding": 1}), simple)
gate = st.builds(
    lambda pool, kind: [{pool: True}, {"depthwise": 1, "kernel": 1}, {kind: True}],
    st.sampled_from(["global_avg_pool", "global_max_pool"]),
    st.sampled_from(["silu", "relu", "hard_swish"]),
)


def blocks(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Return joins of every kind around layers that keep the size, and repetitions of them."""
    same = st.lists(keeping_channels, max_size=2)
    return st.one_of(
        st.builds(
            lambda branches: {"branches": branches, "join": "concat"},
            st.lists(st.lists(inner, max_size=2), min_size=2, max_size=4),
        ),
        st.builds(
            lambda branches: {"branches": branches, "join": "add"},
            st.lists(same, min_size=2, max_size=3),
        ),
        st.builds(
            lambda maps, gates: {"branches": [maps, *gates], "join": "multiply"},
            same,
            st.lists(st.one_of(same, gate), min_size=1, max_size=2),
        ),
        st.builds(
            lambda times, layers: {"repeat": times, "layers": layers},
            st.integers(1, 3),
            st.lists(inner, min_size=1, max_size=2),
        ),
    )


block = blocks(st.recursive(keeping, blocks, max_leaves=4))
body = st.lists(
    st.one_of(conv, conv, depthwise, pool, border, simple, residual, block), min_size=1, max_size=5
)
branched = st.builds(
    lambda shape, layers, last: {"input": list(shape), "layers": layers + last},
    st.tuples(st.integers(1, 3), st.integers(3, 8), st.integers(3, 8)),
    st.lists(st.one_of(block, block, keeping), min_size=1, max_size=3),
    st.sampled_from([[], [{"flatten": True}, {"linear": 3}], [{"global_avg_pool": True}]]),
)
"""Networks of joins and repetitions that fit by construction."""
head = st.one_of(
    st.just([]),
    st.just([{"global_avg_pool": True}]),
    st.just([{"global_max_pool": True}]),
    st.just([{"adaptive_avg_pool": [2, 3]}]),
    st.builds(
        lambda n, last: [{"flatten": True}, {"linear": n}, *last],
        st.integers(2, 6),
        st.sampled_from([[], [{"softmax": True}], [{"relu": True}, {"linear": 3, "bias": False}]]),
    ),
)
written = st.builds(
    lambda shape, layers, last, rounding: {
        "input": list(shape),
        "layers": layers + last,
        "rounding": rounding,
    },
    st.tuples(st.integers(1, 4), st.integers(4, 17), st.integers(4, 17)),
    body,
    head,
    st.sampled_from(["strict", "floor", "floor"]),
)


MOST_FACTORS = 4
"""Most values whose product a cell may be: engines differ in the last digits, powers in all."""


def fits(network: Network) -> bool:
    """Say whether the layers fit together and multiply few values; for `assume`."""
    try:
        steps = network.plan().steps
    except NetworkError:
        return False
    factors = {IMAGE: 1}
    for place, step in enumerate(steps):
        read = [factors[number] for number in step.inputs]
        factors[place] = sum(read) if isinstance(step.layer, Multiply) else max(read)
    return max(factors.values()) <= MOST_FACTORS
