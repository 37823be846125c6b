"""The namespaces of a mirror: names that are mirrored when they are looked up, as the globals of functions or a module.

Python asks globals for what is missing, by `__getitem__`, if their class is not `dict` itself. It does not where it
deletes a global, nor in the body of a class: what these name is looked up beforehand.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator, Mapping
from inspect import CO_OPTIMIZED
from types import CodeType, ModuleType
from typing import Any, Final, final


@final
class Names(dict[str, Any]):
    """What *module* has, put through *of*; *rebound* has what it will have instead, and *fixed* what nobody mirrors."""

    def __init__(
        self, fixed: Mapping[str, Any], of: Callable[[Any], Any], module: ModuleType, rebound: Mapping[str, Any]
    ) -> None:
        super().__init__(fixed)
        self._of = of
        self._module = module  # and not its namespace: the loader counts who holds that
        self._rebound = rebound
        self._known = set(fixed)

    def __missing__(self, name: str) -> Any:
        if name in self._known:  # a trial has deleted it
            raise KeyError(name)
        value = self._rebound[name] if name in self._rebound else vars(self._module)[name]
        self._known.add(name)
        made = self[name] = self._of(value)
        return made

    def __contains__(self, name: object) -> bool:
        return name in self.all_names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.all_names())

    def __len__(self) -> int:
        return len(self.all_names())

    def all_names(self) -> set[str]:
        """Return the names that are here, and those that would be."""
        return (vars(self._module).keys() - self._known).union(dict.keys(self))

    def get(self, name: str, default: Any = None) -> Any:
        """See dict."""
        try:
            return self[name]
        except KeyError:
            return default

    def keys(self) -> Any:
        """See dict."""
        return self._whole().keys()

    def values(self) -> Any:
        """See dict."""
        return self._whole().values()

    def items(self) -> Any:
        """See dict."""
        return self._whole().items()

    def _whole(self) -> dict[str, Any]:
        return {name: self[name] for name in self.all_names()}

    def attribute(self, name: str) -> Any:
        """Return what the module has under *name*, or what its `__getattr__` gives. Raises AttributeError."""
        if name in self.all_names():
            return self[name]
        if "__getattr__" not in self.all_names():
            msg = f"module {self['__name__']!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=self._module)
        return self["__getattr__"](name)


@final
class Mirrored(ModuleType):
    """A module whose attributes are Names."""

    def __init__(self, names: Names) -> None:
        super().__init__(names["__name__"])
        object.__setattr__(self, "_names", names)

    def __getattribute__(self, name: str) -> Any:
        names: Names = object.__getattribute__(self, "_names")
        if name == "__dict__":
            return names
        if name == "__class__":
            return Mirrored
        return names.attribute(name)

    def __setattr__(self, name: str, value: object) -> None:
        vars(self)[name] = value

    def __delattr__(self, name: str) -> None:
        _ = getattr(self, name)  # it is not to be mirrored again
        del vars(self)[name]

    def __dir__(self) -> list[str]:
        return list(vars(self))


def names_past_missing(code: CodeType) -> Iterator[str]:
    """The globals that *code* looks up without asking `__missing__`: to delete them, or in the body of a class."""
    if _DELETE in code.co_code[::2]:
        yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if not inner.co_flags & CO_OPTIMIZED:
                yield from inner.co_names
            yield from names_past_missing(inner)


def names_in(code: CodeType) -> Iterator[str]:
    """All names of globals and attributes in *code*, and in the functions and classes that it makes."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from names_in(inner)


_DELETE: Final = dis.opmap["DELETE_GLOBAL"]
