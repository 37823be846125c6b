"""Which otpy this is."""

from __future__ import annotations

from importlib import import_module


def version() -> str:
    """Return the version of otpy that runs here; the facade knows it."""
    found: str = import_module("otpy").__version__
    return found
