"""States of atomic values are copied by a function of their class; nobody can tell that from the general way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import pytest

from otpy.behaviours import migrations
from otpy.behaviours.migrations import Copies, Migration
from tests.behaviours.migration_kit import parts_of


class Plain:
    """Has what it is given."""

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


class Slots:
    """Without a __dict__."""

    __slots__ = ("x", "y")

    def __init__(self, x: Any) -> None:
        self.x = x


class Full(Slots):
    """Sets all its slots."""

    __slots__ = ()

    def __init__(self, x: Any) -> None:
        super().__init__(x)
        self.y: Any = 2


class Both(Full):
    """With slots of its base and a __dict__."""

    def __init__(self, x: Any) -> None:
        super().__init__(x)
        self.z = 3


@dataclass(frozen=True)
class Frozen:
    """Refuses to be set."""

    x: Any


class Veiled:
    """Shows other attributes than it has."""

    def __init__(self, x: Any) -> None:
        vars(self)["x"] = x

    def __getattribute__(self, name: str) -> Any:
        """Hide what there is."""
        return "hidden" if name == "x" else super().__getattribute__(name)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse."""
        raise AttributeError(name)


class Shadowed:
    """Has an attribute of the name of a property."""

    def __init__(self, x: Any) -> None:
        vars(self)["twice"] = x

    @property
    def twice(self) -> int:
        """Something else."""
        return 2


class Struct(msgspec.Struct):
    """A struct."""

    x: Any


class Counted(msgspec.Struct):
    """A struct that may not be made twice."""

    x: Any

    def __post_init__(self) -> None:
        """Count."""
        self.x = [self.x]


class Pair(NamedTuple):
    """A tuple."""

    x: Any


class OwnDict(dict[str, Any]):
    """A dict of its own kind."""


MAKERS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda x: Plain(x=x, y="y"),
    "empty": lambda _: Plain(),
    "name that is no identifier": lambda x: Plain(**{"a b": x}),
    "slots": Slots,
    "all slots": Full,
    "slots and dict": Both,
    "frozen": Frozen,
    "own getattribute and setattr": Veiled,
    "behind a property": Shadowed,
    "struct": Struct,
    "struct with post_init": Counted,
    "named tuple": Pair,
    "dict": lambda x: {"x": x},
    "own dict": lambda x: OwnDict(x=x),
    "list": lambda x: [1, x],
    "tuple as a key": lambda x: {(1, 2): x},
}
NUMBERED = {name: make for name, make in MAKERS.items() if name not in {"empty", "tuple as a key"}}


def facts(thing: Any) -> Any:
    """Return what *thing* is, as far as it can be compared."""
    own = (
        object.__getattribute__(thing, "__dict__")
        if hasattr(type(thing), "__dictoffset__") and type(thing).__dictoffset__
        else {}
    )
    return type(thing), dict(own), parts_of(thing)


def used(make: Callable[[Any], Any]) -> Copies:
    """Return copies that have met many of what *make* makes."""
    copies = Copies()
    for number in range(30):
        copies.copy(make(number))
    return copies


@pytest.mark.parametrize("value", [7, None, "text", [1, 2], {"a": [1]}], ids=str)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_copy_is_that_of_the_general_way(make: Callable[[Any], Any], value: Any) -> None:
    """Also of those that hold something else than the ones before."""
    state = make(value)
    general = Copies().copy(state)
    quick = used(make).copy(state)
    assert facts(quick.value) == facts(general.value) == facts(state)
    assert quick.report == general.report
    assert (quick.value is state) == (general.value is state)


@pytest.mark.parametrize("make", NUMBERED.values(), ids=NUMBERED)
def test_nothing_that_can_change_is_shared(make: Callable[[Any], Any]) -> None:
    """An atomic value before says nothing about the next one."""
    inner = [1]
    copied = used(make).copy(make(inner)).value
    inner.append(2)
    assert facts(copied) == facts(make([1]))


def test_an_instance_may_have_other_attributes_than_those_before() -> None:
    """One more, one less, and one instead of another."""
    copies = used(lambda x: Plain(x=x, y=1))
    for values in ({"x": 1}, {"x": 1, "y": 2, "z": 3}, {"x": 1, "z": 3}, {}):
        assert vars(copies.copy(Plain(**values)).value) == values


def test_an_instance_may_have_set_more_slots_than_those_before() -> None:
    """A slot that is not set cannot be told from the class, only from the instance."""
    full: Any = Slots(1)
    full.y = 2
    assert used(Slots).copy(full).value.y == 2

    class Later:
        __slots__ = ("x", "y")

    migration = Migration({Slots: Later})
    for number in range(30):
        migration.migrate(Slots(number))
    made: Any = migration.migrate(full).value
    assert (type(made), made.x, made.y) == (Later, 1, 2)


def test_what_is_kept_is_told_of() -> None:
    """A lock is no atomic value, whatever stood in its place before."""
    lock = threading.Lock()
    state: Any = Plain(x=lock)
    copied = used(lambda x: Plain(x=x)).copy(state)
    assert copied.value.x is lock
    assert list(copied.report.kept) == ["_thread.lock"]


def test_copies_get_the_class_that_they_shall_have() -> None:
    """A rehearsal has the copies made as instances of the new version."""

    class Later(Plain):
        pass

    copies = Copies({Plain: Later})
    assert {type(copies.copy(Plain(x=number)).value) for number in range(30)} == {Later}


@pytest.mark.parametrize("name", ["plain", "all slots", "frozen", "struct", "dict", "list"])
def test_most_states_need_nothing_but_their_function(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand processes rest while their states are copied."""
    copies = used(MAKERS[name])
    monkeypatch.setattr(migrations, "Copier", None)
    assert facts(copies.copy(MAKERS[name](7)).value) == facts(MAKERS[name](7))
