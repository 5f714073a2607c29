"""convlens: build, train, measure and look inside image-classification CNNs.

The names below are the public API; nothing else is promised. They are imported when first
used, so that `import convlens` costs nothing. Only how PyTorch's threads wait is said at once,
because it counts when PyTorch is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convlens.api.check_attributions import check_attributions
    from convlens.api.evaluate import evaluate
    from convlens.api.export import export
    from convlens.api.import_model import import_model
    from convlens.api.look import look
    from convlens.api.opening import open_run
    from convlens.api.plan_training import plan_training
    from convlens.api.predict import predict
    from convlens.api.top_images import top_images
    from convlens.api.train import resume, train
    from convlens.data import Dataset
    from convlens.data import load as load_data
    from convlens.engines import build
    from convlens.foundation.errors import (
        ConvlensError,
        DataError,
        DownloadError,
        ExportError,
        ImageTooLarge,
        InputError,
        Interrupted,
        MissingExtra,
        NetworkError,
        RecipeError,
        RunError,
        StorageError,
        TrainingError,
        WeightsError,
        WorkerError,
    )
    from convlens.network import Network
    from convlens.runs import Run
    from convlens.training.recipe import Recipe

import_module("convlens.foundation.waiting").set_before_torch()

_HOMES = {
    "ConvlensError": ("convlens.foundation.errors", "ConvlensError"),
    "DataError": ("convlens.foundation.errors", "DataError"),
    "DownloadError": ("convlens.foundation.errors", "DownloadError"),
    "ExportError": ("convlens.foundation.errors", "ExportError"),
    "ImageTooLarge": ("convlens.foundation.errors", "ImageTooLarge"),
    "InputError": ("convlens.foundation.errors", "InputError"),
    "Interrupted": ("convlens.foundation.errors", "Interrupted"),
    "MissingExtra": ("convlens.foundation.errors", "MissingExtra"),
    "NetworkError": ("convlens.foundation.errors", "NetworkError"),
    "RecipeError": ("convlens.foundation.errors", "RecipeError"),
    "RunError": ("convlens.foundation.errors", "RunError"),
    "StorageError": ("convlens.foundation.errors", "StorageError"),
    "TrainingError": ("convlens.foundation.errors", "TrainingError"),
    "WeightsError": ("convlens.foundation.errors", "WeightsError"),
    "WorkerError": ("convlens.foundation.errors", "WorkerError"),
    "Dataset": ("convlens.data", "Dataset"),
    "Network": ("convlens.network", "Network"),
    "Recipe": ("convlens.training.recipe", "Recipe"),
    "Run": ("convlens.runs", "Run"),
    "build": ("convlens.engines", "build"),
    "check_attributions": ("convlens.api.check_attributions", "check_attributions"),
    "evaluate": ("convlens.api.evaluate", "evaluate"),
    "export": ("convlens.api.export", "export"),
    "import_model": ("convlens.api.import_model", "import_model"),
    "load_data": ("convlens.data", "load"),
    "look": ("convlens.api.look", "look"),
    "open_run": ("convlens.api.opening", "open_run"),
    "plan_training": ("convlens.api.plan_training", "plan_training"),
    "predict": ("convlens.api.predict", "predict"),
    "resume": ("convlens.api.train", "resume"),
    "top_images": ("convlens.api.top_images", "top_images"),
    "train": ("convlens.api.train", "train"),
}

_OLD_NAMES = {"excite": "top_images", "trust": "check_attributions"}
"""What verbs were called before. The old name works, with a `DeprecationWarning`."""

__all__ = [
    "ConvlensError",
    "DataError",
    "Dataset",
    "DownloadError",
    "ExportError",
    "ImageTooLarge",
    "InputError",
    "Interrupted",
    "MissingExtra",
    "Network",
    "NetworkError",
    "Recipe",
    "RecipeError",
    "Run",
    "RunError",
    "StorageError",
    "TrainingError",
    "WeightsError",
    "WorkerError",
    "__version__",
    "build",
    "check_attributions",
    "evaluate",
    "export",
    "import_model",
    "load_data",
    "look",
    "open_run",
    "plan_training",
    "predict",
    "resume",
    "top_images",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("convlens")
    if name in _OLD_NAMES:
        new = _OLD_NAMES[name]
        say = import_module("convlens.foundation.spelling").say
        say(f"convlens.{name} is now called convlens.{new}")
        name = new
    if name not in _HOMES:
        raise AttributeError(f"module 'convlens' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
