"""Applications: supervision trees with a name, a version, an environment and dependencies. `otpy.application`.

An *application* is given as its class, as "module:Class", or by name; see finding.py for where names are looked up.
Each runtime has its own applications. What only looks (`get_env`, `get_key`, `which_applications`) reads what the
controller has written, and asks nobody.

Source: OTP application.erl; Elixir's Application.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from otpy.behaviours.applications.callbacks import Application, is_application, name_of_class
from otpy.behaviours.applications.controller import ApplicationController
from otpy.behaviours.applications.environment import Changes
from otpy.behaviours.applications.finding import again, find, read_again, read_toml
from otpy.behaviours.applications.master import ApplicationMaster
from otpy.behaviours.applications.record import Applications
from otpy.behaviours.applications.requests import Configure, Load, SetEnv, Start, StopApplication, Unload, UnsetEnv
from otpy.behaviours.applications.spec import (
    KEYS,
    ApplicationSpec,
    StartType,
    checked_config,
    checked_name,
    checked_type,
)
from otpy.behaviours.children_start import current_version
from otpy.behaviours.gen import call
from otpy.errors import (
    AlreadyStarted,
    ApplicationAlreadyLoaded,
    ApplicationAlreadyStarted,
    ApplicationError,
    ApplicationNotLoaded,
    BadApplicationSpec,
    CallError,
    OtpyError,
)
from otpy.kernel.here import current
from otpy.kernel.primitives import Dest, resolve
from otpy.kernel.process import Process
from otpy.kernel.runtime import current_runtime
from otpy.kernel.table import table

__all__ = [
    "Application",
    "ApplicationInfo",
    "ApplicationSpec",
    "Changes",
    "configure",
    "ensure_all_started",
    "ensure_loaded",
    "get_all_env",
    "get_all_key",
    "get_application",
    "get_env",
    "get_key",
    "load",
    "loaded_applications",
    "put_env",
    "read_config",
    "set_env",
    "start",
    "stop",
    "unload",
    "unset_env",
    "which_applications",
]

log = logging.getLogger("otpy.application")

App: TypeAlias = "str | type[Application[Any]] | ApplicationSpec"


class ApplicationInfo(msgspec.Struct, frozen=True):
    """One application in a listing."""

    name: str
    description: str
    vsn: Any


# -- loading, starting, stopping -------------------------------------------------------------------


def load(app: App) -> str:
    """Make the spec of *app* known, and its environment with it; return its name. Dependencies are not loaded.

    Raises ApplicationNotFound, ApplicationAlreadyLoaded, BadApplicationSpec, and what an import raises.
    """
    found = find(app)
    _ask(Load(found))
    return found.spec.name


def ensure_loaded(app: App) -> str:
    """As `load`, of what may be loaded already. Raises ApplicationAlreadyLoaded if another class is called so."""
    name = _name_of(app)
    if name not in known().loaded:
        try:
            load(app)
        except ApplicationAlreadyLoaded:  # somebody else did, meanwhile
            return ensure_loaded(app)
    elif isinstance(app, type) and current_version(known().loaded[name].cls or app) is not current_version(app):
        raise ApplicationAlreadyLoaded(name)  # another one is called so
    return name


def unload(app: App) -> None:
    """Forget *app*, and its environment. Raises ApplicationNotLoaded, ApplicationRunning."""
    _ask(Unload(_name_of(app)))


def start(app: App, type: StartType = "temporary") -> None:  # noqa: A002 - OTP's name
    """Start *app*, loaded now if it is not. Returns when its tree is up, and its start phases are done.

    *type* says what its end means: "permanent", the runtime ends too; "transient", so it does unless the application
    ended with Normal(); "temporary", it is reported. A start that fails counts as an end.

    Raises ApplicationNotStarted or ApplicationNotRunning (one that it depends on), ApplicationAlreadyStarted,
    ApplicationStartFailed(reason), and what `load` raises.
    """
    checked_type(type)
    _ask(Start(ensure_loaded(app), type))


def ensure_all_started(app: App | Iterable[App], type: StartType = "temporary") -> list[str]:  # noqa: A002 - OTP's name
    """Start *app*, or several, with all that they depend on; return the names of those that were not running before.

    In that order they were started. If one fails, those are stopped again, the last first, and its error is raised.
    """
    checked_type(type)
    started: list[str] = []
    try:
        for each in app if isinstance(app, Iterable) and not isinstance(app, str) else [app]:
            _ensure_started(each, type, started, ())
    except Exception:
        for name in reversed(started):
            _stop_again(name)
        raise
    return started


def stop(app: App) -> None:
    """Stop *app*: `prep_stop`, its tree, `stop`; not those that depend on it. Raises ApplicationNotStarted."""
    _ask(StopApplication(_name_of(app)))


def _ensure_started(app: App, type_: StartType, started: list[str], above: tuple[str, ...]) -> None:
    name = ensure_loaded(app)
    if name in above:
        ring = " → ".join([*above[above.index(name) :], name])
        raise BadApplicationSpec(f"applications depend on each other in a ring: {ring}", name)
    if name in known().running:
        return
    spec = _spec(name)
    for needed in spec.applications:
        if needed not in known().started:
            try:
                _ensure_started(spec.sources.get(needed, needed), type_, started, (*above, name))
            except (OtpyError, ImportError):
                if needed not in spec.optional_applications:
                    raise
    try:
        _ask(Start(name, type_))
    except ApplicationAlreadyStarted:
        return
    started.append(name)


def _stop_again(name: str) -> None:
    try:
        stop(name)
    except OtpyError:  # it has ended meanwhile, or the runtime has: the error that led here is the one to be told
        return


# -- looking ---------------------------------------------------------------------------------------


def which_applications() -> list[ApplicationInfo]:
    """Return the applications that run, the newest first."""
    there = known()
    return [_info(there.loaded[name].spec) for name in reversed(list(there.running)) if name in there.loaded]


def loaded_applications() -> list[ApplicationInfo]:
    """Return the applications that are loaded."""
    return [_info(found.spec) for found in list(known().loaded.values())]


def get_application(what: Dest | None = None) -> str | None:
    """Return the name of the application that a process belongs to; None if it belongs to none, or has ended.

    *what*: a Pid; None is the running process; a text is the name of a module, as in OTP, which belongs to the loaded
    application that has it among its `modules`.
    """
    if isinstance(what, str):
        return next((f.spec.name for f in list(known().loaded.values()) if what in f.spec.modules), None)
    process = current() if what is None else resolve(what)
    master = process.leader
    order, actor = (None, None) if master is None else (master.argument, master.actor)
    return order.spec.name if order is not None and isinstance(actor, ApplicationMaster) else None


def get_key(app: App, key: str) -> Any:
    """Return what the spec of a loaded application says under *key*, such as "vsn" or "modules".

    Raises ApplicationNotLoaded; ValueError for what is no key.
    """
    if key not in KEYS:
        msg = f"{key!r} is no key of an application; the keys are {', '.join(KEYS)}"
        raise ValueError(msg)
    return getattr(_spec(_name_of(app)), key)


def get_all_key(app: App) -> ApplicationSpec:
    """Return the whole spec of a loaded application. Raises ApplicationNotLoaded."""
    return _spec(_name_of(app))


# -- the environment -------------------------------------------------------------------------------


def get_env(app: App, key: str, default: Any = None) -> Any:
    """Return *key* of the environment of *app*; *default* if it is not there, or *app* is not loaded."""
    return known().environment(_name_of(app)).get(key, default)


def get_all_env(app: App) -> dict[str, Any]:
    """Return the environment of *app*."""
    return dict(known().environment(_name_of(app)))


def set_env(app: App, key: str, value: Any, *, persistent: bool = False) -> None:
    """Set *key* in the environment of *app*, which need not be loaded.

    It lasts until the environment is made anew: when *app* is loaded and its spec or the configuration has the key,
    when the configuration is read again, or an upgrade changes the spec. With *persistent* it outlives that, too.
    Nobody is told: `config_change` is for what comes from outside.
    """
    _ask(SetEnv(_name_of(app), {_key(key): value}, persistent))


def put_env(app: App, key: str, value: Any, *, persistent: bool = False) -> None:
    """As `set_env`: Elixir's name for it."""
    set_env(app, key, value, persistent=persistent)


