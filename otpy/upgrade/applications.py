"""What an upgrade brings to applications: their specs are what the new classes and tables say.

Specs and environments change with the definitions, so that conversions and added children see the new ones, and are
taken back with them. When the upgrade stands and all go on, applications that run are told by `config_change`. Start
phases and dependencies are for the next start. Going back brings the specs of before.

Source: OTP release_handler.erl, do_install_release/3; application_controller.erl, do_change_apps/3.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias, final
from weakref import WeakKeyDictionary

from otpy.behaviours import application
from otpy.behaviours.applications.environment import Changes, changes
from otpy.behaviours.applications.finding import Found, Table, again, nearest_file, read_again, read_table
from otpy.behaviours.applications.record import Applications
from otpy.behaviours.children_start import current_version
from otpy.code.journal import Journal
from otpy.errors import IncompatibleUpgrade
from otpy.kernel.runtime import Runtime
from otpy.upgrade.between import between_slices
from otpy.upgrade.options import Options

_AT_MOST: Final = 100
"""Upgrades whose tables of before are kept."""

_Tables: TypeAlias = dict[str, Table]

_before: Final[WeakKeyDictionary[Runtime, deque[tuple[frozenset[str], _Tables]]]] = WeakKeyDictionary()
"""What pyproject.toml said before each upgrade, by the modules that it brought: the file may be a newer one by now."""


@final
class Renewal:
    """What one upgrade brings to the applications that are loaded. Use it once: the methods as they stand."""

    def __init__(self, runtime: Runtime, modules: frozenset[str], options: Options) -> None:
        self._runtime = runtime
        self._modules = modules
        self._options = options
        self._differs: dict[str, Changes] = {}
        self._tables: _Tables = {}
        self._new_tables: _Tables = {}

    def read(self) -> None:
        """Read what pyproject.toml says now, while all still run. Going back reads nothing: it must not fail for that.

        Raises IncompatibleUpgrade for what cannot be read, or makes no sense.
        """
        loaded = {} if self._options.identity else dict(application.known().loaded)
        self._tables = {name: old.table for name, old in loaded.items() if old.table is not None}
        if self._options.back_to:
            entry = self._entry()
            self._new_tables = self._tables if entry is None else {**self._tables, **entry[1]}
            return
        for name, old in loaded.items():
            with _refusing(name):
                table = _read(old, self._options.paths)
                if table is not None:
                    self._new_tables[name] = table

    @contextlib.contextmanager
    def rehearsed(self, new: Callable[[type], type]) -> Generator[None]:
        """Have code that is rehearsed in the block see the environments to come; *new* tells what classes will be.

        Raises IncompatibleUpgrade for a spec that makes no sense.
        """
        known = application.known()
        loaded = {} if self._options.identity else dict(known.loaded)
        if not loaded:
            yield
            return
        found = self._renewed(loaded, new)
        differ = {name: each for name, each in found.items() if changes(loaded[name].spec.env, each.spec.env)}
        known.rehearsed = {name: known.env.made(name, each.spec.env) for name, each in differ.items()}
        try:
            yield
        finally:
            known.rehearsed = {}

    def install(self, journal: Journal) -> None:
        """Give loaded applications their new specs, and new environments where the defaults have changed.

        Raises IncompatibleUpgrade for a spec that makes no sense.
        """
        known = application.known()
        loaded = dict(known.loaded)
        if not loaded or self._options.identity:
            return
        found = self._renewed(loaded, current_version)
        between_slices(self._runtime, partial(self._put, known, found, journal))  # while the controller does nothing

    def _renewed(self, loaded: Mapping[str, Found], new: Any) -> dict[str, Found]:
        found: dict[str, Found] = {}
        for name, old in loaded.items():
            with _refusing(name):
                found[name] = again(old, self._new_tables.get(name), new=new)
        return found

    def _put(self, known: Applications, found: dict[str, Found], journal: Journal) -> None:
        for name, new in found.items():
            old = known.loaded.get(name)
            if old is None:  # it was unloaded meanwhile
                continue
            journal.set_item(known.loaded, name, new)
            if changes(old.spec.env, new.spec.env):
                before, after = known.env.of(name), known.env.made(name, new.spec.env)
                journal.set_item(known.env.effective, name, after)
                self._differs[name] = changes(before, after)

    def stand(self) -> list[str]:
        """The upgrade stands: tell applications how their environments have changed; return warnings."""
        known = application.known()
        here = _before.setdefault(self._runtime, deque(maxlen=_AT_MOST))
        if not self._options.back_to:
            here.append((self._modules, self._tables))
        elif (entry := self._entry()) is not None:
            here.remove(entry)
        failed = application.tell(known.whom_to_tell(self._differs), timeout=self._options.timeout)
        warnings = [f"config_change of application {name} failed: {error!r}" for name, error in failed.items()]
        return [*warnings, *(told for found in list(known.loaded.values()) for told in _warnings(found, known))]

    def _entry(self) -> tuple[frozenset[str], _Tables] | None:
        """Return what was noted at the last upgrade of these modules, which is taken back."""
        return next((entry for entry in reversed(_before.get(self._runtime, ())) if entry[0] == self._modules), None)


@contextlib.contextmanager
def _refusing(name: str) -> Generator[None]:
    try:
        yield
    except Exception as error:
        msg = f"application {name}: {error}"
        raise IncompatibleUpgrade(msg) from error


def _read(found: Found, paths: Mapping[str, str]) -> Table | None:
    """Return the table in the pyproject.toml above the sources that it was upgraded from, else that in its own."""
    path = None if found.cls is None else paths.get(found.cls.__module__)
    beside = None if path is None else read_table(nearest_file(Path(path).parent), found.spec.name)
    return beside or read_again(found)


def _warnings(found: Found, known: Applications) -> Iterator[str]:
    name, spec = found.spec.name, found.spec
    for needed in spec.applications:
        if name in known.running and needed not in (*spec.optional_applications, *known.started):
            yield f"application {name} needs {needed}, which is not started: otpy.application.start({needed!r})"
    said = None if found.cls is None else found.cls.name
    if said not in (None, "", name):
        yield f"application {name} is called {said!r} by its class now; it keeps its name until it is loaded anew"
