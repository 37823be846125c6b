"""The new versions as they will be, before they are installed: for trying them on copies, and for asking `init`.

What a preparation has run stands in a namespace of its own, but what did not change there is the live object, and works
with the live module. And where nothing but bodies changes, nothing was run at all. So for as long as a trial lasts,
functions have twins that have their new code and work with the new names; classes of which only bodies change have a
stand-in, a subclass whose methods are such twins. Nobody else sees any of it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Iterator
from types import CodeType, FunctionType
from typing import Any, final

from otpy.code.baseline import every_code
from otpy.code.prepared import Prepared
from otpy.code.version import Version
from otpy.code.visibility import lend

Names = dict[str, Any]


@final
class NewNames:
    """The names that the modules of an upgrade will have. In a `with` block, functions among them have twins."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._codes: dict[str, dict[str, CodeType]] = {}
        self._namespaces: dict[str, Names] = {}
        self._stand_ins: dict[type, type] = {}
        for each in prepared.loaded:
            if each.name in sys.modules:
                self._codes[each.name] = _codes(each.version)
                self._namespaces[each.name] = (
                    each.scratch.namespace if each.has_run else vars(sys.modules[each.name]).copy()
                )

    @contextlib.contextmanager
    def in_use(self) -> Generator[None]:
        """While it lasts, this thread runs the new versions with each other alone."""
        before = {name: dict(namespace) for name, namespace in self._namespaces.items()}
        for each in self._prepared.loaded:
            if each.has_run:
                for view, _ in each.scratch.views:
                    lend(view)
        for name, namespace in self._namespaces.items():
            namespace.update(self._twins(name))
        try:
            yield
        finally:
            for name, namespace in self._namespaces.items():
                namespace.update(before[name])

    def class_of(self, kind: type) -> type:
        """Return what *kind*, a live class that was not run anew, will do; *kind* itself if it stays as it is."""
        if kind not in self._stand_ins:
            self._stand_ins[kind] = self._stand_in(kind) if kind.__module__ in self._codes else kind
        return self._stand_ins[kind]

    def _twins(self, name: str) -> Iterator[tuple[str, FunctionType]]:
        live = vars(sys.modules[name])
        for key, value in tuple(self._namespaces[name].items()):
            if isinstance(value, FunctionType) and value.__globals__ is live:
                yield key, self._twin(value, name)

    def _twin(self, function: FunctionType, name: str) -> FunctionType:
        """Return *function* with its new code, if that takes the same closure, and with the new names."""
        code = self._codes[name].get(function.__qualname__, function.__code__)
        if code.co_freevars != function.__code__.co_freevars:
            code = function.__code__
        namespace = self._namespaces[name]
        made = FunctionType(code, namespace, function.__name__, function.__defaults__, function.__closure__)
        made.__kwdefaults__ = function.__kwdefaults__
        made.__qualname__ = function.__qualname__
        return made

    def _stand_in(self, kind: type) -> type:
        live = vars(sys.modules[kind.__module__])
        methods: Names = {
            name: self._twin(value, kind.__module__)
            for name, value in vars(kind).items()
            if isinstance(value, FunctionType) and value.__globals__ is live
        }
        if not methods:
            return kind
        attributes: Names = {**methods, "__module__": kind.__module__, "__qualname__": kind.__qualname__}
        if "__slots__" in vars(kind):
            attributes["__slots__"] = ()
        made: type = type(kind)(kind.__name__, (kind,), attributes)
        return made


def _codes(version: Version) -> dict[str, CodeType]:
    return {code.co_qualname: code for code in every_code(version.code)}
