"""Names of things that live: processes, monitors, timers.

All are compared by identity: two pids are equal only if they are the same process.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pykka import ActorRef

_numbers = itertools.count(1)


class Pid:
    """A process, alive or dead. Pids are made by starting processes, never by hand.

    `id` is a number unique in this interpreter, `ref` pykka's reference of the same process.
    """

    __slots__ = ("__weakref__", "id")

    id: int

    @property
    def ref(self) -> ActorRef[Any]:
        """pykka's ActorRef of this process: `ask` is a call, `tell` a cast for a GenServer."""
        raise NotImplementedError

    def __copy__(self) -> Pid:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Pid:
        return self

    def __reduce__(self) -> NoReturn:
        msg = f"{self!r} names a process of this interpreter and cannot be pickled; send its registered name instead"
        raise TypeError(msg)


class Ref:
    """A monitor or a request, told apart from every other by identity."""

    __slots__ = ("__weakref__", "id")

    def __init__(self) -> None:
        self.id = next(_numbers)

    def __repr__(self) -> str:
        return f"Ref<{self.id}>"

    def __copy__(self) -> Ref:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Ref:
        return self


def next_number() -> int:
    """Return a number that no pid, ref or timer of this interpreter has had."""
    return next(_numbers)
