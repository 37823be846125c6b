"""Where an application is found, given as a class, as "module:Class", or as a name.

| given | found |
| --- | --- |
| a class | its attributes, and the table of its name in the nearest pyproject.toml above its module's file |
| "module:Class" | the same, imported |
| a name | `[tool.otpy.application.NAME]` in the nearest pyproject.toml from the current folder upwards |
|  | else "module:Class", the entry point NAME in the group `otpy.applications` of an installed package |
| an ApplicationSpec | itself |

What the table says goes over what the class says, key by key, and so does its `env`. Importing is the caller's work:
the controller, whom all ask, imports nothing.
"""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from otpy.behaviours.applications.callbacks import Application, is_application, name_of_class, spec_of
from otpy.behaviours.applications.spec import KEYS, ApplicationSpec, checked, checked_name
from otpy.behaviours.children_start import current_version
from otpy.errors import ApplicationNotFound, BadApplicationSpec

GROUP: Final = "otpy.applications"
FILE: Final = "pyproject.toml"


class Found(msgspec.Struct, frozen=True):
    """An application that was found: its spec, and what that was made of."""

    spec: ApplicationSpec
    cls: type[Application[Any]] | None = None
    table: Table | None = None


class Table(msgspec.Struct, frozen=True):
    """What *file* says of an application, and the version that it says the project has."""

    file: Path
    fields: Mapping[str, Any]
    version: Any = ""


def find(app: object, folder: Path | None = None) -> Found:
    """Return the application that *app* names; see the head. *folder* is where to look from, instead of the current.

    Raises ApplicationNotFound, BadApplicationSpec, TypeError for what can be none, and what an import raises.
    """
    if isinstance(app, ApplicationSpec):
        fields = {key: getattr(app, key) for key in KEYS if key != "name"}
        spec = msgspec.structs.replace(app, **checked(app.name, fields, "ApplicationSpec"))
        return Found(spec, None if spec.mod is None else callbacks_of(spec))
    if is_application(app):
        return _of_class(current_version(app), folder)  # type: ignore[arg-type]
    if isinstance(app, str):
        return _of_class(_imported(app), folder) if ":" in app else _named(checked_name(app), folder)
    msg = f'{app!r} is no application; give a class made of otpy.Application, "module:Class", a name, or a spec'
    raise TypeError(msg)


def again(found: Found, table: Table | None = None, *, new: Callable[[type], type] = current_version) -> Found:  # type: ignore[assignment]
    """Return what *found* is now: its class may have changed, and what it says goes under its table, or another.

    *new* tells what its class is now. It keeps its name, whatever that says. Raises BadApplicationSpec.
    """
    cls: Any = None if found.cls is None else new(found.cls)
    return _made(found.spec.name, cls, table or found.table, default=found)


def read_again(found: Found) -> Table | None:
    """Return the table of *found* as its file has it now. Raises BadApplicationSpec if it has none any more."""
    if found.table is None:
        return None
    file, name = found.table.file, found.spec.name
    table = read_table(file, name)
    if table is None:
        raise BadApplicationSpec(f"{file} has no [tool.otpy.application.{name}] any more", name)
    return table


def callbacks_of(spec: ApplicationSpec) -> type[Application[Any]]:
    """Return the class of the callbacks of *spec* as it is now."""
    return _imported(spec.mod) if isinstance(spec.mod, str) else current_version(spec.mod)  # type: ignore[return-value]


def read_table(file: Path | None, name: str) -> Table | None:
    """Return what *file* says of application *name*; None if it says nothing. Raises BadApplicationSpec."""
    if file is None:
        return None
    content = read_toml(file)
    table = _table(content, ("tool", "otpy", "application", name), file, name)
    if table is None:
        return None
    project = _table(content, ("project",), file, name) or {}
    return Table(file, checked(name, table, f"{file}, application {name}"), project.get("version", ""))


def _table(content: Mapping[str, Any], path: tuple[str, ...], file: Path, name: str) -> Mapping[str, Any] | None:
    """Return the table at *path*, None if there is none. Raises BadApplicationSpec for what is no table."""
    found: Any = content
    for depth, key in enumerate(path, 1):
        if key not in found:
            return None
        found = found[key]
        if not isinstance(found, Mapping):
            raise BadApplicationSpec(f"{file}: {'.'.join(path[:depth])} is {found!r}; give a table", name)
    return found  # type: ignore[no-any-return]


def read_toml(file: Path) -> dict[str, Any]:
    """Return what *file* has. Raises BadApplicationSpec for what cannot be read."""
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise BadApplicationSpec(f"cannot read {file}: {error.strerror or error}", "") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadApplicationSpec(f"{file} is no TOML: {error}", "") from error


def nearest_file(folder: Path) -> Path | None:
    """Return the pyproject.toml of *folder*, or of the nearest one above it."""
    folder = folder.absolute()
    return next((each / FILE for each in (folder, *folder.parents) if (each / FILE).is_file()), None)


def _of_class(cls: type[Application[Any]], folder: Path | None) -> Found:
    name = name_of_class(cls)
    home = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if folder is None and home is not None:
        folder = Path(home).parent
    return _made(name, cls, None if folder is None else read_table(nearest_file(folder), name))


def _named(name: str, folder: Path | None) -> Found:
    file = nearest_file(Path.cwd() if folder is None else folder)
    table = read_table(file, name)
    if table is not None:
        mod = table.fields.get("mod")
        cls = None if mod is None else _imported(mod)
        if cls is not None and cls.name not in ("", name):
            raise BadApplicationSpec(f"{file}: application {name!r} has the class of {cls.name!r}", name)
        return _made(name, cls, table)
    from importlib.metadata import entry_points  # noqa: PLC0415 - with much that only this needs

    for entry in entry_points(group=GROUP, name=name):
        return _of_class(_imported(entry.value), None)
    looked = f"in {file}" if file is not None else f"for a {FILE} from {Path.cwd()} upwards"
    raise ApplicationNotFound(name, f"{looked}, and among the entry points {GROUP!r}")


def _made(name: str, cls: type[Application[Any]] | None, table: Table | None, *, default: Found | None = None) -> Found:
    """Return the application whose spec is what *table* says, over what *cls* says; *default* if there is neither.

    The version is that of the project where neither says one.
    """
    if cls is None and table is None and default is not None:
        return default
    spec = ApplicationSpec(name=name) if cls is None else msgspec.structs.replace(spec_of(cls), name=name)
    if table is None:
        return Found(spec, cls)
    fields = {**table.fields, "env": {**spec.env, **table.fields.get("env", {})}}
    if cls is not None:
        fields["mod"] = spec.mod
    if "vsn" not in fields and spec.vsn == "":
        fields["vsn"] = table.version
    return Found(msgspec.structs.replace(spec, **fields), cls, table)


def _imported(mod: str) -> type[Application[Any]]:
    """Return the class that *mod*, "module:Class", names. Raises BadApplicationSpec if it is none."""
    module, _, path = mod.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not is_application(found):
        raise BadApplicationSpec(f"{mod} is no application: give a class made of otpy.Application", mod)
    return found  # type: ignore[no-any-return]
