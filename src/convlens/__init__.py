"""convlens: build, train, measure and look inside image-classification CNNs.

What is promised are the names of `convlens.__all__`, and those of `inside`, `lessons` and `studies`
in their own `__all__`; `docs/python.md` shows them in use. They are listed once, in `__init__.pyi`
beside this file, and imported when first used, so that `import convlens` is quick. Only how
PyTorch's threads wait is said at once, because it counts when PyTorch is loaded.
"""

from importlib import import_module
from typing import Any

import lazy_loader

_promised, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
_OLD_NAMES = {
    "excite": "top_images",
    "trust": "check_attributions",
    "Excitation": "TopImages",
    "Trust": "AttributionChecks",
}

import_module("convlens.foundation.waiting").set_before_torch()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("convlens")
    if name in _OLD_NAMES:
        new = _OLD_NAMES[name]
        say = import_module("convlens.foundation.spelling").say
        say(f"convlens.{name} is now called convlens.{new}")
        name = new
    return _promised(name)
