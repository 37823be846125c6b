"""Where a case is tried: its modules, imported from files, and actors that hold its objects."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import otpy
from otpy import code, upgrade
from otpy.code.history import histories
from tests.matrix.picture import Picture, assert_same, take
from tests.matrix.row import Case, Modules, Things

KEEPER = """
class Keeper(otpy.GenServer):
    def init(self, arg):
        return otpy.Ok({"things": arg, "mail": ()})

    def handle_call(self, request, from_, state):
        return otpy.Reply(state, state)

    def handle_cast(self, request, state):
        return otpy.NoReply({**state, "mail": (*state["mail"], request)})
"""
"""The actors. Their module imports those of the case, as one that works with their objects would."""

LETTERS = 3
"""Messages that wait in the mailbox of the keeper, each with live objects."""


@contextmanager
def imported(case: Case) -> Generator[Modules]:
    """Import the modules of *case* from files, and forget them afterwards."""
    sources = {**case.before, "keeper": _keeper(case)}
    if known := sys.modules.keys() & sources.keys():
        msg = f"{', '.join(sorted(known))} of a case are loaded already"
        raise RuntimeError(msg)
    with tempfile.TemporaryDirectory(prefix="otpy-matrix-") as folder:
        for name, source in {**sources, **case.beside}.items():
            Path(folder, f"{name}.py").write_text(source, encoding="utf-8")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            for name in sources:
                importlib.import_module(name)
            yield Modules(Path(folder))
        finally:
            sys.path.remove(folder)
            sys.path_importer_cache.pop(folder, None)
            for name in {*sources, *case.after, *case.beside}:
                sys.modules.pop(name, None)
                histories.forget(name)


def _keeper(case: Case) -> str:
    return "".join(f"import {name}\n" for name in ("otpy", *case.before)) + KEEPER


@final
class Stage:
    """A case with its live objects, in actors too if asked for. Make it inside `imported`, with a runtime."""

    def __init__(self, case: Case, modules: Modules, *, actors: bool) -> None:
        self.case = case
        self.modules = modules
        self.things: Things = case.make(modules)
        self.pid: Any = None
        self.letters: list[Things] = []
        if actors:
            self.pid = modules.keeper.Keeper.start(self.things)
            otpy.sys.suspend(self.pid)
            self.letters = [case.make(modules) for _ in range(LETTERS)]
            for letter in self.letters:
                otpy.cast(self.pid, letter)

    def upgrade(self, **options: Any) -> upgrade.UpgradeReport:
        """Reload what the case edits."""
        return upgrade.reload_modules(dict(self.case.after), **options)

    def look(self) -> None:
        """Assert what must hold after the upgrade."""
        actors = self.case.actors
        if self.pid is None:
            self.case.look(self.modules, self.things)
            return
        assert actors is not None
        look = actors.look or self.case.look
        state = self.state()
        for things in (state["things"], *state["mail"]):
            look(self.modules, things)

    def state(self) -> Any:
        """Let the keeper work off its mailbox; return its state, with all letters in it, in order and once."""
        otpy.sys.resume(self.pid)
        state = otpy.call(self.pid, "state")
        assert [list(letter) for letter in state["mail"]] == [list(letter) for letter in self.letters]
        return state

    def picture(self) -> Picture:
        """Take a picture of the modules, the objects, and what the actor has."""
        own = (*self.case.before, "keeper")
        roots: dict[str, object] = {name: sys.modules[name] for name in own}
        roots["things"] = self.things
        roots["loaded modules"] = ", ".join(sorted(self._of_the_case()))
        roots |= {f"vsn of {name}": code.vsn(name) for name in own}
        roots |= {f"letter {index}": letter for index, letter in enumerate(self.letters)}
        if self.pid is not None:
            roots |= {"state": self.pid.state, "class of the actor": type(self.pid.actor), "its vsn": self.pid.vsn}
            waiting = [*(self.pid.held or ()), *(self.pid.mailbox or ())]
            roots |= {f"request {index}": message.request for index, message in enumerate(waiting)}
        return take(roots, modules=own)

    def assert_untouched(self, before: Picture) -> None:
        """Assert that everything is as in the picture *before*, object by object."""
        assert_same(before, self.picture)

    def _of_the_case(self) -> Iterator[str]:
        """The loaded modules that the case has brought."""
        folder = str(self.modules.folder)
        for name, module in tuple(sys.modules.items()):
            if name in self.case.after or str(getattr(module, "__file__", None) or "").startswith(folder):
                yield name
