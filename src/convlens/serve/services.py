"""What all handlers of one server share: limits, threads, counters, the training that runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from filelock import FileLock

from convlens.serve.http.counters import Counters
from convlens.serve.http.limits import Limits
from convlens.serve.models.registry import Registry
from convlens.serve.models.samples import HeldOutImages
from convlens.serve.models.work_queue import WorkQueue
from convlens.serve.photos.store import PhotoStore
from convlens.serve.photos.training import PhotoTrainings
from convlens.serve.workbench.trainings import Trainings


@dataclass
class Services:
    """What all handlers of a server share; `close` ends it."""

    registry: Registry
    limits: Limits
    counters: Counters
    decoding: WorkQueue
    computing: WorkQueue
    trainings: Trainings
    storing: WorkQueue
    photos: PhotoStore
    photo_trainings: PhotoTrainings
    held_out: HeldOutImages = field(default_factory=HeldOutImages)
    tidied: FileLock | None = None
    """Held while the server runs, where it is the one that tidied up the photos."""

    @classmethod
    def start(cls, registry: Registry, limits: Limits, counters: Counters) -> Services:
        """Start the threads and the counters of a server."""
        trainings = Trainings(registry)
        photos = PhotoStore(registry.root, limits)
        services = cls(
            registry,
            limits,
            counters,
            decoding=WorkQueue(1, limits.decodes, limits.request_seconds),
            computing=WorkQueue(2, limits.queued_requests, limits.request_seconds),
            trainings=trainings,
            storing=WorkQueue(1, limits.decodes, limits.request_seconds),
            photos=photos,
            photo_trainings=PhotoTrainings(photos, trainings),
        )
        counters.gauge(
            "convlens_waiting_images", "Images that wait or are computed.", registry.waiting
        )
        counters.gauge("convlens_models", "Runs answered for.", lambda: len(registry.entries))
        services.tidied = photos.tidy(registry.root)
        return services

    def close(self) -> None:
        """Stop the training, and the threads when they have finished their current work."""
        self.trainings.close()
        self.decoding.close()
        self.computing.close()
        self.storing.close()
        self.registry.close()
        if self.tidied is not None:
            self.tidied.release()
