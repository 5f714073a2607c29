"""Optional packages: checked where they are needed; the error has the install command."""

from __future__ import annotations

from importlib.util import find_spec

from convlens.foundation.errors import MissingExtra


def require(feature: str, extra: str, *packages: str) -> None:
    """Refuse to go on without the packages of an extra.

    Parameters
    ----------
    feature : str
        What needs them, for the message.
    extra : str
        The extra that installs them.
    *packages : str
        Importable names.

    Raises
    ------
    MissingExtra
        Where one is not installed; nothing is imported to find out.

    Examples
    --------
    >>> require("addition", "none", "math")
    >>> require("ONNX export", "export", "onnx_that_is_not_there")
    Traceback (most recent call last):
    convlens.MissingExtra: ONNX export needs packages that are not installed
      expected: the extra "export"
      to do: pip install "convlens[export]"
    """
    if any(find_spec(package) is None for package in packages):
        raise MissingExtra(feature, extra)
