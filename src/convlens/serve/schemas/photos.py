"""Collections of photos, and the trainings on them.

Annotations are not postponed here: `__required_keys__` would then be all keys.
"""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict


class PhotoClass(TypedDict):
    """A class of a collection."""

    id: Annotated[str, Field(examples=["1"])]
    name: Annotated[str, Field(examples=["cat"])]
    photos: Annotated[list[str], Field(description="their names, in the order in which they came")]


class PhotoTraining(TypedDict):
    """How far a training on photos is."""

    run: str
    stage: Annotated[
        Literal["starting", "decoding", "looking", "training"],
        Field(description="looking: the frozen network computes each photo once"),
    ]
    done: int
    total: int | None


class PhotoFailure(TypedDict):
    """Why a training could not go on."""

    message: str
    expected: str
    fix: str


class PhotoRun(TypedDict):
    """The newest run that was trained on a collection."""

    run: str
    current: Annotated[bool, Field(description="whether nothing has changed since")]


class PhotoCollection(TypedDict):
    """A collection of photos."""

    id: Annotated[str, Field(examples=["3f9a0c51e27b"])]
    created: str
    classes: list[PhotoClass]
    bytes: Annotated[int, Field(description="of all photos")]
    divided: Annotated[
        list[str],
        Field(
            description="classes of which one recording is on both sides of the split: its "
            "end is tested, because there is no second one"
        ),
    ]
    training: Annotated[PhotoTraining | None, Field(description="while one runs")]
    failure: Annotated[PhotoFailure | None, Field(description="of the last training")]
    trained: PhotoRun | None


class PhotoSummary(TypedDict):
    """One line of the list of collections."""

    id: str
    created: str
    classes: list[str]
    photos: int


class PhotoBounds(TypedDict):
    """How much may be collected and sent."""

    collections: int
    classes: int
    photos: int
    bytes: Annotated[int, Field(description="of the photos of all collections")]
    pixels: Annotated[int, Field(description="of one photo")]
    body_bytes: Annotated[int, Field(description="of the photos of one request")]
    body_photos: int
    archive_bytes: int


class PhotoCollections(TypedDict):
    """The collections of photos, the newest first."""

    collections: list[PhotoSummary]
    bounds: PhotoBounds


class RefusedPhoto(TypedDict):
    """A file that was not added, and why."""

    file: str
    message: str
    expected: str
    fix: str


class AddedPhotos(TypedDict):
    """What became of files that were sent."""

    collection: PhotoCollection
    added: int
    known: Annotated[int, Field(description="that were in the class already")]
    refused: Annotated[list[RefusedPhoto], Field(description="the first 50")]
    refused_count: int


class Deleted(TypedDict):
    """What was deleted."""

    id: str
