"""The shapes of all JSON answers: what a handler returns, and what the API's description says.

Each shape is written once. Handlers return plain dictionaries of these types, which mypy checks,
so that no answer is validated while a client waits; FastAPI makes the OpenAPI description of them
(`docs/openapi.json`), and openapi-typescript the page's types of that
(`web/src/model/contract.ts`). A test compares every route's real answer with its shape.

Requests are read by hand (`models.images`, `workbench.trainings`), because a batch of images
passes through a validator slower than through the network.
"""

from __future__ import annotations

from convlens.serve.schemas.errors import (
    Code,
    Error,
    ErrorDetails,
    ErrorParts,
    Mistake,
    Place,
)
from convlens.serve.schemas.images import (
    ActivationLists,
    AdditionCell,
    AttributionMap,
    Cell,
    CorrelationCell,
    ElementwiseCell,
    PoolingCell,
    Prediction,
    Predictions,
    Ranked,
    Region,
    WeightedSumCell,
    Window,
)
from convlens.serve.schemas.networks import (
    Input,
    Kind,
    Shape,
    Shapes,
    Slide,
    Step,
    WrittenNetwork,
    Zoo,
)
from convlens.serve.schemas.runs import (
    DataName,
    DataSet,
    DataSets,
    EpochEvent,
    Health,
    Metrics,
    Model,
    Models,
    ModelSummary,
    Preprocessing,
    Ready,
    RunFacts,
    RunStatus,
    Sample,
    Samples,
    Site,
    SiteSamples,
    Started,
    State,
)

__all__ = [
    "ActivationLists",
    "AdditionCell",
    "AttributionMap",
    "Cell",
    "Code",
    "CorrelationCell",
    "DataName",
    "DataSet",
    "DataSets",
    "ElementwiseCell",
    "EpochEvent",
    "Error",
    "ErrorDetails",
    "ErrorParts",
    "Health",
    "Input",
    "Kind",
    "Metrics",
    "Mistake",
    "Model",
    "ModelSummary",
    "Models",
    "Place",
    "PoolingCell",
    "Prediction",
    "Predictions",
    "Preprocessing",
    "Ranked",
    "Ready",
    "Region",
    "RunFacts",
    "RunStatus",
    "Sample",
    "Samples",
    "Shape",
    "Shapes",
    "Site",
    "SiteSamples",
    "Slide",
    "Started",
    "State",
    "Step",
    "WeightedSumCell",
    "Window",
    "WrittenNetwork",
    "Zoo",
]
