"""Which module a name in `sys.modules` means while a new version of it runs for the first time.

Code that runs while a module loads looks its own module up in `sys.modules`: dataclasses, typing and enum do. It has
to find the new version there, and every other thread has to find the live one. So for that while the entry is a view
that shows each thread what it should see. Modules that are imported on the way are noted, so that they can be
forgotten again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from threading import get_ident
from types import ModuleType
from typing import TYPE_CHECKING, Any, final

from otpy.code.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Sequence


@final
class View(ModuleType):
    """Stands in `sys.modules`: the thread that made it sees *scratch*, all others see *live*."""

    def __init__(self, scratch: ModuleType, live: ModuleType) -> None:
        super().__init__(scratch.__name__)
        object.__setattr__(self, "_seen", (get_ident(), scratch, live))

    def __getattribute__(self, name: str) -> Any:
        return getattr(shown(self), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(shown(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(shown(self), name)

    def __dir__(self) -> list[str]:
        return dir(shown(self))


def shown(view: View) -> ModuleType:
    """The module that *view* is for the running thread."""
    owner, scratch, live = object.__getattribute__(view, "_seen")
    module: ModuleType = scratch if get_ident() == owner else live
    return module


@final
class ImportNotes:
    """A finder that finds nothing: it notes which modules one thread is about to import for the first time."""

    def __init__(self) -> None:
        self.thread = get_ident()
        self.names: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Note *fullname* if this thread asks, and leave finding it to the others."""
        if get_ident() == self.thread and fullname not in sys.modules:
            self.names.append(fullname)
        return None


@contextmanager
def visible(scratch: ModuleType, live: ModuleType | None) -> Generator[ModuleType]:
    """While the block runs, this thread finds *scratch* under its name; afterwards the entry is as before.

    Yields what stands in `sys.modules` meanwhile. Code that imports the module then goes on holding that.
    """
    name = scratch.__name__
    shown_as = scratch if live is None else View(scratch, live)
    mine = _shown.setdefault(get_ident(), [])
    sys.modules[name] = shown_as
    parent, _, child = name.rpartition(".")
    package = sys.modules.get(parent)
    if package is not None and (live is None or getattr(package, child, None) is live):
        setattr(package, child, shown_as)

    def hide() -> None:
        if live is None:
            sys.modules.pop(name, None)
            _detach(scratch, name)
        else:
            sys.modules[name] = live
            if package is not None and getattr(package, child, None) is shown_as:
                setattr(package, child, live)

    mine.append(hide)
    try:
        yield shown_as
    finally:
        if mine:  # else it was withdrawn
            mine.pop()()
        if not mine:
            _shown.pop(get_ident(), None)


_shown: dict[int, list[Callable[[], None]]] = {}
"""For each thread, how to hide what is visible to it, the outermost first."""


def withdraw(thread: int) -> None:
    """Hide all that is visible to *thread*, which has been given up: nobody knows whether it will do so itself."""
    mine = _shown.pop(thread, [])
    while mine:
        mine.pop()()


@contextmanager
def noting_imports(journal: Journal) -> Generator[None]:
    """Write to *journal* how to forget the modules that this thread imports for the first time in the block."""
    notes = ImportNotes()
    sys.meta_path.insert(0, notes)
    try:
        yield
    finally:
        sys.meta_path.remove(notes)
        for imported in notes.names:
            _note_import(imported, journal)


def _note_import(name: str, journal: Journal) -> None:
    """Write to *journal* how to forget the module *name*, which has just been imported for the first time."""
    module = sys.modules.get(name)
    if module is None:
        return

    def forget() -> None:
        if sys.modules.get(name) is module:
            del sys.modules[name]
        _detach(module, name)

    journal.write(f"import of {name}", forget)


def attach(module: ModuleType, name: str, journal: Journal) -> None:
    """Make *module* known: in `sys.modules` and as an attribute of its package."""
    journal.set_item(sys.modules, name, module, f"module {name}")
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        journal.set_attribute(sys.modules[parent], child, module, f"{name} in its package")


def _detach(module: ModuleType, name: str) -> None:
    """Take *module* out of its package's attributes, if it is there."""
    parent, _, child = name.rpartition(".")
    package = sys.modules.get(parent)
    if package is not None and vars(package).get(child) is module:
        delattr(package, child)