def unset_env(app: App, key: str, *, persistent: bool = False) -> None:
    """Take *key* out of the environment of *app*; *persistent*: also what was set to last, and what configures it."""
    _ask(UnsetEnv(_name_of(app), _key(key), persistent))


def read_config(file: str | Path) -> dict[str, dict[str, Any]]:
    """Return the configuration in a TOML *file*: a table for each application. Raises BadApplicationSpec."""
    return checked_config(read_toml(Path(file)), str(file))


def configure(config: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Changes]:
    """Make the environments of all loaded applications anew, and tell those that run what has changed in theirs.

    *config* is application → key → value, which goes over the defaults of the specs, and takes the place of the
    configuration before; None keeps that one. Tables in pyproject.toml are read again. Returns what has changed,
    by application; an error that a `config_change` raises is logged, and the others are told all the same.

    Raises BadApplicationSpec, and nothing has changed.
    """
    checked = known().env.config if config is None else checked_config(config, "config")
    found = {name: again(found, read_again(found)) for name, found in list(known().loaded.items())}
    whom = _ask(Configure(found, checked))
    tell(whom)
    return {name: changes for _, name, changes in whom}


def tell(whom: Iterable[tuple[Process, str, Changes]], *, timeout: float | None = None) -> dict[str, Exception]:
    """Have each of *whom* told how its environment has changed; return what went wrong, by application, and log it."""
    failed: dict[str, Exception] = {}
    for master, name, changes in whom:
        try:
            error = call(master, changes, timeout=timeout)
        except CallError as gone:
            error = gone
        if error is not None:
            log.error("config_change of application %s failed; its environment has changed", name, exc_info=error)
            failed[name] = error
    return failed


