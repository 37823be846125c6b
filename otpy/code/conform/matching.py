"""Find which live function or class corresponds to which ghost, in all that the given pairs are made of.

A live class corresponds to its ghost, and so do its members, their functions, what decorators keep in the cells and
attributes of their wrappers, and so on. A live object takes the place of one ghost at most, and a ghost's place is
taken by one live object at most: what is found first, from the outside to the inside, stands.
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import CellType, CodeType, FunctionType
from typing import Any, final

from otpy.code.become import Places, Unseen
from otpy.code.conform import enums
from otpy.code.conform.dispatch import carry_over, is_generic, same_implementations
from otpy.code.conform.functions import can_forward, same_kind, with_cells
from otpy.code.conform.ghosts import Move, move
from otpy.code.conform.layout import obstacle
from otpy.code.conform.notes import Note
from otpy.code.holders import LRU_WRAPPER, attributes_of


@final
@dataclass(slots=True, eq=False)
class Pair(Unseen):
    """A live object and its ghost."""

    name: str
    live: Any
    ghost: Any
    source: Any = None
    """Of functions: the ghost's twin, which has the module's namespace and code filed under the module's name."""


@final
@dataclass(slots=True, eq=False)
class CellPair(Unseen):
    """A cell of a live closure and the cell that corresponds to it."""

    name: str
    live: CellType
    ghost: CellType
    is_state: bool
    """Whether the functions that share it assign to it: then what is in it is state of the running program."""


@final
@dataclass(slots=True)
class Matches:
    """What corresponds to what, and how it is to be brought about."""

    places: Places
    functions: list[Pair] = field(default_factory=list)
    """To be edited in place."""
    forwards: list[Pair] = field(default_factory=list)
    """Live functions that cannot be edited, and pass on calls to what takes their place."""
    classes: list[Pair] = field(default_factory=list)
    """To be edited in place."""
    members: list[Pair] = field(default_factory=list)
    """Members of enumerations, to be edited in place."""
    replaced: list[Pair] = field(default_factory=list)
    """Classes that cannot be edited."""
    cells: dict[int, CellPair] = field(default_factory=dict)
    wrappers: list[Pair] = field(default_factory=list)
    """`lru_cache` wrappers that stay, and take over attributes."""
    caches: list[Any] = field(default_factory=list)
    """`lru_cache` wrappers, whose results were computed by the old code."""
    notes: list[Note] = field(default_factory=list)

    def notes_of_pairs(self) -> list[Unseen]:
        """The pairs, which hold what was made."""
        pairs = [*self.functions, *self.forwards, *self.classes, *self.members, *self.replaced, *self.wrappers]
        return [*pairs, *self.cells.values()]


def match(
    pairs: Iterable[Pair],
    twins: Iterable[tuple[object, object]],
    *,
    kept: Mapping[type, Collection[str]],
    moved: list[Move],
) -> Matches:
    """Find what corresponds in *pairs*.

    *twins*, *kept*: see `conform`. *moved*: gets the ghosts that are given other bases, see `ghosts.moves`.
    """
    matcher = Matcher(twins, kept, moved)
    given = list(pairs)
    for pair in given:
        if isinstance(pair.live, type) and isinstance(pair.ghost, type):
            matcher.find_classes(pair)
    for pair in list(matcher.class_pairs.values()):
        matcher.decide(pair)
    for pair in matcher.found.classes:
        matcher.match_members(pair)
    for pair in sorted(given, key=lambda pair: not is_generic(pair.ghost)):
        matcher.match_values(pair.name, pair.live, pair.ghost, outermost=True)
    matcher.share_cells()
    return matcher.found


