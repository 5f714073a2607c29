"""The shapes of bodies and answers, as the API's description tells them.

Requests are read by hand (`given`, `trainings`), because a batch of images passes through a
validator slower than through the network; these models describe them and every answer.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Told(BaseModel):
    model_config = ConfigDict(extra="allow")


class ErrorParts(_Told):
    """What is wrong, what was expected, what to do."""

    code: str = Field(examples=["invalid"])
    message: str = Field(examples=["images holds 300"])
    expected: str = Field(examples=["whole numbers 0 to 255"])
    fix: str = Field(examples=["correct the field"])
    request_id: str = Field(examples=["a3f09c1e-00000007"])
    field: str | None = Field(default=None, examples=["images"])


class Error(_Told):
    """Every error has this form."""

    error: ErrorParts


class Health(_Told):
    """The process lives."""

    status: str = Field(examples=["ok"])
    seconds: float


class Ready(_Told):
    """The server takes requests."""

    status: str = Field(examples=["ready"])
    models: int
    waiting: int


class ModelSummary(_Told):
    """One line of the list of models."""

    name: str = Field(examples=["20261125-101500-fast-mnist"])
    network: str = Field(examples=["fast-mnist"])
    input: list[int] = Field(examples=[[1, 28, 28]])
    classes: int = Field(examples=[10])
    state: str = Field(examples=["finished"])
    test_accuracy: float | None = Field(examples=[0.993])
    default: bool


class Models(_Told):
    """The models."""

    models: list[ModelSummary]


class Model(_Told):
    """All that a run says about itself."""

    name: str
    network: dict[str, Any]
    layers: list[dict[str, Any]]
    classes: list[str]
    preprocessing: dict[str, Any] | None
    data: dict[str, Any]
    recipe: dict[str, Any]
    status: dict[str, Any]
    parameters: int
    multiply_adds: int
    has_samples: bool
    has_weights: bool = Field(description="false until a training has saved an epoch")
    weights_version: str | None = Field(description="another one whenever the weights change")
    attributions: list[str]


class Metrics(_Told):
    """Epochs since the line asked for."""

    events: list[dict[str, Any]]
    next: int
    status: dict[str, Any]


class Sample(_Told):
    """One image of the run's data."""

    index: int
    image: str = Field(description="data: URL of a PNG", examples=["data:image/png;base64,..."])
    label: str
    predicted: str
    probability: float


class Samples(_Told):
    """Images of the run's data."""

    samples: list[Sample]


class Ranked(_Told):
    """A class with its probability."""

    class_: str = Field(alias="class", examples=["7"])
    probability: float = Field(examples=[0.998])


class Prediction(Ranked):
    """The answer for one image."""

    top: list[Ranked]
    notes: list[str]


class Predictions(_Told):
    """One answer an image, in their order."""

    predictions: list[Prediction]


class ActivationLists(_Told):
    """What one image makes the network compute, as nested lists."""

    image: list[Any]
    normalised: list[Any]
    logits: list[float]
    probabilities: list[float]
    activations: dict[str, list[Any]]
    notes: list[str]
    weights_version: str = Field(description="of the weights that computed it, as in the model")


class Window(_Told):
    """One output cell taken apart; further keys depend on the layer's kind."""

    kind: str = Field(examples=["conv"])
    layer: str = Field(examples=["conv1"])
    cell: list[int] = Field(examples=[[3, 12, 9]])
    total: float
    computed: float
    sees: dict[str, int]
    visible: dict[str, int] | None
    text: str


class AttributionMap(_Told):
    """How much each pixel speaks for a class."""

    method: str = Field(examples=["occlusion"])
    class_: str = Field(alias="class", examples=["7"])
    class_number: int
    map: list[list[float]]


class Shapes(_Told):
    """A network's table."""

    layers: list[dict[str, Any]]
    parameters: int
    multiply_adds: int
    network: dict[str, Any]


class Zoo(_Told):
    """The named networks."""

    networks: list[dict[str, Any]]
    default: str = Field(description="The one that `convlens train` takes for digits.")


class DataSet(_Told):
    """A data set of this machine."""

    name: str
    input: list[int]
    classes: int


class DataSets(_Told):
    """The data sets of this machine."""

    datasets: list[DataSet]


class Started(_Told):
    """The run that a training makes."""

    run: str
