"""What all handlers of one server share: limits, threads, counters, the training that runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from convlens.serve.counters import Counters
from convlens.serve.heavy import Heavy
from convlens.serve.limits import Limits
from convlens.serve.registry import Registry
from convlens.serve.samples import HeldOutImages
from convlens.serve.trainings import Trainings


@dataclass
class House:
    """The shared rooms of a server; `close` empties them."""

    registry: Registry
    limits: Limits
    counters: Counters
    decoding: Heavy
    computing: Heavy
    trainings: Trainings
    held_out: HeldOutImages = field(default_factory=HeldOutImages)

    @classmethod
    def furnish(cls, registry: Registry, limits: Limits, counters: Counters) -> House:
        """Start the threads and the counters of a server."""
        house = cls(
            registry,
            limits,
            counters,
            decoding=Heavy(1, limits.decodes, limits.request_seconds),
            computing=Heavy(2, limits.heavy, limits.request_seconds),
            trainings=Trainings(registry),
        )
        counters.gauge(
            "convlens_waiting_images", "Images that wait or are computed.", registry.waiting
        )
        counters.gauge("convlens_models", "Runs answered for.", lambda: len(registry.entries))
        return house

    def close(self) -> None:
        """Stop the training, and the threads when they have done what they are at."""
        self.trainings.close()
        self.decoding.close()
        self.computing.close()
        self.registry.close()