@final
class Matcher:
    """One search."""

    def __init__(
        self, twins: Iterable[tuple[object, object]], kept: Mapping[type, Collection[str]], moves: list[Move]
    ) -> None:
        self.moves = moves
        self.found = Matches(Places(twins))
        self.scratch = self.found.places
        self.kept = kept
        self.class_pairs: dict[int, Pair] = {}
        self.decided: dict[int, bool] = {}
        self.taken: set[int] = set()
        self.seen: set[tuple[int, int]] = set()

    # -- classes -------------------------------------------------------------------------------------

    def find_classes(self, pair: Pair) -> None:
        """Note a pair of classes, and those that are defined inside."""
        live, ghost = pair.live, pair.ghost
        if live is ghost or id(ghost) in self.class_pairs or id(live) in self.taken:
            return
        if not is_namesake(live, ghost):
            return  # another class of the same name: an alias, not a definition
        self.class_pairs[id(ghost)] = pair
        self.taken.add(id(live))
        for name, inner in list(vars(ghost).items()):
            was = vars(live).get(name)
            if isinstance(inner, type) and isinstance(was, type) and was.__qualname__.startswith(live.__qualname__):
                self.find_classes(Pair(f"{pair.name}.{name}", was, inner))

    def decide(self, pair: Pair) -> None:
        """Whether the live class can be edited in place; its bases and its metaclass are decided before it."""
        live, ghost = pair.live, pair.ghost
        if id(ghost) in self.decided:
            return
        self.decided[id(ghost)] = True
        for other in (type(ghost), *ghost.__bases__):
            if id(other) in self.class_pairs:
                self.decide(self.class_pairs[id(other)])
        reason = self._obstacle(live, ghost)
        if reason is None:
            self.found.places.put(ghost, live)
            self.found.classes.append(pair)
        else:
            self.found.replaced.append(pair)
            self.found.notes.append(Note(pair.name, "replaced", f"is a new class, since {reason}"))

    def _obstacle(self, live: type, ghost: type) -> str | None:
        try:
            move(ghost, tuple(map(self.found.places.of, ghost.__bases__)), self.moves)
        except TypeError as error:
            return str(error)
        return obstacle(live, ghost, self.found.places)

    def match_members(self, pair: Pair) -> None:
        """The members of a class that is edited in place."""
        live, ghost = pair.live, pair.ghost
        kept = self.kept.get(live, ())
        for member, ghost_member in enums.same_members(live, ghost):
            self.found.places.put(ghost_member, member)
            self.found.members.append(Pair(f"{pair.name}.{member._name_}", member, ghost_member))
        for name, new in list(vars(ghost).items()):
            was = vars(live).get(name, new)
            if name in kept:
                self._keep(was, new)
            else:
                self.match_values(f"{pair.name}.{name}", was, new)
                self._see_through_decorators(pair, new)

    def _keep(self, live: object, ghost: object) -> None:
        """A member that did not change stays as it is; who has got the ghost's functions is to have its functions."""
        for one, other in zip(functions_in(live), functions_in(ghost), strict=False):
            if one.__qualname__ == other.__qualname__ and self._is_own(one, other):
                self.taken.update((id(one), id(other)))
                self.found.places.put(other, one)

    def _see_through_decorators(self, pair: Pair, member: object) -> None:
        """A decorator that made a second class (`slots=True`) has left the first in cells of the members."""
        for function in functions_in(member):
            for first in map(contents, function.__closure__ or ()):
                if isinstance(first, type) and first is not pair.live and is_namesake(first, pair.ghost):
                    self.found.places.put(first, pair.live)

    # -- functions and what is made around them ------------------------------------------------------

    def match_values(self, name: str, live: Any, ghost: Any, *, outermost: bool = False) -> None:
        """Two values of one name, one cell or one attribute: what of them corresponds."""
        if live is ghost or (id(live), id(ghost)) in self.seen or (isinstance(ghost, type) and isinstance(live, type)):
            return
        self.seen.add((id(live), id(ghost)))
        match live, ghost:
            case FunctionType(), FunctionType():
                self._match_functions(name, live, ghost)
            case (staticmethod(), staticmethod()) | (classmethod(), classmethod()):
                self.match_values(name, live.__func__, ghost.__func__)
            case property(), property():
                for part in ("fget", "fset", "fdel"):
                    self.match_values(name, getattr(live, part), getattr(ghost, part))
            case functools.partial(), functools.partial():
                self.match_values(name, live.func, ghost.func)
            case _ if isinstance(live, LRU_WRAPPER) or isinstance(ghost, LRU_WRAPPER):
                self._match_cached(name, live, ghost)
            case _ if type(live).__qualname__ == type(ghost).__qualname__:
                self._match_attributes(name, live, ghost)
            case _ if outermost:
                change = f"was a {kind_of(live)} and is a {kind_of(ghost)} now"
                self.found.notes.append(Note(name, "stray", f"{change}; who holds the old one goes on with it"))
            case _:
                pass

    def _match_functions(self, name: str, live: FunctionType, ghost: FunctionType) -> None:
        if live.__qualname__ != ghost.__qualname__ or not self._is_own(live, ghost):
            return
        if id(live) in self.taken or (ghost in self.scratch and id(ghost) in self.taken):
            return
        self.taken.update((id(live), id(ghost)))
        if not same_kind(live.__code__, ghost.__code__):
            self._forward(name, live, ghost)
            return
        self.found.functions.append(Pair(name, live, ghost, self.found.places.of(ghost)))
        self.found.places.put(ghost, live)
        if is_generic(live) and is_generic(ghost):
            carry_over(live, ghost, self.found.places)
            for cls, one, other in same_implementations(live, ghost, self.found.places):
                self.match_values(f"{name}({cls})", one, other)
        self._match_cells(name, live, ghost)
        self._match_attributes(name, live, ghost)

    def _is_own(self, live: FunctionType, ghost: FunctionType) -> bool:
        """Whether *live* belongs to this definition alone.

        What the scratch namespace made does; so does a closure. But `functools.total_ordering`, say, gives every
        class the very same functions: to edit those would change classes that have nothing to do with this one.
        """
        return ghost in self.scratch or (live.__closure__ is not None and ghost.__closure__ is not None)

    def share_cells(self) -> None:
        """A new function that shares variables with one that was edited in place shares the live ones."""
        cells = {id(pair.ghost): pair.live for pair in self.found.cells.values()}
        for made in self.found.places.made():
            new = self.found.places.of(made)
            if type(new) is FunctionType and not cells.keys().isdisjoint(map(id, new.__closure__ or ())):
                self.found.places.put(made, with_cells(new, cells))

    def _forward(self, name: str, live: FunctionType, ghost: object) -> None:
        if can_forward(live.__code__):
            self.found.forwards.append(Pair(name, live, ghost))
        else:
            reason = "is a new function, since it is called in another way; who holds the old one goes on with it"
            self.found.notes.append(Note(name, "stray", reason))

    def _match_cells(self, name: str, live: FunctionType, ghost: FunctionType) -> None:
        state = assigned_cells(live.__code__) | assigned_cells(ghost.__code__)
        for variable, one, other in zip(
            live.__code__.co_freevars, live.__closure__ or (), ghost.__closure__ or (), strict=True
        ):
            pair = self.found.cells.setdefault(id(one), CellPair(f"{name}.{variable}", one, other, is_state=False))
            pair.is_state |= variable in state
            self.match_values(f"{name}.{variable}", contents(one), contents(other))

    def _match_cached(self, name: str, live: Any, ghost: Any) -> None:
        """`lru_cache`: the wrapper cannot be changed, but the function in it can."""
        if not isinstance(live, LRU_WRAPPER):
            if isinstance(live, FunctionType) and live.__qualname__ == ghost.__qualname__:
                self._forward(name, live, ghost)
            return
        self.found.caches.append(live)
        if not isinstance(ghost, LRU_WRAPPER):
            self.match_values(name, live.__wrapped__, ghost)
            return
        self.match_values(name, live.__wrapped__, ghost.__wrapped__)
        if live.cache_parameters() == ghost.cache_parameters() and self._takes(ghost.__wrapped__, live.__wrapped__):
            self.found.places.put(ghost, live)
            self.found.wrappers.append(Pair(name, live, ghost))

    def _takes(self, ghost: object, live: object) -> bool:
        """Whether *live* is what will be in the place of *ghost*."""
        return self.found.places.of(ghost) is live

    def _match_attributes(self, name: str, live: Any, ghost: Any) -> None:
        """What decorators and descriptors keep as attributes: `__wrapped__`, `func`, functions to register with."""
        mine, other = attributes_of(live), attributes_of(ghost)
        for key in sorted(mine.keys() & other.keys()):
            self.match_values(f"{name}.{key}", mine[key], other[key])


# -- helpers ---------------------------------------------------------------------------------------


def functions_in(member: object) -> list[FunctionType]:
    """The functions that a member of a class is made of: a method, a static or class method, a property."""
    match member:
        case FunctionType():
            return [member]
        case staticmethod() | classmethod():
            return functions_in(member.__func__)
        case property():
            return [part for part in (member.fget, member.fset, member.fdel) if isinstance(part, FunctionType)]
        case _:
            return []


def kind_of(value: object) -> str:
    """For people: what kind of thing *value* is."""
    return "class" if isinstance(value, type) else type(value).__name__


def is_namesake(one: type, other: type) -> bool:
    """Whether two classes come from the same definition, as their names tell."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


@functools.lru_cache(maxsize=1024)
def assigned_cells(code: CodeType) -> frozenset[str]:
    """The free variables that *code* assigns to."""
    found = {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in {"STORE_DEREF", "DELETE_DEREF"}
    }
    return frozenset(found.intersection(code.co_freevars))


def contents(cell: CellType) -> Any:
    """What is in the cell; the cell itself when it is empty, since that is nothing else's value."""
    try:
        return cell.cell_contents
    except ValueError:
        return cell
