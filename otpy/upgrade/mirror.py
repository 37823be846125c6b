"""The program as it will be, for trials: modules, functions, classes and values as copies that only a trial sees.

Before anything is installed, the new definitions stand beside the live modules, and what did not change works with
those: it would call the functions of before, and what a trial does to a class or a global would be done to the live
one. So a trial runs in a mirror. Everything of the program that it gets to see has its counterpart there. A function
has one with its new body, whose globals are those of the mirror; a class, one with mirrored bases and members; a
module, one whose names are mirrored as they are looked up; a list, or an instance of a class of the program, is copied.
What was defined anew is mirrored from that. Libraries have no counterparts, nor has what is theirs.

All is made when it is looked at, so a trial costs as much as it uses. No code of the program runs for it.

The limits: enumerations, and classes whose metaclass comes from a library (`msgspec.Struct`, pydantic), are what the
preparation has, with their attributes, and their methods work with its names; values that cannot be copied (locks,
sockets, iterators), objects of libraries other than containers, and objects with `__del__` are the live ones; and so is
what code fetches from `sys.modules` by itself.
"""

from __future__ import annotations

import abc
import builtins
import importlib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any, Final, Protocol, TypeVar, final

import msgspec

from otpy.behaviours.migrations.copier import Copier, Handler, Plans, Steps
from otpy.behaviours.migrations.instances import unchanged
from otpy.behaviours.migrations.report import Ledger
from otpy.code.prepared import Prepared
from otpy.code.scratch import IDENTITY
from otpy.upgrade.mirror_names import Mirrored, Names, names_past_missing
from otpy.upgrade.mirroring import HANDLERS, HOLDERS, class_steps, function_steps, parts, worked_with
from otpy.upgrade.program import is_own
from otpy.upgrade.ways import Way

log = logging.getLogger("otpy.upgrade")

ValueT = TypeVar("ValueT")

PLAIN_METACLASSES: Final = frozenset({object, type, abc.ABCMeta, type(Protocol)})
"""Metaclasses that keep nothing about their classes, but for what the mirror knows about."""


