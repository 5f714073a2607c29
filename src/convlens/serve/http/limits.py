"""How much one client may ask for: everything that is bounded, and by what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    Parameters
    ----------
    body_bytes : int
        Largest request body.
    json_bytes : int
        Largest body that is JSON: parsing it holds everything else up.
    json_depth : int
        Deepest nesting of a JSON body that describes something.
    pixels : int
        Largest width times height of one image file.
    request_pixels : int
        Most pixels of all image files of one request together.
    images : int
        Most images in one request.
    parts : int
        Most parts of a multipart body.
    layers, parameters : int
        Largest network that is described or trained.
    queued_images : int
        Images that may wait for one model; what comes after is answered 503.
    batch : int
        Most images computed at once.
    decodes : int
        Requests whose image files may wait to be decoded.
    queued_requests : int
        Requests that may wait for work that is not batched: activations, cells, attributions.
    photos, photo_bytes : int
        Most photos of one collection, and most bytes of the photos of all collections.
    photo_classes, photo_collections : int
        Most classes of one collection, and most collections.
    archive_bytes : int
        Largest zip of photos; it goes to the disk as it arrives.
    connections : int
        Most open connections.
    client_seconds : float
        How long a client may take to send a request, or to take what it was sent.
    request_seconds : float
        How long a request may wait for its turn.
    idle_seconds : float
        How long a connection may stay open without a request.
    drain_seconds : float
        How long the server goes on answering after it was told to stop.
    """

    body_bytes: int = 16 * 2**20
    json_bytes: int = 2 * 2**20
    json_depth: int = 40
    pixels: int = 24_000_000
    request_pixels: int = 96_000_000
    images: int = 64
    parts: int = 80
    layers: int = 1_000
    parameters: int = 100_000_000
    queued_images: int = 4_096
    batch: int = 64
    decodes: int = 512
    queued_requests: int = 16
    photos: int = 5_000
    photo_bytes: int = 4 * 2**30
    photo_classes: int = 100
    photo_collections: int = 20
    archive_bytes: int = 512 * 2**20
    connections: int = 1_000
    client_seconds: float = 10.0
    request_seconds: float = 10.0
    idle_seconds: float = 15.0
    drain_seconds: float = 20.0
