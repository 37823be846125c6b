"""What `otpy run TARGET` may be given, and how to start it.

| TARGET | example | what is started |
| --- | --- | --- |
| a sandbox, by folder or name | `sandboxes/counter`, `counter` | its root, in the version asked for |
| a Python file | `app.py`, `app.py:Shop` | the supervisor that it names, or the only one defined in it |
| a module | `shop.supervisor:Shop` | the supervisor, looked up from the current folder |
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import msgspec

from otpy.behaviours.gen_server import Behaviour
from otpy.behaviours.supervisor import Supervisor
from otpy.cli.exits import BadInput
from otpy.cli.sandboxes import load_version, open_sandbox, read_source

if TYPE_CHECKING:
    from types import ModuleType

    from otpy.kernel.pid import Pid

Start: TypeAlias = Callable[[], "Pid"]

_ACCEPTED: Final = "accepted: module:supervisor, a file.py, or a sandbox folder such as sandboxes/counter"


class System(msgspec.Struct, frozen=True):
    """A loaded system: what it is, and how to start its root process."""

    title: str
    start: Start


def name_of(target: str) -> str:
    """Return what the node of *target* is called by default, without importing anything. Raises BadInput."""
    if _is_sandbox(target):
        return open_sandbox(target).name
    path, _, attribute = target.partition(":")
    if path.endswith(".py"):
        read_source(Path(path))  # says clearly what is wrong with a file that cannot be read
        return Path(path).stem
    if not attribute:
        raise BadInput(f"cannot run {target!r}; {_ACCEPTED}")
    sys.path.insert(0, str(Path.cwd()))
    package = path.partition(".")[0]
    if package not in sys.modules and PathFinder.find_spec(package) is None:
        raise BadInput(f"there is no module {package!r} here or among the installed packages; {_ACCEPTED}")
    return path


def load_target(target: str, version: str | None = None) -> System:
    """Import what *target* names, which `name_of` has accepted, and return it ready to start.

    *version* is for sandboxes alone. Raises BadInput.
    """
    if _is_sandbox(target):
        return _sandbox(target, version)
    if version is not None:
        raise BadInput(f"--version is for sandboxes, and {target!r} is none; {_ACCEPTED}")
    path, _, attribute = target.partition(":")
    if path.endswith(".py"):
        return _file(Path(path), attribute)
    return _module(path, attribute)


def _is_sandbox(target: str) -> bool:
    if ":" in target or target.endswith(".py"):
        return False
    return "/" in target or Path(target).is_dir() or target.isidentifier()


def _sandbox(target: str, version: str | None) -> System:
    sandbox = open_sandbox(target)
    chosen = sandbox.version(version)
    load_version(sandbox, chosen)
    return System(f"{sandbox.name} {chosen}", sandbox.start)


def _file(file: Path, attribute: str) -> System:
    """Load a file under the name of its stem, as `import` from its folder would."""
    name = file.stem
    if name in sys.modules:
        raise BadInput(f"cannot load {file}: a module {name!r} is loaded already; rename the file")
    sys.path.insert(0, str(file.resolve().parent))
    module = _imported(name)
    return System(str(file), _starter(module, attribute or _only_supervisor(module, file)))


def _module(name: str, attribute: str) -> System:
    return System(f"{name}:{attribute}", _starter(_imported(name), attribute))


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise BadInput(f"cannot import {name}: {error}") from error
        raise BadInput(
            f"there is no module {error.name!r} here or among the installed packages; {_ACCEPTED}"
        ) from error
    except Exception as error:
        raise BadInput(f"cannot import {name}: {type(error).__name__}: {error}") from error


def _only_supervisor(module: ModuleType, file: Path) -> str:
    found = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Supervisor) and value.__module__ == module.__name__
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"{file} defines several supervisors ({', '.join(found)}); name what to start: {file}:NAME")
    raise BadInput(f"{file} defines no supervisor; name a function that returns a pid, if there is one: {file}:NAME")


def _starter(module: ModuleType, attribute: str) -> Start:
    """Return the start of a behaviour's class, or a function that returns a pid."""
    value: object = getattr(module, attribute, None)
    if isinstance(value, type):
        if issubclass(value, Behaviour):
            return cast("Start", value.start)
    elif callable(value):
        return cast("Start", value)
    raise BadInput(
        f"{module.__name__}:{attribute} is no supervisor: give a Supervisor class, or a function that returns a pid"
    )
