"""The answers to someone who collects photos of a few things and trains a classifier on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

from fastapi import FastAPI, Path, Query, Request, Response

from convlens.serve import schemas
from convlens.serve.api import (
    ADD_ARCHIVE,
    ADD_CLASS,
    ADD_PHOTOS,
    CREATE_PHOTOS,
    RENAME_CLASS,
    TRAIN_PHOTOS,
    answers,
)
from convlens.serve.http.bodies import Call, unsupported
from convlens.serve.http.limits import Limits
from convlens.serve.http.multipart import read_form
from convlens.serve.http.problems import wrong
from convlens.serve.photos.archive import add_archive
from convlens.serve.photos.collection import Collection
from convlens.serve.photos.examine import MEDIA_TYPES
from convlens.serve.photos.snapshot import divided_recordings
from convlens.serve.photos.store import Added, Named
from convlens.serve.routes.models import json_response
from convlens.serve.services import Services

P = ParamSpec("P")
T = TypeVar("T")

TOLD = 50
"""Refused files that one answer names."""

_ARCHIVES = ("application/zip", "application/x-zip-compressed", "application/octet-stream")
_NAMES = 100
"""Names that a new collection may come with."""

Name = Annotated[str, Path(examples=["3f9a0c51e27b"])]
Label = Annotated[str, Path(examples=["1"])]


def add(app: FastAPI, services: Services) -> None:
    """Add the routes to an application."""
    store, trainings = services.photos, services.photo_trainings

    async def run(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what touches the disk, one thing after the other."""
        return await services.storing.run(work, *args, **kwargs)

    def described(collection: Collection) -> schemas.PhotoCollection:
        return _described(collection, services)

    def added(result: Added) -> schemas.AddedPhotos:
        return {
            "collection": described(result.collection),
            "added": result.added,
            "known": result.known,
            "refused": [
                {"file": one.file, "message": one.what, "expected": one.expected, "fix": one.fix}
                for one in result.refused[:TOLD]
            ],
            "refused_count": len(result.refused),
        }

    @app.get(
        "/v1/photos",
        tags=["photos"],
        summary="The collections of photos",
        responses=answers(schemas.PhotoCollections),
    )
    async def collections() -> Response:
        content: schemas.PhotoCollections = {
            "collections": [_summary(one) for one in await run(store.listing)],
            "bounds": _bounds(services.limits),
        }
        return json_response(content)

    @app.post("/v1/photos", tags=["photos"], **CREATE_PHOTOS)
    async def create(request: Request) -> Response:
        names = (await _call(request).json()).get("classes", [])
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise wrong("classes", "classes is not a list of names", "a list of texts")
        if len(names) > _NAMES:
            raise wrong("classes", f"there are {len(names)} names", f"at most {_NAMES}")
        return json_response(described(await run(store.create, names)))

    @app.get(
        "/v1/photos/{collection}",
        tags=["photos"],
        summary="A collection of photos, and how far its training is",
        responses=answers(schemas.PhotoCollection, 404),
    )
    async def one(collection: Name) -> Response:
        return json_response(described(await run(store.collection, collection)))

    @app.delete(
        "/v1/photos/{collection}",
        tags=["photos"],
        summary="Delete a collection with its photos; what was trained on it stays",
        responses=answers(schemas.Deleted, 404, 409),
    )
    async def delete(collection: Name) -> Response:
        trainings.require_idle(collection)
        await run(store.delete, collection)
        content: schemas.Deleted = {"id": collection}
        return json_response(content)

    @app.post("/v1/photos/{collection}/classes", tags=["photos"], **ADD_CLASS)
    async def add_class(request: Request, collection: Name) -> Response:
        title = await _title(request)
        return json_response(described(await run(store.add_class, collection, title)))

    @app.post("/v1/photos/{collection}/classes/{label}", tags=["photos"], **RENAME_CLASS)
    async def rename_class(request: Request, collection: Name, label: Label) -> Response:
        title = await _title(request)
        return json_response(described(await run(store.rename_class, collection, label, title)))

    @app.delete(
        "/v1/photos/{collection}/classes/{label}",
        tags=["photos"],
        summary="Remove a class and its photos",
        responses=answers(schemas.PhotoCollection, 404),
    )
    async def remove_class(collection: Name, label: Label) -> Response:
        return json_response(described(await run(store.remove_class, collection, label)))

    @app.post("/v1/photos/{collection}/classes/{label}/images", tags=["photos"], **ADD_PHOTOS)
    async def add_photos(
        request: Request,
        collection: Name,
        label: Label,
        recording: Annotated[str | None, Query(pattern="^[0-9a-z-]{1,40}$")] = None,
    ) -> Response:
        files = await _files(_call(request), services.limits)
        return json_response(added(await run(store.add, collection, label, files, recording)))

    @app.post("/v1/photos/{collection}/archive", tags=["photos"], **ADD_ARCHIVE)
    async def archive(
        request: Request,
        collection: Name,
        title: Annotated[str, Query(min_length=1, max_length=60)] = "photos",
    ) -> Response:
        call = _call(request)
        if call.media_type not in _ARCHIVES:
            raise unsupported(call.media_type, _ARCHIVES[0])
        await run(store.collection, collection)  # before anything is taken in
        with store.incoming() as folder:
            file = folder / "photos.zip"
            await call.save(file, services.limits.archive_bytes)
            result = await run(add_archive, store, collection, file, title, services.limits)
        return json_response(added(result))

    @app.get(
        "/v1/photos/{collection}/images/{photo}",
        tags=["photos"],
        summary="A photo, as it came",
        responses=answers(None, 404, binary="image/*"),
    )
    async def photo(collection: Name, photo: str) -> Response:
        content, known = await run(store.photo, collection, photo)
        return _picture(content, MEDIA_TYPES[known.ending])

    @app.get(
        "/v1/photos/{collection}/thumbnails/{photo}",
        tags=["photos"],
        summary="A small picture of a photo",
        responses=answers(None, 404, binary="image/jpeg"),
    )
    async def thumbnail(collection: Name, photo: str) -> Response:
        return _picture(await run(store.thumbnail, collection, photo), "image/jpeg")

    @app.delete(
        "/v1/photos/{collection}/images/{photo}",
        tags=["photos"],
        summary="Remove a photo",
        responses=answers(schemas.PhotoCollection, 404),
    )
    async def remove(collection: Name, photo: str) -> Response:
        return json_response(described(await run(store.remove, collection, photo)))

    @app.post("/v1/photos/{collection}/training", tags=["photos"], **TRAIN_PHOTOS)
    async def train(collection: Name) -> Response:
        content: schemas.Started = {"run": await run(trainings.start, collection)}
        return json_response(content, 202)


