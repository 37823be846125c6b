"""What an upgrade brings to applications: their specs are what the new classes and tables say.

It is looked at when the upgrade stands, and all go on. Environments are made anew where the defaults have changed, and
the applications that run are told, as release_handler has it: `config_change`. Start phases and dependencies are for
the next start. Going back brings the specs of before.

Source: OTP release_handler.erl, eval_appup_script/4; application_controller.erl, do_change_apps/3.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from otpy.behaviours import application
from otpy.behaviours.applications.finding import Found, Table, again, nearest_file, read_again, read_table
from otpy.behaviours.applications.spec import ApplicationSpec
from otpy.kernel.here import current
from otpy.kernel.runtime import Runtime
from otpy.upgrade.options import Options

_AT_MOST: Final = 100
"""Upgrades whose tables of before are kept."""

_before: Final[WeakKeyDictionary[Runtime, deque[tuple[frozenset[str], dict[str, Table]]]]] = WeakKeyDictionary()
"""What pyproject.toml said before each upgrade, by the modules that it brought: the file may be a newer one by now."""


def brought(modules: frozenset[str], options: Options) -> list[str]:
    """Bring the loaded applications to what they are now that *modules* have changed; return warnings."""
    loaded = dict(application.known().loaded)
    if not loaded or options.identity:
        return []
    tables = _taken_back(modules) if options.back_to else {}
    found: dict[str, Found] = {}
    warnings: list[str] = []
    for name, old in loaded.items():
        try:
            new = found[name] = again(old, tables.get(name) or _read(old, options.paths))
            warnings += _warnings(old.spec, new)
        except Exception as error:  # noqa: BLE001 - whatever an import raises: the upgrade stands
            warnings.append(f"application {name}: its spec stays as it was: {error}")
    if not options.back_to:
        here = _before.setdefault(current().runtime, deque(maxlen=_AT_MOST))
        here.append((modules, {name: old.table for name, old in loaded.items() if old.table is not None}))
    failed = application.tell(application.renew(found), timeout=options.timeout)
    return warnings + [f"config_change of application {name} failed: {error!r}" for name, error in failed.items()]


def _taken_back(modules: frozenset[str]) -> dict[str, Table]:
    """Return the tables of before the last upgrade of *modules*, which is taken back; none if that is not known."""
    here = _before.setdefault(current().runtime, deque(maxlen=_AT_MOST))
    found = next((entry for entry in reversed(here) if entry[0] == modules), None)
    if found is None:
        return {}
    here.remove(found)
    return found[1]


def _read(found: Found, paths: Mapping[str, str]) -> Table | None:
    """Return the table in the pyproject.toml above the sources that it was upgraded from, else that in its own."""
    path = None if found.cls is None else paths.get(found.cls.__module__)
    beside = None if path is None else read_table(nearest_file(Path(path).parent), found.spec.name)
    return beside or read_again(found)


def _warnings(old: ApplicationSpec, new: Found) -> Iterator[str]:
    name, spec = old.name, new.spec
    for needed in spec.applications:
        if needed not in (*old.applications, *application.known().started):
            yield f"application {name} needs {needed} now, which is not started: otpy.application.start({needed!r})"
    said = None if new.cls is None else new.cls.name
    if said not in (None, "", name):
        yield f"application {name} is called {said!r} by its class now; it keeps its name until it is loaded anew"
