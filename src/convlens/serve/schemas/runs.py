"""What runs say about themselves, and the server about itself and its data.

Annotations are not postponed here: `__required_keys__` would then be all keys.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from convlens.data.preprocessing import Background, Fit, Framing, Interpolation
from convlens.inside.reasons import Method
from convlens.runs.schemas import State as WrittenState
from convlens.serve.schemas.networks import Input, Step, WrittenNetwork

State = TypeAliasType("State", Literal[WrittenState, "stopped", "unknown"])
"""How far a run is; "stopped" is one whose process died without a word."""


class Health(TypedDict):
    """The process lives."""

    status: Literal["ok"]
    seconds: Annotated[float, Field(description="since the server started")]


class Ready(TypedDict):
    """The server takes requests."""

    status: Literal["ready"]
    models: int
    waiting: Annotated[int, Field(description="images that wait or are computed")]


class ModelSummary(TypedDict):
    """One line of the list of models."""

    name: Annotated[str, Field(examples=["20261125-101500-fast-mnist"])]
    network: Annotated[str, Field(examples=["fast-mnist"])]
    input: Annotated[Input, Field(examples=[[1, 28, 28]])]
    classes: Annotated[int, Field(examples=[10])]
    state: Annotated[State, Field(examples=["finished"])]
    test_accuracy: Annotated[float | None, Field(examples=[0.993])]
    default: bool


class Models(TypedDict):
    """The models."""

    models: list[ModelSummary]


class Preprocessing(TypedDict):
    """How an image is brought to what the network takes; see `convlens.data.Preprocessing`."""

    input: Input
    mean: Annotated[list[float], Field(description="per channel, of pixels scaled to 0..1")]
    std: list[float]
    framing: Framing
    background: Background
    fit: Fit
    known: NotRequired[
        Annotated[bool, Field(description="false where a model from elsewhere does not say it")]
    ]
    resize: NotRequired[
        Annotated[int, Field(description="the shorter side before the middle is cut, in pixels")]
    ]
    interpolation: NotRequired[Interpolation]
    draft: NotRequired[
        Annotated[
            bool, Field(description="true where large JPEGs are decoded at a part of their size")
        ]
    ]


class RunStatus(TypedDict, total=False):
    """How far a run is; what is not known yet is absent or null."""

    state: State | None
    name: str
    network: str
    data: str
    engine: str
    created: str
    updated: str
    epoch: int | None
    epochs: int | None
    best_epoch: int | None
    parameters: int | None
    train_seconds: float | None
    validation_accuracy: float | None
    validation_loss: float | None
    validation_cross_entropy: float | None
    test_accuracy: float | None
    test_loss: float | None
    message: str | None


class Tested(TypedDict):
    """What the one reading of the test set gave."""

    images: Annotated[int, Field(description="that the accuracy is of")]
    accuracy: float
    interval: Annotated[
        tuple[float, float],
        Field(description="95% Wilson interval: how far so few images can be believed"),
    ]


class DataName(TypedDict):
    """The data of a run."""

    name: str


class RunFacts(TypedDict):
    """What a run says about itself in its folder, but for its weights."""

    name: str
    network: WrittenNetwork
    layers: list[Step]
    classes: list[str]
    preprocessing: Annotated[
        Preprocessing | None, Field(description="null until a training has read its data")
    ]
    data: DataName
    recipe: Annotated[
        dict[str, Any], Field(description="the keys of recipe.toml; none for an imported model")
    ]
    status: RunStatus
    tested: Annotated[Tested | None, Field(description="null before the test")]
    parameters: int
    multiply_adds: int
    has_samples: bool
    attributions: list[Method]


class Model(RunFacts):
    """All that a run says about itself."""

    has_weights: Annotated[bool, Field(description="false until a training has saved an epoch")]
    weights_version: Annotated[
        str | None, Field(description="another one whenever the weights change")
    ]


class EpochEvent(TypedDict):
    """What was measured in one epoch."""

    event: Literal["epoch"]
    time: NotRequired[str]
    epoch: int
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: Annotated[
        float | None, Field(description="the loss that is trained, label smoothing included")
    ]
    validation_cross_entropy: NotRequired[
        Annotated[
            float | None,
            Field(description="the same without label smoothing; runs from before have none"),
        ]
    ]
    validation_accuracy: float | None
    learning_rate: NotRequired[float | None]
    train_seconds: NotRequired[float | None]
    images_per_second: NotRequired[float | None]
    best: NotRequired[bool | None]


class Metrics(TypedDict):
    """Epochs since the line asked for."""

    events: list[EpochEvent]
    next: Annotated[int, Field(description="the line to ask for next")]
    status: RunStatus


class Sample(TypedDict):
    """One image of the run's data."""

    index: int
    image: Annotated[
        str, Field(description="data: URL of a PNG", examples=["data:image/png;base64,..."])
    ]
    label: str
    predicted: str
    probability: float


class Samples(TypedDict):
    """Images of the run's data."""

    samples: list[Sample]


class DataSet(TypedDict):
    """A data set of this machine."""

    name: str
    title: str
    input: Input
    classes: int
    train: Annotated[int, Field(description="images to train and validate with")]
    test: Annotated[int, Field(description="images to test with")]


class DataSets(TypedDict):
    """The data sets of this machine."""

    datasets: list[DataSet]


class Started(TypedDict):
    """The run that a training makes."""

    run: str


class Site(Model):
    """site.json of a published site."""

    mode: Literal["static"]
    kernels: Annotated[list[str], Field(description="layers whose filters were recorded")]


class SiteSamples(Samples):
    """samples.json of a published site."""

    mistakes: list[Sample]
