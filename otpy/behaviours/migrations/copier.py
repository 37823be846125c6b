"""The copier: one walk over a graph of objects that gives an isomorphic graph, with other classes where it is told so.

Depth does not matter. Handlers call each other through `Copier.now` down to a fixed depth; deeper down, `now` answers
LATER. Then the handler hands in a generator that goes on from where it stood, and its `yield` gives the part that was
not there yet: a stack of generators stands where Python's own stack would have been.

Handlers take `(copier, old)` and return the copy, or `copier.later(generator)`. A handler enters the copy in the memo
*before* it asks for parts, wherever the kind of object allows it: that is what closes cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from typing import Any, Final, TypeAlias, TypeVar, final

from otpy.behaviours.migrations.kinds import ATOMIC
from otpy.behaviours.migrations.report import Ledger
from otpy.behaviours.migrations.scan import Scan, reachable
from otpy.behaviours.migrations.shapes import Shape

ValueT = TypeVar("ValueT")

Steps: TypeAlias = Generator[Any, Any, Any]
Handler: TypeAlias = Callable[["Copier", Any], Any]

LATER: Final = object()
"""Returned in place of a copy that is still being made."""

DEPTH: Final = 60
"""How many handlers may call each other before the rest is put off."""


@final
class Plans:
    """What to do with the objects of each class. One serves all states of an upgrade, on all threads.

    *replaced*: old class or function → its successor, None if it is gone. *reshaped*: a class whose instances get
    other fields → the shape they had. *scan* finds what has to change; None: everything is copied. *counterparts*:
    a class or function → what stands for it in copies, of instances too, which get the attributes they have.
    """

    def __init__(
        self,
        planner: Callable[[Plans, type], Handler],
        *,
        replaced: Mapping[Any, Any] | None = None,
        reshaped: Mapping[type, Shape] | None = None,
        counterparts: Mapping[Any, Any] | None = None,
        scan: Scan | None = None,
    ) -> None:
        self.replaced: Mapping[Any, Any] = replaced or {}
        self.reshaped: Mapping[type, Shape] = reshaped or {}
        self.counterparts: Mapping[Any, Any] = {} if counterparts is None else counterparts
        self.scan = scan
        self.handlers: dict[type, Handler] = {}
        self.flat: dict[type, Callable[[Any], Any]] = {}
        """What copies whole states of a class at once; see flat.py."""
        self._planner = planner

    def handler(self, cls: type) -> Handler:
        """The handler for instances of *cls*, which was not met before."""
        chosen = self.handlers[cls] = self._planner(self, cls)
        return chosen

    def is_old(self, cls: type) -> bool:
        """Whether *cls* has been replaced or removed."""
        return cls in self.replaced


@final
class Copier:
    """One memo and what belongs to it. Use it from one thread at a time."""

    __slots__ = (
        "_depth",
        "_pending",
        "_strong",
        "changing",
        "handlers",
        "ledger",
        "memo",
        "open",
        "open_hits",
        "originals",
        "plans",
        "replaced_ids",
        "root",
        "waiting",
    )

    def __init__(self, plans: Plans, ledger: Ledger) -> None:
        self.plans = plans
        self.handlers = plans.handlers
        self.replaced_ids: Collection[int] = plans.scan.ids if plans.scan is not None else ()
        self.ledger = ledger
        self.memo: dict[int, Any] = {}
        self.originals: list[Any] = []
        """Keeps what is in the memo alive, since it is known by id."""
        self.open: set[int] = set()
        """Objects whose copies are not complete."""
        self.open_hits = 0
        """How often an incomplete copy was given out: what hashes it has to wait."""
        self.waiting: list[Callable[[], None]] = []
        self.changing: Collection[int] | None = None
        """The objects that have to become other objects, all else is shared; None: everything is copied."""
        self.root: Any = None
        self._strong: set[int] | None = None
        self._pending: list[Steps] = []
        self._depth = 0

    def copy(self, root: ValueT, changing: Collection[int] | None = None) -> ValueT:
        """The copy of *root* and of all that it holds, as far as it is in *changing*."""
        self.root, self._strong, self.changing, self._depth = root, None, changing, 0
        if self._pending:
            self._pending.clear()
        made: ValueT = self.run(root)
        # Keys that were incomplete when they were met are complete now.
        while self.waiting:
            self.waiting.pop(0)()
        return made

    def run(self, root: Any) -> Any:
        """Copy *root*; what was put off is done here, on a stack of generators."""
        value = self.now(root)
        if value is not LATER:
            return value
        stack: list[Steps] = [self._pending.pop()]
        value = None
        while stack:
            try:
                stack[-1].send(value)
            except StopIteration as done:
                stack.pop()
                value = done.value
            else:
                # Whoever yields waits for what `now` put off last.
                stack.append(self._pending.pop())
                value = None
        return value

    # -- for handlers --------------------------------------------------------------------------------

    def now(self, old: Any) -> Any:
        """The copy of *old*; LATER if it takes longer, and then the caller has to `yield` to get it."""
        cls = type(old)
        if cls in ATOMIC:
            return old
        key = id(old)
        made = self.memo.get(key, LATER)
        if made is not LATER:
            if key in self.open:
                self.open_hits += 1
            return made
        changing = self.changing
        if changing is not None and key not in changing and key not in self.replaced_ids:
            return old
        handler = self.handlers.get(cls) or self.plans.handler(cls)
        if self._depth == DEPTH:
            return self.later(self.put_off(handler, old))
        self._depth += 1
        made = handler(self, old)
        self._depth -= 1
        return made

    def put_off(self, handler: Handler, old: Any) -> Steps:
        """The same as `handler(self, old)`, begun when the stack is flat again."""
        value = self.memo.get(id(old), LATER)
        if value is LATER:
            value = handler(self, old)
        return (yield) if value is LATER else value

    def later(self, steps: Steps) -> Any:
        """Have *steps* run before whoever asked goes on."""
        self._pending.append(steps)
        return LATER

    def remember(self, old: Any, new: Any) -> Any:
        """Enter a copy in the memo."""
        self.memo[id(old)] = new
        self.originals.append(old)
        return new

    def begin(self, old: Any, new: Any) -> Any:
        """Enter a copy that is not complete yet; `complete` follows."""
        self.open.add(id(old))
        return self.remember(old, new)

    def complete(self, old: Any) -> None:
        """The copy of *old* has all its parts."""
        self.open.discard(id(old))

    def keep(self, old: Any) -> Any:
        """*old* itself is the copy."""
        self.ledger.note("kept", type(old))
        return self.remember(old, old)

    # -- questions -----------------------------------------------------------------------------------

    def holds_old(self, value: object) -> bool:
        """Whether anything that has been replaced can be reached from *value*."""
        return self.plans.scan is not None and bool(self.plans.scan.changing(value))

    def is_part_of_root(self, value: object) -> bool:
        """Whether the state itself holds *value*, so that it will have a copy; weak references do not count."""
        if self.changing is not None:
            return id(value) in self.changing
        if self._strong is None:
            self._strong = reachable(self.root)
        return id(value) in self._strong