# -- the controller --------------------------------------------------------------------------------

_NAME: Final = "application_controller"
_NOTHING: Final = Applications()
"""What a runtime knows whose controller nobody has needed yet."""


def _controller() -> Process:
    """Return the controller of this runtime, started now if there is none. It is a root, and in no listing."""
    runtime = current_runtime()
    found = runtime.names.get(_NAME)
    if found is not None:
        return found
    try:
        made = resolve(ApplicationController.start(name=_NAME))
    except AlreadyStarted as started:
        return resolve(started.pid)
    made.starter, made.leader = made.runtime.system, None
    table.hide(made)
    return made


def _ask(request: Any) -> Any:
    """Return what the controller answers, or raise it."""
    answer = call(_controller(), request, timeout=None)
    if isinstance(answer, ApplicationError):
        raise answer
    return answer


def known() -> Applications:
    """Return what the controller of this runtime knows; only to look at."""
    controller = current_runtime().names.get(_NAME)
    state = None if controller is None else controller.state
    return state if isinstance(state, Applications) else _NOTHING


def _name_of(app: App) -> str:
    """Return the name of *app*, loaded or not."""
    match app:
        case ApplicationSpec():
            return app.name
        case str():
            return find(app).spec.name if ":" in app else checked_name(app)
        case type() if is_application(app):
            return name_of_class(app)
        case _:
            return find(app).spec.name  # says what is accepted


def _spec(name: str) -> ApplicationSpec:
    found = known().loaded.get(name)
    if found is None:
        raise ApplicationNotLoaded(name)
    return found.spec


def _info(spec: ApplicationSpec) -> ApplicationInfo:
    return ApplicationInfo(spec.name, spec.description, spec.vsn)


def _key(key: object) -> str:
    if not isinstance(key, str) or not key:
        msg = f"{key!r} is no key of an environment; give a non-empty str"
        raise TypeError(msg)
    return key
