"""Modules that exist only in memory, for upgrades to work on."""

from __future__ import annotations

import gc
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TypeAlias

import pytest

from otpy import code
from otpy.code.history import histories
from tests.support import eventually

Make: TypeAlias = Callable[[str, str], ModuleType]


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """However an upgrade ends, the garbage collector is set as before."""
    before = gc.get_threshold()
    yield
    eventually(lambda: gc.get_threshold() == before)  # one that has gone wrong may still be ending


@pytest.fixture
def module() -> Iterator[Make]:
    """Return what makes a module of that name and source, forgotten after the test."""
    made: list[str] = []

    def make(name: str, source: str) -> ModuleType:
        made.append(name)
        code.load(textwrap.dedent(source), name=name)
        return sys.modules[name]

    yield make
    for name in made:
        sys.modules.pop(name, None)
        histories.forget(name)
