"""convlens: build, train, measure and look inside image-classification CNNs.

The names below are the public API; nothing else is promised. They are imported when first
used, so that `import convlens` costs nothing. Only how PyTorch's threads wait is said at once,
because it counts when PyTorch is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convlens.data import Dataset
    from convlens.data import load as load_data
    from convlens.engines import build
    from convlens.errors import ConvlensError
    from convlens.inspection import excite, look, trust
    from convlens.network import Network
    from convlens.planning import plan_training
    from convlens.runs import Run
    from convlens.training.recipe import Recipe
    from convlens.transfer import export, import_model
    from convlens.workflow import evaluate, open_run, predict, resume, train

import_module("convlens.waiting").set_before_torch()

_HOMES = {
    "ConvlensError": ("convlens.errors", "ConvlensError"),
    "Dataset": ("convlens.data", "Dataset"),
    "Network": ("convlens.network", "Network"),
    "Recipe": ("convlens.training.recipe", "Recipe"),
    "Run": ("convlens.runs", "Run"),
    "build": ("convlens.engines", "build"),
    "evaluate": ("convlens.workflow", "evaluate"),
    "excite": ("convlens.inspection", "excite"),
    "export": ("convlens.transfer", "export"),
    "import_model": ("convlens.transfer", "import_model"),
    "load_data": ("convlens.data", "load"),
    "look": ("convlens.inspection", "look"),
    "open_run": ("convlens.workflow", "open_run"),
    "plan_training": ("convlens.planning", "plan_training"),
    "predict": ("convlens.workflow", "predict"),
    "resume": ("convlens.workflow", "resume"),
    "train": ("convlens.workflow", "train"),
    "trust": ("convlens.inspection", "trust"),
}

__all__ = [
    "ConvlensError",
    "Dataset",
    "Network",
    "Recipe",
    "Run",
    "__version__",
    "build",
    "evaluate",
    "excite",
    "export",
    "import_model",
    "load_data",
    "look",
    "open_run",
    "plan_training",
    "predict",
    "resume",
    "train",
    "trust",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("convlens")
    if name not in _HOMES:
        raise AttributeError(f"module 'convlens' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
