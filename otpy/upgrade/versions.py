"""Which version states are of, and which they will be: of the class, of its module, or of a module of a base class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

from otpy.behaviours.vsn import vsn_of
from otpy.upgrade.preparation import Preparation
from otpy.upgrade.ways import UNCHANGED

FoundT = TypeVar("FoundT")


@final
class PerVersion(Generic[FoundT]):
    """What *find* finds for a class and a version, asked once for all processes of both."""

    def __init__(self, find: Callable[[type, Any], FoundT]) -> None:
        self._find = find
        self._found: dict[tuple[type, int], tuple[Any, FoundT]] = {}

    def of(self, kind: type, vsn: Any) -> FoundT:
        """Return what was found for *kind* and *vsn*, a version that its author may have made of anything."""
        key = kind, id(vsn)
        known = self._found.get(key)
        if known is None:
            known = self._found[key] = vsn, self._find(kind, vsn)  # with the vsn, so that no other one gets its id
        return known[1]


@final
class Versions:
    """The versions of one upgrade."""

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation

    def running(self, kind: type, vsn: Any) -> Any:
        """Return the version of a state of class *kind*; *vsn* is what its process says, None if it says nothing."""
        return vsn if vsn is not None else self._preparation.old_vsns().get(kind.__module__)

    def before(self, kind: type, vsn: Any, new_class: type) -> Any:
        """Return the version that a state comes from, its own or that of a base class; UNCHANGED if none changes.

        *kind* and *vsn*: see `running`.
        """
        changing, before = self._preparation.new, self._preparation.old_vsns()
        own = new_class.__module__
        if own in changing and self.running(kind, vsn) != self.new(new_class):
            return self.running(kind, vsn)
        for base in new_class.__mro__:
            module = base.__module__
            if module != own and module in changing and before.get(module) != changing[module].vsn:
                return before.get(module)
        return UNCHANGED

    def new(self, kind: type) -> Any:
        """Return the version that states of class *kind*, a new one, are of."""
        own = getattr(kind, "__vsn__", None)
        if own is not None:
            return own
        version = self._preparation.new.get(kind.__module__)
        return vsn_of(kind) if version is None else version.vsn

    def after(self, new_class: type, vsn: Any) -> Any:
        """Return what a process of *new_class*, which said *vsn*, says of its state afterwards."""
        return self.new(new_class) if new_class.__module__ in self._preparation.new else vsn

    def gone_back(self, kind: type) -> Any:
        """Return the version of a state of class *kind* that goes back to what runs."""
        own = getattr(kind, "__vsn__", None)
        return own if own is not None else self._preparation.old_vsns().get(kind.__module__)
