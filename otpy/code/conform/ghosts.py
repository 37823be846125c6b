"""What becomes of ghosts: they get the live classes as bases, nobody holds them, and their bases do not list them."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, final

from otpy.code.become import Unseen
from otpy.code.conform.steps import Step, renew
from otpy.code.holders import set_bases


class _Nowhere:
    """Where ghosts are put, so that `__subclasses__` of their bases does not list them until they are collected."""


class _NowhereWithoutDict:
    """For those whose bases have no `__dict__`."""

    __slots__ = ()


NOWHERE: Final = (_Nowhere, _NowhereWithoutDict)


@final
@dataclass(slots=True, eq=False)
class Move(Unseen):
    """A ghost that is derived from other ghosts, and is to be derived from what takes their places."""

    ghost: type
    own: tuple[type, ...]
    new: tuple[type, ...]


@contextmanager
def moves() -> Generator[list[Move]]:
    """A list of moves that are made while the block runs, and taken back at its end.

    Whether instances of a ghost can become instances of the live class, CPython tells only when the two have the same
    bases.
    """
    made: list[Move] = []
    try:
        yield made
    finally:
        for move in reversed(made):
            set_bases(move.ghost, move.own)


def move(ghost: type, bases: tuple[type, ...], made: list[Move]) -> None:
    """Derive *ghost* from other *bases*, and note that among what was *made*."""
    if bases != ghost.__bases__:
        made.append(Move(ghost, ghost.__bases__, bases))
        set_bases(ghost, bases)


def moving_steps(made: list[Move]) -> Iterator[Step]:
    """The steps that do it for good."""
    for each in made:
        forth, back = (functools.partial(set_bases, each.ghost, bases) for bases in (each.new, each.own))
        yield Step(f"bases of a {each.ghost.__qualname__}", forth, back)


def banishing_step(ghost: type) -> Step:
    """The step that takes *ghost* out of the lists of subclasses of its bases, where its layout allows."""
    read = functools.partial(getattr, ghost, "__bases__")
    forth = functools.partial(banish, ghost)
    return renew(f"end of a {ghost.__qualname__}", read, forth, functools.partial(set_bases, ghost))


def banish(ghost: type) -> None:
    """Take *ghost* from its bases. It is no one's, and collected sooner or later."""
    for place in NOWHERE:
        try:
            set_bases(ghost, (place,))
        except TypeError:  # another layout: the garbage collector takes it from the lists, when it comes by
            continue
        return
