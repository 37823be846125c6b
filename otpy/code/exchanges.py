"""Exchanging one object for another in what holds it, and taking that back, whatever others did to the holder since."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, MutableSequence, MutableSet
from dataclasses import dataclass, field
from typing import Any, final

from otpy.code.journal import Journal

Exchange = Callable[[], object]


@dataclass(slots=True)
class Exchanges:
    """What a search found: how to exchange, how to take that back, and who cannot be changed."""

    steps: list[tuple[str, Exchange, Exchange]] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    def add(self, what: str, forth: Exchange, back: Exchange) -> None:
        """Note a step and its inverse, which must also be right when the step was not taken."""
        self.steps.append((what, forth, back))

    def apply(self, journal: Journal) -> None:
        """Exchange, every step in *journal*; there is nothing left to do afterwards."""
        for what, forth, back in self.steps:
            journal.write(what, back)
            forth()
        self.steps = []


def put(mapping: MutableMapping[Any, Any], key: object, expected: object, value: object) -> None:
    """Set an item, if it is still what it was."""
    if mapping.get(key) is expected:
        mapping[key] = value


def drop(sequence: MutableSequence[Any], unwanted: object) -> None:
    """Take an item out of a sequence, if it is still in it."""
    index = next((i for i, item in enumerate(sequence) if item is unwanted), -1)
    if index >= 0:
        del sequence[index]


def put_back(sequence: MutableSequence[Any], index: int, item: object) -> None:
    """Put an item back at its place, if it is not in it."""
    if all(other is not item for other in sequence):
        sequence.insert(index, item)


def swap(sequence: MutableSequence[Any], index: int, expected: object, value: object) -> None:
    """Exchange an item, wherever in the sequence it is by now."""
    if not (index < len(sequence) and sequence[index] is expected):
        index = next((i for i, item in enumerate(sequence) if item is expected), -1)
    if index >= 0:
        sequence[index] = value


def trade(members: MutableSet[Any], old: object, new: object) -> None:
    """Exchange a member, if it is still there."""
    if old in members:
        members.discard(old)
        members.add(new)


@final
class Filling:
    """Exchanging keys of a dictionary, which others may have changed since the search."""

    def __init__(self, mapping: dict[Any, Any], new: Callable[[Any], Any]) -> None:
        self.mapping = mapping
        self.new = new
        self.before: dict[Any, Any] | None = None
        self.after: dict[Any, Any] = {}

    def forth(self) -> None:
        """Exchange. Where both keys were there, as in a registry, the value of the new definition stands."""
        self.before = dict.copy(self.mapping)
        self.after = {self.new(key): self.new(value) for key, value in self.before.items()}
        _refill(self.mapping, self.after)

    def back(self) -> None:
        """Restore what was there; what was added since stays."""
        if self.before is not None:
            added = {key: value for key, value in dict.copy(self.mapping).items() if key not in self.after}
            _refill(self.mapping, self.before | added)
            self.before = None


def _refill(mapping: dict[Any, Any], items: dict[Any, Any]) -> None:
    # By C code alone: no other thread finds a key missing.
    mapping.clear()
    mapping.update(items)
