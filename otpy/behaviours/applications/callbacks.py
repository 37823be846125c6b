"""`Application`: what a user's application says of itself, and what it does when it is started and stopped.

Source: OTP application.erl, the behaviour's callbacks.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from otpy import wires
from otpy.behaviours.applications.spec import ApplicationSpec, checked, split
from otpy.behaviours.children_start import name_of
from otpy.behaviours.vsn import vsn_of
from otpy.errors import BadApplicationSpec, UndefinedCallback
from otpy.kernel.pid import Pid

StateT = TypeVar("StateT")

CALLBACKS: Final = ("start", "start_phase", "prep_stop", "stop", "config_change")


class Application(Generic[StateT]):
    """An application: a supervision tree with a name, started and stopped as one.

    Its attributes are its spec; what `[tool.otpy.application.NAME]` of the nearest pyproject.toml says is put over it.

    | attribute | meaning |
    | --- | --- |
    | `name` | unless given, the name of the class in small letters: `WebShop` is `web_shop` |
    | `vsn`, `description` | `vsn` is, unless given, the `__vsn__` of the class or of its module |
    | `applications` | the applications that are started before it: names, or their classes |
    | `optional_applications` | those of them that it can do without |
    | `env` | the defaults of its environment |
    | `start_phases` | `("name", …)` or `(("name", args), …)`: see `start_phase` |
    | `args` | what `start` is given |
    | `modules`, `registered` | its modules (its own, unless given), and the names of its processes |

    Callbacks run, one at a time, in a process of the application, its master; their object holds no state. What `start`
    returns beside the pid is given to `prep_stop`, and what that returns to `stop`.

    Source: OTP application.erl.
    """

    __slots__ = ()

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    vsn: ClassVar[Any] = None
    args: ClassVar[Any] = None
    modules: ClassVar[Sequence[str] | None] = None
    registered: ClassVar[Sequence[str]] = ()
    applications: ClassVar[Sequence[str | type[Application[Any]]]] = ()
    optional_applications: ClassVar[Sequence[str | type[Application[Any]]]] = ()
    env: ClassVar[Mapping[str, Any]] = {}
    start_phases: ClassVar[Sequence[str | tuple[str, Any]] | None] = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuse a class that could not run as it says."""
        super().__init_subclass__(**arguments)
        if not cls.__module__.startswith("otpy."):
            wires.note_source(cls.__module__)
        for name in CALLBACKS:
            if inspect.iscoroutinefunction(getattr(cls, name, None)):
                msg = f"{cls.__qualname__}.{name} is an `async def`; callbacks of an application are plain functions"
                raise TypeError(msg)
        spec = spec_of(cls)
        if spec.start_phases and cls.start_phase is Application.start_phase:
            msg = f"{cls.__qualname__} has start_phases and no start_phase(self, phase, start_type, args) to do them"
            raise TypeError(msg)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: an upgrade would miss it."""
        msg = (
            f"{type(self).__qualname__} cannot set self.{name}: callbacks run on an object that holds no state; "
            "return (pid, state) from start, and keep the rest in processes"
        )
        raise AttributeError(msg)

    def start(self, type_: str, args: Any) -> Pid | tuple[Pid, StateT]:
        """Start the tree; return the pid of its top supervisor, or `(pid, state)`. Raising is failing.

        *type_* is "normal": one node alone has neither failover nor takeover. *args* are those of the spec.
        """
        raise UndefinedCallback(type(self), "start", args)

    def start_phase(self, phase: str, start_type: str, args: Any) -> None:
        """Do *phase* of the `start_phases`, when the tree is up. Raising fails the start."""
        raise UndefinedCallback(type(self), "start_phase", phase)

    def prep_stop(self, state: StateT) -> Any:
        """Prepare the stop, while the tree still runs; return the state for `stop`. The default returns *state*."""
        return state

    def stop(self, state: Any) -> None:
        """Clean up, when the tree has ended. What it returns is ignored; what it raises is logged."""

    def config_change(self, changed: Mapping[str, Any], new: Mapping[str, Any], removed: Sequence[str]) -> None:
        """Take notice that the environment has changed: by an upgrade, or a configuration that was read again.

        *changed* and *new* are keys with their new values, *removed* are keys. By then `get_env` gives the new values.
        """


def spec_of(cls: type[Application[Any]]) -> ApplicationSpec:
    """Return the spec that the attributes of *cls* say. Raises BadApplicationSpec."""
    name, where = name_of_class(cls), cls.__qualname__
    applications, sources = _dependencies(cls, cls.applications, where)
    optional, more = _dependencies(cls, cls.optional_applications, where)
    fields = {
        "description": cls.description,
        "vsn": _vsn_of(cls),
        "mod": mod_of(cls),
        "args": cls.args,
        "modules": (cls.__module__,) if cls.modules is None else cls.modules,
        "registered": cls.registered,
        "applications": applications,
        "optional_applications": optional,
        "env": cls.env,
        "start_phases": cls.start_phases,
    }
    return ApplicationSpec(name=name, **checked(name, fields, where), sources={**sources, **more})


def _vsn_of(cls: type[Application[Any]]) -> Any:
    found = vsn_of(cls) if cls.vsn is None else cls.vsn
    return "" if found is None else found


def name_of_class(cls: type[Application[Any]]) -> str:
    """Return what the application of *cls* is called."""
    return cls.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()


def mod_of(cls: type[Application[Any]]) -> str | type[Application[Any]]:
    """Return the name by which *cls* is found, so that what it is now is found; itself if it has none."""
    found = name_of(cls)
    return cls if found is None else ":".join(found)


def is_application(value: object) -> bool:
    """Whether *value* is the class of an application."""
    return isinstance(value, type) and issubclass(value, Application)


def _dependencies(cls: type, given: object, where: str) -> tuple[list[Any], dict[str, type]]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise BadApplicationSpec(f"{where}: applications is {given!r}; give a list of names or classes", cls.__name__)
    given = list(given)
    for each in given:
        if isinstance(each, type) and not is_application(each):
            raise BadApplicationSpec(f"{where}: {each!r} is no application; give its name or class", cls.__name__)
    return split(given, name_of_class)
