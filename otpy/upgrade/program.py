"""The modules of the program and who depends on whom, as a graph that follows what is loaded."""

from __future__ import annotations

import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

from otpy.analysis.graph import DependencyGraph
from otpy.code.baseline import home_of, note_source, source_of
from otpy.errors import CompilationFailed


def program_graph(new: Mapping[str, str] | None = None) -> DependencyGraph:
    """Return the graph of the program's own modules as they run, with *new* sources (name → text) in their place.

    Libraries are left out but for those that are in *new*: thousands of modules depend on each other there, and none on
    the program.
    """
    graph = DependencyGraph()
    given = new or {}
    for name, source in sorted({**dict(own_sources()), **given}.items()):
        try:
            graph.add(name, source, package=hasattr(sys.modules.get(name), "__path__") or None)
        except CompilationFailed:
            if name in given:
                raise
    return graph


def own_sources() -> Iterator[tuple[str, str]]:
    """Yield name and source of each loaded module that is neither Python's, nor otpy's, nor a library's."""
    for name, module in tuple(sys.modules.items()):
        if isinstance(module, ModuleType) and is_own(module):
            source = source_of(name)
            if source is not None:
                yield name, source


def own_files() -> Iterator[Path]:
    """Yield the file of each loaded module of the program that has one."""
    for module in tuple(sys.modules.values()):
        home = home_of(module) if isinstance(module, ModuleType) and is_own(module) else None
        if home is not None:
            yield Path(home)


def note_sources() -> None:
    """Remember the texts of the program's modules, which have just been imported, as what runs.

    When a file has been edited since, it does not tell any more what runs; and edited it is before most upgrades.
    """
    for name, module in tuple(sys.modules.items()):
        if isinstance(module, ModuleType) and is_own(module):
            note_source(name)


def is_own(module: ModuleType) -> bool:
    """Whether *module* belongs to the program, by where it comes from."""
    name = module.__name__
    if name.partition(".")[0] in sys.stdlib_module_names or name == "otpy" or name.startswith("otpy."):
        return False
    file = getattr(module, "__file__", None)
    return not isinstance(file, str) or not file.startswith(_libraries())


@cache
def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = [*site.getsitepackages(), site.getusersitepackages(), *(paths[n] for n in ("stdlib", "purelib", "platlib"))]
    return tuple(str(Path(path)) + "/" for path in found)
