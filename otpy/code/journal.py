"""What an upgrade did, step by step, each with its inverse, so that all of it can be taken back.

The rule: the inverse is written *before* the step is taken. A step that fails half-way is then undone like one that
succeeded, so an inverse must also be right when its step never happened.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Final, NamedTuple, TypeVar, final

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

MISSING: Final = object()


class Step(NamedTuple):
    """One step that was taken: *what* for people, *inverse* to take it back."""

    what: str
    inverse: Callable[[], object]


@final
class Journal:
    """The inverses of all that was done, in order. One transaction has one journal, used by one thread at a time."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    @property
    def steps(self) -> tuple[str, ...]:
        """What was done and not taken back, oldest first."""
        return tuple(step.what for step in self._steps)

    def write(self, what: str, inverse: Callable[[], object]) -> None:
        """Note how to take back a step that is about to be taken."""
        self._steps.append(Step(what, inverse))

    def write_last(self, what: str, inverse: Callable[[], object]) -> None:
        """As `write`; the inverse runs when all others have: it needs everything else to be as it was."""
        self._steps.insert(0, Step(what, inverse))

    def absorb(self, other: Journal) -> None:
        """Take over the steps of *other*, which is empty afterwards."""
        self._steps += other._steps
        other._steps = []

    def set_item(self, mapping: MutableMapping[KeyT, ValueT], key: KeyT, value: ValueT, what: str = "") -> None:
        """`mapping[key] = value`, with its inverse."""
        before: Any = mapping.get(key, MISSING)

        def inverse() -> None:
            if before is MISSING:
                mapping.pop(key, None)
            else:
                mapping[key] = before

        self.write(what or f"item {key!r}", inverse)
        mapping[key] = value

    def delete_item(self, mapping: MutableMapping[KeyT, ValueT], key: KeyT, what: str = "") -> None:
        """`del mapping[key]`, with its inverse; nothing happens if there is no such key."""
        if key not in mapping:
            return
        before = mapping[key]
        self.write(what or f"item {key!r}", lambda: mapping.__setitem__(key, before))
        del mapping[key]

    def set_attribute(self, owner: object, name: str, value: object, what: str = "") -> None:
        """`owner.name = value`, with its inverse."""
        before: Any = getattr(owner, name, MISSING)

        def inverse() -> None:
            if before is not MISSING:
                setattr(owner, name, before)
            elif hasattr(owner, name):
                delattr(owner, name)

        self.write(what or f"attribute {name}", inverse)
        setattr(owner, name, value)

    def undo(self) -> None:
        """Take everything back, newest first.

        Raises: ExceptionGroup, when inverses raised; the others have been carried out all the same.
        """
        errors: list[Exception] = []
        while self._steps:
            step = self._steps.pop()
            try:
                step.inverse()
            except Exception as error:  # noqa: BLE001 - one inverse that fails must not keep the others from running
                error.add_note(f"while taking back: {step.what}")
                errors.append(error)
        if errors:
            message = "some steps could not be taken back"
            raise ExceptionGroup(message, errors)

    def commit(self) -> None:
        """Forget the inverses, and with them the objects that they would have restored."""
        self._steps.clear()


def reorder(namespace: dict[str, Any], keys: Iterable[str]) -> None:
    """Put the items of *namespace* in the order of *keys*; items not named stay behind them, in their order."""
    wanted = [key for key in keys if key in namespace]
    named = set(wanted)
    order = wanted + [key for key in namespace if key not in named]
    if order == list(namespace):
        return
    # Taken out and put back by C code alone: no other thread runs in between, so none finds a name missing.
    deque(map(namespace.__setitem__, order, map(namespace.pop, order)), maxlen=0)
