"""What a migration did, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeAlias, TypeVar, final

import msgspec

ValueT = TypeVar("ValueT")


def class_name(cls: type) -> str:
    """`shop.cart.Item`; builtins without their module."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


@dataclass(frozen=True, slots=True)
class Report:
    """What happened to the objects of one state, by the name of their class."""

    migrated: Mapping[str, int] = field(default_factory=dict)
    """How many objects got a new class, or the new fields of theirs."""
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields that the class does not have any more: their values are gone."""
    filled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields that the class did not have before: they got their defaults."""
    renamed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields that have another name now, as "old → new"."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Objects that are the same in the original and in the copy: locks, sockets, files, pids."""

    @property
    def migrated_count(self) -> int:
        """How many objects were brought over, of all classes."""
        return sum(self.migrated.values())

    def __str__(self) -> str:
        """One line for each class and fact."""
        return "\n".join(self.lines()) or "nothing to migrate"

    def lines(self) -> Iterator[str]:
        """The lines of `str(report)`."""
        for name, count in self.migrated.items():
            yield f"{name}: {count} migrated"
        for name, fields in self.dropped.items():
            yield f"{name}: dropped {', '.join(fields)}"
        for name, fields in self.filled.items():
            yield f"{name}: filled {', '.join(fields)}"
        for name, fields in self.renamed.items():
            yield f"{name}: renamed {', '.join(fields)}"
        for name, count in self.kept.items():
            yield f"{name}: {count} kept by reference"


NOTHING: Final = Report()
"""The report on a state that needed nothing."""


class Migrated(msgspec.Struct, Generic[ValueT], frozen=True):
    """A migrated state, and what was done to it. `value is original` if there was nothing to do."""

    value: ValueT
    report: Report


Fact: TypeAlias = tuple[str, type, str]
"""What happened, to an instance of which class, and to which of its fields."""

MANY_REPORTS: Final = 1000


@final
class Ledger:
    """Collects what goes into a report. Used again and again: states of one kind share one report."""

    def __init__(self) -> None:
        self.facts: dict[Fact, int] = {}
        self._reports: dict[tuple[tuple[Fact, int], ...], Report] = {}

    def note(self, what: str, cls: type, name: str = "") -> None:
        """One more object of *cls* was "migrated" or "kept", or its field *name* "dropped", "filled" or "renamed"."""
        fact = (what, cls, name)
        self.facts[fact] = self.facts.get(fact, 0) + 1

    def clear(self) -> None:
        """Forget what was collected."""
        self.facts.clear()

    def report(self) -> Report:
        """All that was collected."""
        if not self.facts:
            return NOTHING
        key = tuple(self.facts.items())
        found = self._reports.get(key)
        if found is None:
            if len(self._reports) >= MANY_REPORTS:
                self._reports.clear()
            found = self._reports[key] = _report(self.facts)
        return found


def _report(facts: Mapping[Fact, int]) -> Report:
    counts: dict[str, dict[str, int]] = {}
    names: dict[str, dict[str, tuple[str, ...]]] = {}
    for (what, cls, name), count in facts.items():
        counts.setdefault(what, {})[class_name(cls)] = count
        fields = names.setdefault(what, {})
        fields[class_name(cls)] = (*fields.get(class_name(cls), ()), name)
    return Report(
        migrated=counts.get("migrated", {}),
        dropped=names.get("dropped", {}),
        filled=names.get("filled", {}),
        renamed=names.get("renamed", {}),
        kept=counts.get("kept", {}),
    )
