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
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import msgspec

from otpy.behaviours.applications.callbacks import Application, is_application, name_of_class, spec_of
from otpy.behaviours.applications.spec import ApplicationSpec, checked, checked_name
from otpy.behaviours.children_start import current_version
from otpy.errors import ApplicationNotFound, BadApplicationSpec

GROUP: Final = "otpy.applications"
FILE: Final = "pyproject.toml"


class Found(msgspec.Struct, frozen=True):
    """An application that was found: its spec, what it was made of, and the file with its table, if there is one."""

    spec: ApplicationSpec
    cls: type[Application[Any]] | None = None
    file: Path | None = None


def find(app: object, folder: Path | None = None) -> Found:
    """Return the application that *app* names; see the head. *folder* is where to look from, instead of the current.

    Raises ApplicationNotFound, BadApplicationSpec, TypeError for what can be none, and what an import raises.
    """
    if isinstance(app, ApplicationSpec):
        return Found(app, None if app.mod is None else callbacks_of(app))
    if is_application(app):
        return _of_class(current_version(app), folder)  # type: ignore[arg-type]
    if isinstance(app, str):
        return _of_class(_imported(app), folder) if ":" in app else _named(checked_name(app), folder)
    msg = f'{app!r} is no application; give a class made of otpy.Application, "module:Class", a name, or a spec'
    raise TypeError(msg)


def again(found: Found) -> Found:
    """Return what *found* is now: its class, and its table, may have changed."""
    name, cls = found.spec.name, None if found.cls is None else current_version(found.cls)
    if found.file is None:
        return found if cls is None else Found(spec_of(cls), cls)  # type: ignore[arg-type]
    table, project = read_table(found.file, name)
    if table is None:
        raise BadApplicationSpec(f"{found.file} has no [tool.otpy.application.{name}] any more", name)
    return Found(_spec(name, cls, table, project, found.file), cls, found.file)  # type: ignore[arg-type]


def callbacks_of(spec: ApplicationSpec) -> type[Application[Any]]:
    """Return the class of the callbacks of *spec* as it is now."""
    return _imported(spec.mod) if isinstance(spec.mod, str) else current_version(spec.mod)  # type: ignore[return-value]


def read_table(file: Path, name: str) -> tuple[Mapping[str, Any] | None, Mapping[str, Any]]:
    """Return the table of application *name* in *file*, None if it has none, and the table of the project."""
    content = read_toml(file)
    tables = content.get("tool", {}).get("otpy", {}).get("application", {})
    table = tables.get(name) if isinstance(tables, Mapping) else None
    if table is not None and not isinstance(table, Mapping):
        raise BadApplicationSpec(f"{file}: tool.otpy.application.{name} is {table!r}; give a table", name)
    return table, content.get("project", {})


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
    file = None if folder is None else nearest_file(folder)
    table, project = (None, {}) if file is None else read_table(file, name)
    if file is None or table is None:
        return Found(spec_of(cls), cls)
    return Found(_spec(name, cls, table, project, file), cls, file)


def _named(name: str, folder: Path | None) -> Found:
    file = nearest_file(Path.cwd() if folder is None else folder)
    table, project = (None, {}) if file is None else read_table(file, name)
    if file is not None and table is not None:
        mod = checked(name, {"mod": table.get("mod")}, f"{file}, application {name}")["mod"]
        cls = None if mod is None else _imported(mod)
        return Found(_spec(name, cls, table, project, file), cls, file)
    for entry in entry_points(group=GROUP, name=name):
        return _of_class(_imported(entry.value), None)
    looked = f"in {file}" if file is not None else f"for a {FILE} from {Path.cwd()} upwards"
    raise ApplicationNotFound(name, f"{looked}, and among the entry points {GROUP!r}")


def _spec(
    name: str,
    cls: type[Application[Any]] | None,
    table: Mapping[str, Any],
    project: Mapping[str, Any],
    file: Path,
) -> ApplicationSpec:
    """Return what *table* says, over what *cls* says; the version is that of the project where neither says one."""
    fields = checked(name, table, f"{file}, application {name}")
    if cls is None:
        base = ApplicationSpec(name=name)
    else:
        base = msgspec.structs.replace(spec_of(cls), name=name)
        if cls.name and cls.name != name:
            raise BadApplicationSpec(f"{file}: application {name!r} has the class of {cls.name!r}", name)
        fields = {**fields, "mod": base.mod, "env": {**base.env, **fields.get("env", {})}}
    if "vsn" not in fields and base.vsn in (None, ""):
        fields["vsn"] = project.get("version", "")
    return msgspec.structs.replace(base, **fields)


def _imported(mod: str) -> type[Application[Any]]:
    """Return the class that *mod*, "module:Class", names. Raises BadApplicationSpec if it is none."""
    module, _, path = mod.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not is_application(found):
        raise BadApplicationSpec(f"{mod} is no application: give a class made of otpy.Application", mod)
    return found  # type: ignore[no-any-return]
