"""What an application is, as a value: its name, version, dependencies, environment, start phases.

It is read from the attributes of a class (see callbacks.py) or from a table of pyproject.toml (see finding.py); both
come through `checked`, so that what is refused, and how, is the same for both. Nothing here does anything.

Source: the Erlang reference of `app(4)`; OTP application_controller.erl, make_appl_i/1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from otpy.errors import BadApplicationSpec

StartType: TypeAlias = Literal["permanent", "transient", "temporary"]
START_TYPES: Final = get_args(StartType)

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_PAIR: Final = 2


class ApplicationSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An application, as a value.

    - `name`; `description`; `vsn`, any value.
    - `mod`: "module:Class" of its callbacks, or the class where it has no such name; None for a library application,
      which has no processes.
    - `args`: what its `start` is given.
    - `modules`: the modules that are its own. `registered`: the names that its processes have.
    - `applications`: the names of those that have to be started before it; `optional_applications`: those of them
      that it can do without.
    - `env`: the defaults of its environment.
    - `start_phases`: pairs of a name and arguments, in order; None for none.
    - `sources`: the classes of dependencies that were given as classes, by name.
    """

    name: str
    description: str = ""
    vsn: Any = ""
    mod: Any = None
    args: Any = None
    modules: tuple[str, ...] = ()
    registered: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    optional_applications: tuple[str, ...] = ()
    env: Mapping[str, Any] = {}
    start_phases: tuple[tuple[str, Any], ...] | None = None
    sources: Mapping[str, type] = {}


KEYS: Final = tuple(key for key in ApplicationSpec.__struct_fields__ if key != "sources")
"""What `get_key` knows."""


def checked_name(name: object) -> str:
    """Return *name* if an application can be called so. Raises BadApplicationSpec."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        msg = f"{name!r} cannot be the name of an application; use letters, digits, '_', '-' and '.'"
        raise BadApplicationSpec(msg, str(name))
    return name


def checked_type(kind: object) -> StartType:
    """Return how an application is started: "permanent", "transient" or "temporary". Raises ValueError."""
    if kind not in START_TYPES:
        msg = f"type is {kind!r}; give {' or '.join(map(repr, START_TYPES))}"
        raise ValueError(msg)
    return kind  # type: ignore[return-value]


def checked(name: str, fields: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return *fields* of the spec of application *name*, each in the form that ApplicationSpec has.

    *where* they stand, for messages. Raises BadApplicationSpec for the first that is bad, or unknown.
    """
    checked_name(name)
    made: dict[str, Any] = {}
    for key, value in fields.items():
        if key not in KEYS or key == "name":
            known = ", ".join(key for key in KEYS if key != "name")
            raise BadApplicationSpec(f"{where}: {key!r} is no key of an application; the keys are {known}", name)
        check = _CHECKS.get(key)
        found = value if check is None else check(value)
        if found is _BAD:
            raise BadApplicationSpec(f"{where}: {key} is {value!r}; give {_ACCEPTED[key]}", name)
        made[key] = found
    extra = set(made.get("optional_applications", ())) - set(made.get("applications", ()))
    if extra:
        raise BadApplicationSpec(f"{where}: optional_applications has {sorted(extra)}, which applications lacks", name)
    if name in made.get("applications", ()):
        raise BadApplicationSpec(f"{where}: {name!r} cannot depend on itself", name)
    return made


_BAD: Final = object()


def _text(value: object) -> Any:
    return value if isinstance(value, str) else _BAD


def _names(value: object) -> Any:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        return _BAD
    return tuple(value) if len(set(value)) == len(value) else _BAD


def _env(value: object) -> Any:
    return dict(value) if isinstance(value, Mapping) and all(isinstance(key, str) for key in value) else _BAD


def _phases(value: object) -> Any:
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        return _BAD
    made = [_phase(each) for each in value]
    names = [name for name, _ in made]
    return tuple(made) if all(names) and len(set(names)) == len(names) else _BAD


def _phase(value: object) -> tuple[str, Any]:
    match value:
        case str():
            return value, None
        case [str() as name, args]:
            return name, args
        case _:
            return "", None


def _mod(value: object) -> Any:
    if value is None or isinstance(value, type):
        return value
    return value if isinstance(value, str) and all(value.partition(":")) else _BAD


_CHECKS: Final[Mapping[str, Any]] = {
    "description": _text,
    "mod": _mod,
    "modules": _names,
    "registered": _names,
    "applications": _names,
    "optional_applications": _names,
    "env": _env,
    "start_phases": _phases,
}
_ACCEPTED: Final[Mapping[str, str]] = {
    "description": "a text",
    "mod": '"module:Class"',
    "modules": "a list of module names, each once",
    "registered": "a list of names, each once",
    "applications": "a list of names of applications, each once",
    "optional_applications": "a list of names of applications, each once",
    "env": "a table, or a dict, whose keys are str",
    "start_phases": "a list of names, or of pairs of a name and its arguments, each name once",
}


def checked_config(config: object, where: str) -> dict[str, dict[str, Any]]:
    """Return a configuration: application → key → value. Raises BadApplicationSpec for anything else."""
    if not isinstance(config, Mapping):
        raise BadApplicationSpec(f"{where}: {config!r} is no configuration; give a table for each application", "")
    for name, env in config.items():
        checked_name(name)
        if _env(env) is _BAD:
            message = f"{where}: {name} is {env!r}; give a table of the environment of application {name!r}"
            raise BadApplicationSpec(message, name)
    return {name: dict(env) for name, env in config.items()}


def split(applications: Iterable[Any], name_of: Any) -> tuple[list[Any], dict[str, type]]:
    """Return *applications* with the names of those given as classes in their place, and these classes by name."""
    sources = {name_of(each): each for each in applications if isinstance(each, type)}
    return [name_of(each) if isinstance(each, type) else each for each in applications], sources
