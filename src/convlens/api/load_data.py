"""`load_data`: the public name of `convlens.data.load`."""

from __future__ import annotations

from convlens.data import load as load_data

__all__ = ["load_data"]
