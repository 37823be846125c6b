"""What `otpy.code` offers to users."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from otpy.code.baseline import baseline, home_of, note_source
from otpy.code.dependents import dependents_of
from otpy.code.history import histories
from otpy.code.journal import Journal
from otpy.code.loader import prepare_all
from otpy.code.meant import name_of
from otpy.code.version import Version, Vsn
from otpy.errors import LoadFailed, NoSuchVersion


def load(source_or_module: str | ModuleType, *, name: str | None = None) -> Version:
    """Load a new version of a module; returns it.

    *source_or_module*: a module or the dotted name of one, whose file is read again; with `name=`, the source text of
    the module that is called so, which need not exist yet.

    Raises: CompilationFailed, LoadFailed; TypeError for what is neither. Then nothing has changed.
    """
    if name is None:
        return load_file(name_of(source_or_module))
    if not isinstance(source_or_module, str):
        kind = type(source_or_module).__name__
        raise TypeError(f"the source of {name} is {kind}; give its text (str), or the module without name=")
    return load_source(name_of(name), source_or_module)


def which(module: str | ModuleType) -> str | None:
    """The file that the running version of *module* comes from, or the name that tracebacks show for it.

    None: no such module is loaded.
    """
    name = name_of(module)
    live = sys.modules.get(name)
    if live is None:
        return None
    current = histories.current(name)
    return home_of(live) or (current.filename if current else getattr(live, "__file__", None))


def versions(module: str | ModuleType) -> tuple[Version, ...]:
    """The versions of *module* that are known, oldest first; the last one runs. Each has its `source`."""
    name = name_of(module)
    known = histories.versions(name)
    if known or name not in sys.modules:
        return known
    running = baseline(name, sys.modules[name])
    return (running,) if running is not None else ()


def vsn(module: str | ModuleType) -> Vsn:
    """The version that runs: the module's `__vsn__`, or a hash of its definitions.

    Raises: NoSuchVersion, if the module is not loaded or its source is not known.
    """
    known = versions(module)
    if not known:
        raise NoSuchVersion(name_of(module), "current")
    return known[-1].vsn


def load_file(name: str) -> Version:
    """Read the file of module *name* again and load what it says; import the module if it is not loaded."""
    live = sys.modules.get(name)
    if live is None:
        return import_module(name)
    home = home_of(live)
    if home is None:
        raise LoadFailed(name, ImportError(f"{name} has no source file; give its text: load(source, name={name!r})"))
    return load_source(name, importlib.util.decode_source(Path(home).read_bytes()), path=home)


def import_module(name: str) -> Version:
    """Import *name* the ordinary way: that is its first version."""
    try:
        live = importlib.import_module(name)
    except Exception as error:
        raise LoadFailed(name, error) from error
    note_source(name)
    version = baseline(name, live)
    if version is None:
        raise LoadFailed(name, ImportError(f"{name} has no Python source"))
    histories.push(version, Journal())
    return version


def load_source(name: str, source: str, *, path: str | None = None) -> Version:
    """Prepare and install, or leave everything as it was."""
    prepared = prepare_all({name: source}, paths={name: path}, dependents=dependents_of([name]))
    journal = Journal()
    try:
        prepared.install(journal)
    except BaseException:
        journal.undo()
        raise
    journal.commit()
    return prepared.loaded[0].version
