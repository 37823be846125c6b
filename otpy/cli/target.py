"""What `otpy run TARGET` may be given, and how to start it.

| TARGET | example | what is started |
| --- | --- | --- |
| a sandbox, by folder or name | `sandboxes/counter`, `counter` | its root, in the version asked for |
| a Python file | `app.py`, `app.py:Shop` | the application or supervisor that it names, or the only one defined in it |
| a module | `shop.app:Shop` | the application or supervisor, looked up from the current folder |
| an application | `shop` | that which the nearest pyproject.toml declares |

An application is started with all that it depends on, all of them permanent: the end of one is the end of the node.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from collections.abc import Callable
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import msgspec

from otpy.behaviours import application
from otpy.behaviours.applications.callbacks import is_application
from otpy.behaviours.applications.finding import find, nearest_file, read_table
from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.supervisor import Supervisor
from otpy.cli.exits import BadInput
from otpy.cli.sandboxes import DESCRIPTION, Sandbox, load_version, open_sandbox, read_source, source_file
from otpy.errors import BadApplicationSpec, OtpyError
from otpy.kernel.process import Process

if TYPE_CHECKING:
    from types import ModuleType

    from otpy.kernel.pid import Pid

Start: TypeAlias = Callable[[], "Pid | None"]
"""Starts a system. It returns the pid of its root, unless it is an application."""

_ACCEPTED: Final = (
    "accepted: module:application, module:supervisor, a file.py, an application that pyproject.toml declares, or a "
    "sandbox folder such as sandboxes/counter"
)


class System(msgspec.Struct, frozen=True):
    """A loaded system: what it is, how to start its root process, and the name of the application, if it is one."""

    title: str
    start: Start
    application: str | None = None

    def now(self) -> str:
        """Return what it is now: an upgrade may have brought an application another version."""
        if self.application is None:
            return self.title
        where = self.title.partition(" (")[2]
        with contextlib.suppress(OtpyError):
            return _about(application.get_key(self.application, "vsn"), self.application, where.rstrip(")"))
        return self.title


def _about(vsn: object, name: str, where: str) -> str:
    about = f"application {name} {vsn}".rstrip()
    return f"{about} ({where})" if where else about


def name_of(target: str) -> str:
    """Return what the node of *target* is called by default, without importing anything. Raises BadInput."""
    if _is_declared(target):
        sys.path.insert(0, str(Path.cwd()))
        return target
    if _is_sandbox(target):
        return _opened(target).name
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
    if not _is_declared(target) and _is_sandbox(target):
        return _sandbox(target, version)
    if version is not None:
        raise BadInput(f"--version is for sandboxes, and {target!r} is none; {_ACCEPTED}")
    if _is_declared(target):
        return _application(target)
    path, _, attribute = target.partition(":")
    if path.endswith(".py"):
        return _file(Path(path), attribute)
    return _module(path, attribute)


def _is_declared(target: str) -> bool:
    """Whether *target* is the name of an application that the nearest pyproject.toml declares."""
    file = nearest_file(Path.cwd()) if target.isidentifier() else None
    if file is None:
        return False
    try:
        return read_table(file, target) is not None
    except BadApplicationSpec as error:
        raise BadInput(str(error)) from error


def _is_sandbox(target: str) -> bool:
    if ":" in target or target.endswith(".py"):
        return False
    return "/" in target or Path(target).is_dir() or target.isidentifier()


def _opened(target: str) -> Sandbox:
    """Return the sandbox *target*. Raises BadInput, also where one's own module of that name may be meant."""
    if target.isidentifier() and not Path(target, DESCRIPTION).is_file() and (own := source_file(Path(), target)):
        raise BadInput(
            f"{target!r} may be the sandbox, or {own}: give {target}:NAME, NAME being the application or supervisor in "
            f"it, or sandboxes/{target}"
        )
    try:
        return open_sandbox(target)
    except BadInput as error:
        raise BadInput(f"{error}; {_ACCEPTED}") from error


def _sandbox(target: str, version: str | None) -> System:
    sandbox = _opened(target)
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
    return _system(str(file), module, attribute or _only_root(module, file))


def _module(name: str, attribute: str) -> System:
    return _system(f"{name}:{attribute}", _imported(name), attribute)


def _system(title: str, module: ModuleType, attribute: str) -> System:
    """Return the system whose root is an application, a behaviour, or what a function starts."""
    value: object = getattr(module, attribute, None)
    if is_application(value):
        return _application(value, title)
    if isinstance(value, type):
        if issubclass(value, Behaviour):
            return System(title, cast("Start", value.start))
    elif callable(value) and not inspect.iscoroutinefunction(value):
        return System(title, partial(_started_by, value))
    raise BadInput(
        f"{module.__name__}:{attribute} is nothing that can be run: give the class of an application or a supervisor, "
        "or a function (no `async def`) that returns a pid"
    )


def _started_by(function: Callable[[], object]) -> Pid:
    """Return the pid of what *function* has started. Raises TypeError if it returns none."""
    pid = function()
    if not isinstance(pid, Process):
        raise TypeError(f"it returned {pid!r}, which is no pid; return that of the process which is the root")
    return pid


def _application(app: Any, title: str = "") -> System:
    """Return the system of an application with those that it depends on. Raises BadInput for a bad spec."""
    try:
        spec = find(app).spec
    except (BadApplicationSpec, ImportError) as error:
        raise BadInput(str(error)) from error
    if spec.mod is None:
        raise BadInput(f"application {spec.name!r} is a library: without `mod` there is nothing to start")

    def start() -> None:
        application.ensure_all_started(app, "permanent")

    return System(_about(spec.vsn, spec.name, title), start, spec.name)


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


def _only_root(module: ModuleType, file: Path) -> str:
    """Return the name of the only application that *file* defines, else of the only supervisor."""
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
    applications = [name for name, value in own.items() if is_application(value)]
    supervisors = [name for name, value in own.items() if isinstance(value, type) and issubclass(value, Supervisor)]
    for kind, found in (("applications", applications), ("supervisors", supervisors)):
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(f"{file} defines several {kind} ({', '.join(found)}); name what to start: {file}:NAME")
    raise BadInput(
        f"{file} defines neither an application nor a supervisor; name a function that returns a pid, if there is one: "
        f"{file}:NAME"
    )
