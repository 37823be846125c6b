"""Modules that import each other, written for a test, and upgraded together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from otpy.code.dependents import dependents_of
from otpy.code.journal import Journal
from otpy.code.loader import prepare_all
from otpy.code.prepared import Prepared

Write: TypeAlias = Callable[[str, str], Path]
Modules: TypeAlias = Callable[..., dict[str, ModuleType]]


def named(source: str, name: str) -> str:
    """*source* with the names that modules really have in the place of `$a`, `$b`."""
    return source.replace("$", f"{name}_")


def upgrade_all(name: str, journal: Journal | None = None, **sources: str) -> Prepared:
    """Upgrade some of the modules of a test, with all their dependents."""
    new = {f"{name}_{key}": named(source, name) for key, source in sources.items()}
    prepared = prepare_all(new, dependents=dependents_of(new))
    prepared.install(journal or Journal())
    return prepared