@final
class Mirror:
    """What *prepared* will make of the program. For one thread at a time; let go of it when the trial is over."""

    def __init__(self, prepared: Prepared) -> None:
        every = (*prepared.loaded, *prepared.dependents)
        pairs = [*(pair for each in every for pair in each.scratch.ghosts.values()), *prepared.ghosts.items()]
        self._originals: list[Any] = [pairs]  # what is known by its id has to live
        self._successors = {id(live): new for live, new in pairs}
        self._kept = prepared.kept_members
        self._gone = {cls for cls, new in prepared.replaced.items() if new is None}
        self._codes = {id(patch.function): patch.new for each in every for patch in each.patches.patches}
        self._prepared = {each.name: each.scratch.module for each in every if each.has_run or each.live is None}
        self._rebound: dict[str, dict[str, Any]] = {}
        for each in every:
            for holder in each.importers:
                self._rebound.setdefault(holder.dependent.__name__, {})[holder.name] = each.bindings[holder.exported]
        self._own: dict[str, bool] = {}
        self._modules: dict[str, Mirrored] = {}
        self._namespaces: dict[str, Names] = {}
        self._memo: dict[int, Any] = {}
        self._unmirrored: list[type] = []
        self._plans = Plans(self._handler)
        self._builtins = {**vars(builtins), "__import__": self._import}
        self.counterparts: Mapping[Any, Any] = Counterparts(self)

    # -- what for what -------------------------------------------------------------------------------

    def of(self, value: ValueT) -> ValueT:
        """Return the counterpart of *value*: itself, if it has none or cannot be copied."""
        copier = Copier(self._plans, Ledger())
        copier.memo, copier.originals = self._memo, self._originals
        try:
            made: ValueT = copier.copy(_Look(value))  # type: ignore[assignment]
        except Exception:
            log.debug("a %s is not mirrored", type(value), exc_info=True)
            return copier.remember(value, value)  # type: ignore[no-any-return]
        return made

    def originals(self) -> dict[Any, Any]:
        """Return what each mirrored class and function is the counterpart of."""
        return {self._memo[id(old)]: old for old in self._originals if isinstance(old, type | FunctionType)}

    def way(self, way: Way) -> Way:
        """Return *way* with the counterparts of the functions that it calls."""
        steps = tuple(step._replace(function=self.of(step.function)) for step in way.steps)
        return msgspec.structs.replace(way, steps=steps, function=self.of(way.function))

    def _handler(self, _: Plans, cls: type) -> Handler:
        """Return how objects of class *cls* are mirrored."""
        if cls is _Look:
            return lambda c, look: c.later(_look_steps(c, look))
        if cls is FunctionType:
            return self._function
        if issubclass(cls, type):
            return self._class
        if issubclass(cls, ModuleType):
            return lambda c, old: c.remember(old, self.module(old.__name__) or old)
        if cls in HANDLERS:
            return HANDLERS[cls]
        # The validators and fields of attrs hold classes of the program.
        is_copied = cls in HOLDERS or cls.__module__.startswith("attr.") or self._is_own(cls.__module__)
        return unchanged(cls, self.of(cls)) if is_copied else Copier.keep

    def _function(self, c: Copier, old: FunctionType) -> Any:
        if id(old) in self._successors:
            return c.later(self._successor_steps(c, old))
        name = old.__globals__.get("__name__", "")
        if self._is_own(name):
            names = self._names_for(name, old.__globals__)
        elif old.__closure__ and (self._is_own(old.__module__) or "<locals>" in old.__qualname__):
            # What a decorator of a library has made, or the parts of it, such as the `dispatch` of `singledispatch`.
            return c.later(function_steps(c, old, old.__code__, old.__globals__))
        else:
            return c.remember(old, old)
        code = self._codes.get(id(old), old.__code__)
        for looked_up in names_past_missing(code):
            names.get(looked_up)
        return c.later(function_steps(c, old, code, names))

    def _class(self, c: Copier, old: type) -> Any:
        if id(old) in self._successors:
            return c.later(self._successor_steps(c, old))
        kinds = inspect.getmro(type(old))
        is_plain = all(kind in PLAIN_METACLASSES or self._is_own(kind.__module__) for kind in kinds)
        if is_plain and self._is_own(old.__module__) and old not in self._gone:
            return c.later(class_steps(c, old))
        if self._is_own(old.__module__):
            self._unmirrored.append(old)
        return c.remember(old, old)

    def doubts(self) -> list[type]:
        """Return the classes met that have no counterpart, although they work with what has one: live, or as prepared.

        A trial that fails may have failed for their sake.
        """
        return [cls for cls in dict.fromkeys(self._unmirrored) if self._works_with_others(cls)]

    def _works_with_others(self, cls: type) -> bool:
        names = {name: value for module in self._versions_of(cls.__module__) for name, value in vars(module).items()}
        return any(self.of(value) is not value for value in worked_with(cls, names))

    def _successor_steps(self, c: Copier, old: Any) -> Steps:
        (made,) = yield from parts(c, (self._successors[id(old)],))
        c.remember(old, made)
        for name in self._kept.get(old, ()) if isinstance(old, type) and made is not self._successors[id(old)] else ():
            (value,) = yield from parts(c, (vars(old)[name],))
            type.__setattr__(made, name, value)
        return made

    # -- modules -------------------------------------------------------------------------------------

    def module(self, name: str) -> ModuleType | None:
        """Return the module of that name: mirrored, if it is the program's."""
        if not self._is_own(name):
            return sys.modules.get(name)
        return self._modules.get(name) or self._modules.setdefault(name, Mirrored(self._names(name)))

    def _names(self, name: str) -> Names:
        if name not in self._namespaces:
            *_, module = self._versions_of(name)
            fixed: dict[str, Any] = {key: vars(module)[key] for key in IDENTITY if key in vars(module)}
            fixed["__builtins__"] = self._builtins
            self._namespaces[name] = Names(fixed, self.of, module, self._rebound.get(name, {}))
        return self._namespaces[name]

    def _names_for(self, name: str, names: dict[str, Any]) -> Names:
        """Return what functions of the module of that name, whose globals are *names*, see instead of these."""
        if any(names is vars(module) for module in self._versions_of(name)):
            return self._names(name)
        holder = ModuleType(name)  # of methods that attrs has written: the module's names, factories and validators
        vars(holder).update(names)
        return Names({"__builtins__": self._builtins}, self.of, holder, self._rebound.get(name, {}))

    def _versions_of(self, name: str) -> list[ModuleType]:
        """Return the modules of that name whose functions are mirrored: the live one, and what has been prepared."""
        return [module for module in (sys.modules.get(name), self._prepared.get(name)) if module is not None]

    def _is_own(self, name: Any) -> bool:
        """Whether the module of that name is the program's, so that it is mirrored."""
        known = self._own.get(name)
        if known is None:
            live = sys.modules.get(name)
            known = self._own[name] = name in self._prepared or (type(live) is ModuleType and is_own(live))
        return known

    def _import(
        self,
        name: str,
        names: Mapping[str, Any] | None = None,
        _: object = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType | None:
        """Import as `__import__` does, and return the module that the mirror has for it."""
        if level:
            name = importlib.util.resolve_name("." * level + name, (names or {})["__package__"])
        if name not in self._prepared:
            importlib.import_module(name)
        for part in fromlist or ():
            if f"{name}.{part}" not in self._prepared and part not in dir(self.module(name)):
                builtins.__import__(name, fromlist=(part,))
        return self.module(name if fromlist else name.partition(".")[0])


@final
class Counterparts(Mapping[Any, Any]):
    """The counterparts of the classes and functions that have one."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def __getitem__(self, old: Any) -> Any:
        made = self._mirror.of(old)
        if made is old:
            raise KeyError(old)
        return made

    def __iter__(self) -> Iterator[Any]:
        return iter(())  # they are made when they are asked for

    def __len__(self) -> int:
        return 0


@final
class _Look:
    """What is looked at: like the root of a copy, though that could not be a module or a property."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def _look_steps(c: Copier, look: _Look) -> Steps:
    (made,) = yield from parts(c, (look.value,))
    return made
