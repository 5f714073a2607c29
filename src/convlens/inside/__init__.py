"""Look inside a network: what each cell computes, what each map shows, why a class won.

Everything here gives arrays with documented shapes; `convlens.figures` draws them. The names of
`__all__` are promised; `__init__.pyi` beside this file lists them once, and they are imported when
first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
