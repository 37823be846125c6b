"""A row of the reload matrix as a value: what is edited, what must hold, and the cases that show it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, final

Things: TypeAlias = dict[str, Any]
"""Live objects of a case, by what they are in it."""


@final
class Modules:
    """The loaded modules as attributes, as they are now. `folder` has their files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getattr__(self, name: str) -> Any:
        return sys.modules[name]


Make: TypeAlias = Callable[[Modules], Things]
Look: TypeAlias = Callable[[Modules, Things], None]


@final
@dataclass(frozen=True, slots=True)
class Refusal:
    """The error that a refused upgrade raises, and what its message names (a regular expression)."""

    error: type[BaseException]
    names: str


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One edit. `before` and `after` are sources by module; the modules of `after` are reloaded together.

    `make` makes live objects before the edit and `look` asserts what must hold of them after it. `look` is not asked
    if the edit is `refused`: then nothing may have changed. `warned` is what a warning of the report must name.
    """

    what: str = ""
    before: Mapping[str, str]
    after: Mapping[str, str]
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further files that are there but not imported at first."""
    make: Make
    look: Look
    refused: Refusal | None = None
    warned: str = ""
    actors: Actors | None = None
    """What must hold with the objects in states and mailboxes of actors; None for edits that touch no class."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Actors:
    """What must hold of the objects in actors: the same as outside, something else, or that it is refused."""

    look: Look | None = None
    refused: Refusal | None = None


@final
@dataclass(frozen=True, slots=True)
class Row:
    """One of the 31 edits."""

    number: int
    edit: str
    must_hold: str
    cases: tuple[Case, ...]


def text(source: str) -> str:
    """Return *source* without its common indent."""
    return textwrap.dedent(source).lstrip("\n")


def edited(source: str, old: str, new: str) -> str:
    """Return *source* with *old*, which has to be in it, replaced by *new*."""
    assert old in source, f"{old!r} is not in the source that is to be edited"
    return source.replace(old, new)
