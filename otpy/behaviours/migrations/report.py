"""What a migration did, as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar, final

ValueT = TypeVar("ValueT")


def class_name(cls: type) -> str:
    """`shop.cart.Item`; builtins without their module."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


@dataclass(frozen=True, slots=True)
class Report:
    """What happened to the objects of one state, by the name of their class."""

    migrated: Mapping[str, int] = field(default_factory=dict)
    """How many objects got a new class."""
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields that the new class does not have: their values are gone."""
    filled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields that the old class did not have: they got their defaults."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Objects that are the same in the original and in the copy: locks, sockets, files, pids."""

    @property
    def migrated_count(self) -> int:
        """How many objects got a new class, of all classes."""
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
        for name, count in self.kept.items():
            yield f"{name}: {count} kept by reference"


@dataclass(frozen=True, slots=True)
class Migrated(Generic[ValueT]):
    """A migrated state, and what was done to it. `value is original` if there was nothing to do."""

    value: ValueT
    report: Report


@final
class Ledger:
    """Collects what goes into a report."""

    def __init__(self) -> None:
        self._migrated: dict[type, int] = {}
        self._kept: Counter[type] = Counter()
        self._dropped: dict[type, dict[str, None]] = {}
        self._filled: dict[type, dict[str, None]] = {}

    def migrated(self, cls: type) -> None:
        """An object got the class *cls*."""
        self._migrated[cls] = self._migrated.get(cls, 0) + 1

    def kept(self, value: object) -> None:
        """*value* is the same object in both."""
        self._kept[type(value)] += 1

    def dropped(self, cls: type, name: str) -> None:
        """*cls* has no place for the field *name*."""
        self._dropped.setdefault(cls, {})[name] = None

    def filled(self, cls: type, name: str) -> None:
        """The field *name* of *cls* got its default."""
        self._filled.setdefault(cls, {})[name] = None

    def report(self) -> Report:
        """All that was collected."""
        return Report(
            migrated={class_name(cls): count for cls, count in self._migrated.items()},
            dropped={class_name(cls): tuple(names) for cls, names in self._dropped.items()},
            filled={class_name(cls): tuple(names) for cls, names in self._filled.items()},
            kept={class_name(cls): count for cls, count in self._kept.items()},
        )