def _described(collection: Collection, services: Services) -> schemas.PhotoCollection:
    trained = collection.trained
    trainings = services.photo_trainings
    # a run that was deleted by hand is no longer there to be shown
    there = trained is not None and (services.registry.root / trained.run).is_dir()
    return {
        "id": collection.id,
        "created": collection.created,
        "classes": [
            {"id": one.id, "name": one.name, "photos": [photo.id for photo in one.photos]}
            for one in collection.classes
        ],
        "bytes": collection.bytes,
        "divided": divided_recordings(collection),
        "training": trainings.progress(collection.id),
        "failure": trainings.failure(collection.id),
        "trained": {"run": trained.run, "current": trained.revision == collection.revision}
        if trained is not None and there
        else None,
    }


def _summary(collection: Collection) -> schemas.PhotoSummary:
    return {
        "id": collection.id,
        "created": collection.created,
        "classes": [one.name for one in collection.classes],
        "photos": len(collection.photos),
    }


def _bounds(limits: Limits) -> schemas.PhotoBounds:
    return {
        "collections": limits.photo_collections,
        "classes": limits.photo_classes,
        "photos": limits.photos,
        "bytes": limits.photo_bytes,
        "pixels": limits.pixels,
        "body_bytes": limits.body_bytes,
        "body_photos": limits.images,
        "archive_bytes": limits.archive_bytes,
    }


def _picture(content: bytes, media_type: str) -> Response:
    # its name is a digest of what it holds: it never changes
    headers = {"cache-control": "private, max-age=86400, immutable"}
    return Response(content, media_type=media_type, headers=headers)


async def _files(call: Call, limits: Limits) -> list[Named]:
    """Read the files of a form."""
    if call.media_type != "multipart/form-data":
        raise unsupported(call.media_type, "multipart/form-data")
    form = read_form(call.header(b"content-type"), await call.body(), limits.parts)
    if not 1 <= len(form.files) <= limits.images:
        raise wrong(
            "image", f"there are {len(form.files)} images", f"1 to {limits.images} in one request"
        )
    named = zip(form.files, form.filenames, strict=True)
    return [
        (title or f"image {number}", partial(bytes, content))
        for number, ((_, content), title) in enumerate(named, start=1)
    ]


async def _title(request: Request) -> str:
    name = (await _call(request).json()).get("name")
    if not isinstance(name, str):
        raise wrong("name", '"name" is missing or no text', "the name of the class")
    return name


def _call(request: Request) -> Call:
    call: Call = request.scope["convlens.call"]
    return call
