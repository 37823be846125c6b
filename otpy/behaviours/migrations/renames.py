"""Names that classes and fields had before: the hint that tells a rename from a removal."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, Final, NamedTuple, TypeVar

ClassT = TypeVar("ClassT", bound=type)

ATTRIBUTE: Final = "__otpy_renamed__"


class Renamed(NamedTuple):
    """What a class, or its fields, were called before."""

    was: str | None
    fields: Mapping[str, str]


def renamed(was: str | None = None, *, fields: Mapping[str, str] | None = None) -> Callable[[ClassT], ClassT]:
    """Say what a class was called in the version before, so that an upgrade takes its instances along.

    *was* is the old name of the class (qualified if it was nested: `"Cart.Item"`), None if it is the same. *fields*
    gives the fields that have another name, the old one first: `{"euros": "amount"}`. It may stay for as long as
    states of the old shape may come, and does no harm afterwards. Going back, it is read the other way round.

    ```python
    @otpy.renamed("Order", fields={"euros": "amount"})
    @dataclass
    class Purchase:
        amount: int
    ```

    Raises: TypeError, for names that are none.
    """
    names = dict(fields or {})
    if not (was is None or isinstance(was, str)) or not all(isinstance(n, str) for pair in names.items() for n in pair):
        msg = (
            f"renamed(was={was!r}, fields={fields!r}): give the old name of the class as a str, and of its fields as "
            '{"old": "new"}; as a decorator it is written with parentheses'
        )
        raise TypeError(msg)

    def mark(cls: ClassT) -> ClassT:
        type.__setattr__(cls, ATTRIBUTE, Renamed(was, names))
        return cls

    return mark


def renamed_from(cls: type) -> str | None:
    """The name that *cls* itself had before, if it says so."""
    hint: Any = vars(cls).get(ATTRIBUTE)
    return hint.was if isinstance(hint, Renamed) else None


def renamed_fields(cls: type) -> dict[str, str]:
    """The fields of *cls*, and of its bases, that had other names: the old one → the new one."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        hint: Any = vars(base).get(ATTRIBUTE)
        if isinstance(hint, Renamed):
            found.update(hint.fields)
    return found


def renames_between(
    said: Mapping[str, str], says: Mapping[str, str], old: Container[str], new: Container[str]
) -> dict[str, str]:
    """The fields that have another name: the old one → the new one.

    *says*: what the new class says of that. *said*: what the old one did, which tells the way back. *old* and *new* are
    the fields that there are.
    """
    back = {now: was for was, now in said.items() if was in new and was not in old and now not in new}
    return back | {was: now for was, now in says.items() if was not in new}


def with_renames(
    replaced: Mapping[type, type | None],
    namespaces: Mapping[str, Mapping[str, Any]],
    live: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[Any, Any]:
    """*replaced*, where classes that are gone are given the successors that say they were called so.

    *namespaces* has the names of the new version of each module. A successor is looked for in the module of the class
    that is gone, at any depth of nesting. *live* has the names of the modules as they are: with them, a class that is
    gone and says what it was called itself goes back to that, if there is a class of the name again.
    """
    found: dict[Any, Any] = dict(replaced)
    gone = {(cls.__module__, cls.__qualname__): cls for cls, new in replaced.items() if new is None}
    was = {(module, renamed_from(cls)): cls for (module, _), cls in gone.items() if renamed_from(cls)}
    for module in {module for module, _ in gone}:
        here = {cls.__qualname__ for cls in _classes_in((live or {}).get(module, {}), module)}
        for new in _classes_in(namespaces.get(module, {}), module):
            old = gone.get((module, renamed_from(new) or ""))
            if old is None and live is not None and new.__qualname__ not in here:
                old = was.get((module, new.__qualname__))
            if old is not None:
                found[old] = new
    return found


def _classes_in(namespace: Mapping[str, Any], module: str) -> list[type]:
    """The classes that *namespace* defines, and those nested in them."""
    found: dict[type, None] = {}
    todo = [value for value in namespace.values() if isinstance(value, type)]
    while todo:
        cls = todo.pop()
        if cls not in found and cls.__module__ == module:
            found[cls] = None
            todo += [value for value in vars(cls).values() if isinstance(value, type)]
    return list(found)
