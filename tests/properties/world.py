"""A random system under load, and the books by which one sees what an upgrade has lost, doubled or mixed up.

Servers of all modules send each other notes, which are instances of classes that edits change, and each of them counts
what came from whom: a note that is lost, comes twice or is overtaken shows as a gap. Callers send questions along
paths through servers, in rings too; each question comes back. A server that finds itself running code of one version
with a state or a note of another enters it in its book.
"""

from __future__ import annotations

import importlib
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, final

import otpy
from otpy.code.cache import cache
from otpy.code.history import histories
from tests.matrix.picture import Picture, take
from tests.properties.features import Module, derived, signature, source
from tests.support import eventually

PATIENCE: Final = 30.0
CLASSES: Final = ("Server", "OnThread", "OnLoop")


@final
class World:
    """A system in a runtime of its own; make it with `world`."""

    def __init__(self, modules: tuple[Module, ...], servers: tuple[tuple[int, int], ...], seed: int) -> None:
        self.modules = modules
        self.last = len(modules) - 1
        self.random = random.Random(seed)  # noqa: S311 - dice, not secrets
        self.names = [f"server {module} {number}" for number, (module, _) in enumerate(servers)]
        self.kinds = [CLASSES[kind] for _, kind in servers]
        self.posted: list[Counter[str]] = []
        self.errors: list[BaseException] = []
        self.counts: Counter[str] = Counter()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    # -- its life

    def start(self) -> None:
        """Load the modules and start the servers and supervisors."""
        for name in self.sources(self.modules):
            importlib.import_module(name)
        for name, kind in zip(self.names, self.kinds, strict=True):
            getattr(self.module_of(name), kind).start(name, name=name)
        for module in self.modules:
            sys.modules[module.name].PEERS[:] = self.names
            sys.modules[module.name].Top.start(None, name=f"top {module.index}")

    def sources(self, modules: Iterable[Module]) -> dict[str, str]:
        """Return the texts of *modules*."""
        return {module.name: source(module, self.last) for module in modules}

    def module_of(self, server: str) -> Any:
        """The live module of a server, by its name."""
        return sys.modules[f"p_module_{server.split()[1]}"]

    @contextmanager
    def load(self, drivers: int = 2) -> Generator[None]:
        """Keep everybody busy inside the block: threads and processes send notes and ask questions."""
        self._over.clear()
        self._threads = []
        self.counts["loads"] += 1
        first = len(self.posted)
        self.posted += [Counter() for _ in range(2 * drivers)]
        for driver in range(first, first + drivers):
            thread = threading.Thread(target=self._drive, args=(driver,), name=f"driver {driver}")
            self._threads.append(thread)
            thread.start()
        processes = [otpy.spawn_monitor(self._drive, first + drivers + number)[1] for number in range(drivers)]
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(PATIENCE)
            for ref in processes:
                otpy.receive(lambda m, ref=ref: isinstance(m, otpy.Down) and m.ref is ref, timeout=PATIENCE)  # type: ignore[misc]
        assert not self.errors, self.errors

    def _drive(self, driver: int) -> None:
        dice, posted = random.Random(driver), self.posted[driver]  # noqa: S311 - dice, not secrets
        me = f"driver {driver}"
        try:
            while not self._over.is_set():
                for to in dice.choices(self.names, k=5):
                    posted[to] += 1
                    otpy.cast(to, self.module_of(to).note_for(to, me, posted[to], 2))
                path = dice.sample(self.names, dice.randint(1, min(4, len(self.names))))
                question = dice.random()
                assert otpy.call(path[0], ("ask", question, path[1:]), timeout=PATIENCE) == question
                self.counts["rounds"] += 1
        except BaseException as error:  # noqa: BLE001 - raised again where the world is looked at
            self.errors.append(error)

    # -- what must hold

    def check(self) -> None:
        """Assert that nothing was lost, doubled or mixed up, and that everybody runs the modules as they should be."""
        self.check_books()
        for module in self.modules:
            answer = signature(module, derived(self.modules, module.index - 1) if module.index else 0)
            mine = [name for name in self.names if name.split()[1] == str(module.index)]
            fields = {f"f{number}": number for number in module.extra}
            for name in (*mine, *self.children(module)):
                found = otpy.call(name, "signature", timeout=PATIENCE), otpy.call(name, "fields", timeout=PATIENCE)
                assert found == ((answer, answer[0]), fields), (name, found, answer, fields)
            live = sys.modules[module.name]
            assert not hasattr(live, "LEAKED")
            self.check_tree(module)

    def picture(self, *, identity: bool = False) -> Picture:
        """Take a picture of the modules, and of all states, classes and children, when nobody is busy.

        *identity*: for an upgrade to what runs. It compiles, and runs the `init` of supervisors, again, and
        what was imported without otpy has a version from then on.
        """
        roots: dict[str, object] = {module.name: sys.modules[module.name] for module in self.modules}
        children = [f"child {module.index} {number}" for module in self.modules for number in module.children]
        tops = [f"top {module.index}" for module in self.modules if not identity]
        for name in (*self.names, *children, *tops):
            pid: Any = otpy.whereis(name)
            roots |= {name: pid, f"state of {name}": pid.state, f"class of {name}": type(pid.actor)}
            info = otpy.process_info(pid)
            assert info is not None
            roots |= {f"status of {name}": info.status, f"vsn of {name}": None if identity else info.vsn}
        return take(roots, modules=[module.name for module in self.modules], code_by_value=identity)

    def states(self) -> dict[str, Any]:
        """What stands in the states of the servers, when nobody is busy."""
        return {
            name: (otpy.call(name, "book", timeout=PATIENCE), otpy.call(name, "fields", timeout=PATIENCE))
            for name in self.names
        }

    def check_books(self) -> None:
        """Assert that each note that was sent has come, once and in order, and found code of its own version."""
        eventually(lambda: self._sent(self._books()) == self._seen(self._books()), within=PATIENCE)
        for name, book in self._books().items():
            assert book["wrong"] == (), (name, book["wrong"][:3])

    def check_tree(self, module: Module) -> None:
        """Assert that the supervisor of *module* has the children that it should have, alive and by name."""
        top = f"top {module.index}"
        eventually(lambda: self._alive(top) == sorted(module.children))
        assert [child.id for child in otpy.supervisor.which_children(top)] == list(reversed(module.children))
        for number in range(6):
            there = otpy.whereis(f"child {module.index} {number}") is not None
            assert there == (number in module.children), (module.index, number, there)

    def children(self, module: Module) -> list[str]:
        """The names of the supervised servers of *module*, all of them alive."""
        names = [f"child {module.index} {number}" for number in module.children]
        eventually(lambda: all(otpy.whereis(name) for name in names))
        return names

    def _alive(self, top: str) -> list[Any]:
        return sorted(c.id for c in otpy.supervisor.which_children(top) if isinstance(c.child, otpy.Pid))

    def _books(self) -> dict[str, Any]:
        return {name: otpy.call(name, "book", timeout=PATIENCE) for name in self.names}

    def _sent(self, books: dict[str, Any]) -> Counter[tuple[str, str]]:
        posted = {(f"driver {n}", to): count for n, row in enumerate(self.posted) for to, count in row.items()}
        sent = {(name, to): count for name, book in books.items() for to, count in book["sent"].items()}
        return Counter({**posted, **sent})

    def _seen(self, books: dict[str, Any]) -> Counter[tuple[str, str]]:
        return Counter(
            {(sender, name): count for name, book in books.items() for sender, count in book["seen"].items()}
        )


@contextmanager
def world(modules: tuple[Module, ...], servers: tuple[tuple[int, int], ...], seed: int = 0) -> Generator[World]:
    """Start a system of *modules* with *servers*, each given as (module, kind), in a runtime of its own."""
    here = World(modules, servers, seed)
    with tempfile.TemporaryDirectory(prefix="otpy-world-") as folder:
        for name, text in here.sources(modules).items():
            Path(folder, f"{name}.py").write_text(text, encoding="utf-8")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            with otpy.runtime():
                here.start()
                yield here
        finally:
            sys.path.remove(folder)
            sys.path_importer_cache.pop(folder, None)
            for module in modules:
                sys.modules.pop(module.name, None)
                histories.forget(module.name)
            cache.clear()  # with syntax trees, which every search of the heap goes through: a long run would slow down
