"""A network as data: the list of layers, the plan made from it, and what to change in it.

`layers/` has each kind with its own arithmetic, `walk` makes the `plan`, whose steps
every other room reads. `reading`, `translation` and `vocabulary` understand what users write,
`mistakes` collects all that is wrong in it, and `advice/` says what would fit. `zoo/` holds the
named networks.
"""

from convlens.network.network import Network

__all__ = ["Network"]
