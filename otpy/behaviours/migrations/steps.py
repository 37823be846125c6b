"""Steps that convert a state from one version to another, written by hand, and the way that they make together.

There is no registry. A step is a function of a module that carries a mark, and which steps there are say the names
that the modules have now: so a module that is run again replaces its steps, and when an upgrade is taken back, its
steps are gone with the rest of its names. Steps of a version that is not installed yet are found in its own names.

The way from one version to another is the shortest; of several, the one whose versions come first in the alphabet. It
is looked for while processes are at rest, so the few lines that do it are here, and no library is loaded for them.
"""

from __future__ import annotations

import inspect
import sys
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from types import FunctionType
from typing import Any, Final, NamedTuple, TypeVar

from otpy.errors import MigrationFailed

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
Namespaces = Mapping[str, Mapping[str, Any]]

MARK: Final = "__otpy_migration__"

_modules: dict[str, None] = {}
"""Modules in which a step was marked, ever: where to look. What they have now is found there."""


class Step(NamedTuple):
    """One step: a state of *behaviour* goes from version *old* to version *new*."""

    behaviour: str
    """ "shop.orders.Orders": by name, since the class may be another object after an upgrade."""
    old: Any
    new: Any
    function: Callable[..., Any]
    takes_extra: bool = False


def migration(behaviour: type, *, old: Any, new: Any) -> Callable[[FunctionT], FunctionT]:
    """Let a function convert states of *behaviour* from version *old* to version *new*.

    The function takes the state, a copy that it may change, and returns the new one; a second parameter gets the
    `extra=` of the upgrade. Steps are chained: from "1" to "3" by way of "2". A step back is a step too:
    `old="2", new="1"`. Versions are what `__vsn__` says. Where there is a way of steps, `code_change` is not asked.

    ```python
    @otpy.migration(Orders, old="1", new="2")
    def in_cents(state):
        return [order | {"cents": order["euros"] * 100} for order in state]
    ```

    Raises: TypeError, for what is no behaviour, or a function that is not one of a module, with a name of its own.
    """
    if not isinstance(behaviour, type) or not hasattr(behaviour, "code_change"):
        msg = f"migration({behaviour!r}, …): give the behaviour whose states it converts, a class such as a GenServer"
        raise TypeError(msg)
    if not isinstance(old, Hashable) or not isinstance(new, Hashable):
        msg = f"migration({behaviour.__qualname__}, old={old!r}, new={new!r}): versions have to be hashable, as text is"
        raise TypeError(msg)
    if old == new:
        msg = f"migration({behaviour.__qualname__}, …) leads from {old!r} to the same version; give two"
        raise TypeError(msg)

    def mark(function: FunctionT) -> FunctionT:
        _refuse_nameless(function)
        setattr(function, MARK, Step(name_of(behaviour), old, new, function))
        _modules[function.__module__] = None
        return function

    return mark


def _refuse_nameless(function: Any) -> None:
    """A step is found by its name in its module: it needs one, and nothing after it may take it."""
    if not isinstance(function, FunctionType) or "." in function.__qualname__:
        msg = f"{function!r} is no function of a module; a migration step is a `def` at the left margin"
        raise TypeError(msg)
    before = function.__globals__.get(function.__name__)
    if (
        isinstance(before, FunctionType)
        and hasattr(before, MARK)
        and before.__code__.co_filename == function.__code__.co_filename
        and before.__code__.co_firstlineno < function.__code__.co_firstlineno
    ):
        msg = f"two migration steps are called {function.__name__}; a step is found by its name, give each its own"
        raise TypeError(msg)


def name_of(behaviour: type) -> str:
    """The name that steps of *behaviour* go by."""
    return f"{behaviour.__module__}.{behaviour.__qualname__}"


def steps_of(behaviour: type, *, namespaces: Namespaces | None = None) -> tuple[Step, ...]:
    """The steps for states of *behaviour*: its own, or those of the nearest base class that has any.

    *namespaces*: the names of modules as they will be, for those that are not as they are in `sys.modules`.
    """
    found = list(_all_steps(namespaces or {}))
    for base in behaviour.__mro__:
        own = [step for step in found if step.behaviour == name_of(base)]
        if own:
            return tuple(own)
    return ()


def _all_steps(namespaces: Namespaces) -> Iterator[Step]:
    for module in {*_modules, *namespaces}:
        names = namespaces.get(module)
        if names is None:
            names = vars(sys.modules[module]) if module in sys.modules else {}
        for value in tuple(names.values()):
            step = vars(value).get(MARK) if isinstance(value, FunctionType) and value.__module__ == module else None
            if isinstance(step, Step):
                # The function found now: an edit in place may have left the mark that of its new version.
                yield step._replace(function=value, takes_extra=len(inspect.signature(value).parameters) > 1)


def path(behaviour: type, old: Any, new: Any, *, namespaces: Namespaces | None = None) -> tuple[Step, ...]:
    """The steps that lead from version *old* of *behaviour* to version *new*, in their order; none if they are equal.

    Raises: MigrationFailed, listing the steps that there are, when they do not lead there.
    """
    known = steps_of(behaviour, namespaces=namespaces)
    found = shortest(known, old, new)
    if found is None:
        raise no_way(behaviour, known, old, new)
    return found


def shortest(known: tuple[Step, ...], old: Any, new: Any) -> tuple[Step, ...] | None:
    """The shortest way from *old* to *new* along *known* steps; None if there is none."""
    if not isinstance(old, Hashable):
        return None
    ways: dict[Any, tuple[Step, ...]] = {old: ()}
    todo = deque([old])
    ordered = sorted(known, key=lambda step: (str(step.new), step.function.__module__, step.function.__name__))
    while todo and new not in ways:
        here = todo.popleft()
        for step in ordered:
            if step.old == here and step.new not in ways:
                ways[step.new] = (*ways[here], step)
                todo.append(step.new)
    return ways.get(new)


def no_way(behaviour: type, known: tuple[Step, ...], old: Any, new: Any) -> MigrationFailed:
    """The error that *known* steps do not lead from *old* to *new*."""
    steps = ", ".join(sorted(f"{step.old!r} → {step.new!r} ({step.function.__name__})" for step in known)) or "none"
    return MigrationFailed(
        f"no steps lead a state of {name_of(behaviour)} from version {old!r} to {new!r}; known steps: {steps}; write "
        f"what is missing, @otpy.migration({behaviour.__qualname__}, old=…, new=…), or a code_change"
    )
