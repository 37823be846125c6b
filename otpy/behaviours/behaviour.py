"""What all kinds of behaviours have in common: how they are started, and the hooks in which the kinds differ."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

from otpy import wires
from otpy.behaviours.child_spec import ChildSpec
from otpy.behaviours.child_spec import Restart as RestartType
from otpy.behaviours.child_spec import Shutdown as ShutdownType
from otpy.behaviours.children_start import start_by_name
from otpy.behaviours.results import UNSET, Unset
from otpy.behaviours.starting import set_inbox, start, start_monitor
from otpy.errors import UndefinedCallback
from otpy.kernel.actors import ProcessActor
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.process import Handle, Process
from otpy.kernel.reasons import Reason
from otpy.kernel.via import Name

Aside: TypeAlias = tuple[object, str]
"""An object that a behaviour keeps, and the name of the attribute in which it has what it was given by others."""

StateT = TypeVar("StateT")

CALLBACKS = (
    "init",
    "handle_call",
    "handle_cast",
    "handle_info",
    "handle_continue",
    "handle_event",
    "terminate",
    "code_change",
)


class Behaviour(ProcessActor, Generic[StateT]):
    """What all kinds of behaviours have in common: how they are started, and what differs between the kinds."""

    __slots__ = ()

    runs_on: ClassVar[Literal["scheduler", "thread", "asyncio"]] = "scheduler"
    __vsn__: ClassVar[Any] = None
    kind_of_server: ClassVar[str] = "GenServer"
    """What it is, for a living process cannot become another kind."""
    in_tree: ClassVar[bool] = True
    """Whether `otpy.tree()` shows it; what serves the runtime itself is left out."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuse a class that could not run as it says."""
        super().__init_subclass__(**arguments)
        if not cls.__module__.startswith("otpy."):
            wires.note_source(cls.__module__)
        if cls.runs_on not in {"scheduler", "thread", "asyncio"}:
            msg = f'{cls.__qualname__}.runs_on is {cls.runs_on!r}; give "scheduler", "thread" or "asyncio"'
            raise TypeError(msg)
        if cls.runs_on != "asyncio":
            for name in cls._callbacks():
                if inspect.iscoroutinefunction(getattr(cls, name, None)):
                    msg = f'{cls.__qualname__}.{name} is an `async def`: declare runs_on = "asyncio" in the class'
                    raise TypeError(msg)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: what a callback wants to keep belongs into the state, or an upgrade and a restart would miss it."""
        msg = (
            f"{type(self).__qualname__} cannot set self.{name}: callbacks run on an object that holds no state; "
            "keep it in the state that the callback returns"
        )
        raise AttributeError(msg)

    # -- starting

    @classmethod
    def start_link(cls, arg: Any = None, *, name: Name | None = None, timeout: float | None = None) -> Pid:
        """Start a process of this behaviour, linked with the running one, and return when its `init` has.

        *name* is a str to register it under, or a Via; *timeout* in seconds for `init`; None waits for ever. Raises
        AlreadyStarted (the name is taken), InitStopped, StartIgnored, StartTimeout.
        """
        return start(cls, arg, name=name, timeout=timeout, link=True)

    @classmethod
    def start(cls, arg: Any = None, *, name: Name | None = None, timeout: float | None = None) -> Pid:  # type: ignore[override]
        """As `start_link`, without the link."""
        return start(cls, arg, name=name, timeout=timeout, link=False)

    @classmethod
    def start_monitor(
        cls, arg: Any = None, *, name: Name | None = None, timeout: float | None = None
    ) -> tuple[Pid, Ref]:
        """As `start`, monitored by the running process before `init` runs. A failed start sends no Down message."""
        return start_monitor(cls, arg, name=name, timeout=timeout)

    @classmethod
    def child_spec(
        cls,
        arg: Any = None,
        *,
        id: Any = None,  # noqa: A002 - OTP's name
        restart: RestartType = "permanent",
        shutdown: ShutdownType | Unset = UNSET,
        significant: bool = False,
        name: Name | None = None,
    ) -> ChildSpec:
        """Return how a supervisor starts this behaviour with *arg*; *id* is the class's name unless given."""
        return ChildSpec(
            id=id if id is not None else cls.__name__,
            start=start_by_name(cls.start_link, (arg,), {} if name is None else {"name": name}),
            restart=restart,
            shutdown=shutdown,
            significant=significant,
            type="supervisor" if cls.supervises else "worker",
        )

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        """Return what `sys.get_status` and crash reports show; leave out or replace what nobody should see."""
        return status

    # -- what the kinds of behaviours do in their own ways

    @classmethod
    def _callbacks(cls) -> Iterable[str]:
        """Return the names of its callbacks."""
        return CALLBACKS

    @classmethod
    def _handle_of(cls) -> Handle:
        """Return what handles the messages of a process of this behaviour."""
        raise NotImplementedError

    @classmethod
    def _has_code_change(cls) -> bool:
        """Whether it has a `code_change` of its own, and not the one that keeps the state."""
        raise NotImplementedError

    def _init(self, arg: Any) -> Any:
        """Return what `init` made of *arg*: Ok, Ignore or Stop, or an awaitable of one."""
        raise UndefinedCallback(type(self), "init", arg)

    def _begun(self, result: Any) -> Any:
        """Return what `_init` would of what `init` has returned: for a process that becomes one of this behaviour."""
        msg = f"a process cannot become a {type(self).__qualname__}: that takes a GenServer or a GenStatem"
        raise TypeError(msg)

    def _terminate(self, reason: Reason, state: StateT) -> Any:
        """Run `terminate`; what it returns may be an awaitable."""
        raise NotImplementedError

    def _code_change(self, old_vsn: Any, state: StateT, extra: Any) -> Any:
        """Return `Ok(state)` as `code_change` makes it, or an awaitable of it."""
        raise NotImplementedError

    def _aside(self) -> Iterable[Aside]:
        """What it keeps besides its state and its mailbox."""
        return ()

    def _indexed(self) -> Iterable[tuple[object, str, object]]:
        """Owners, names of attributes and what these have to be, when keys of what is aside are other objects now."""
        return ()

    @classmethod
    def _check_state(cls, state: Any) -> None:
        """Raise TypeError for what can be no state of this kind of behaviour, whatever the class declares."""

    def _below(self, state: StateT) -> Iterable[Pid]:
        """Whom `otpy.tree()` shows below it, if it is no supervisor. For any thread at any time."""
        return ()

    def _shown(self, state: StateT) -> dict[str, Any]:
        """What reports show of the state, by name, before `format_status`."""
        return {"state": state}

    def _seen(self, state: StateT) -> Any:
        """What `sys.get_state` gives of the state."""
        return state

    def _replaced(self, fn: Callable[[Any], Any], state: StateT) -> StateT:
        """Return the state that *fn*, given to `sys.replace_state`, makes of it. Raises what that raises."""
        new: StateT = fn(state)
        self._check_state(new)
        return new

    def _change_code(self, module: str, old_vsn: Any, state: StateT, extra: Any) -> Any:
        """Return `Ok(state)` as `sys.change_code` for *module* makes it, or an awaitable of it."""
        return self._code_change(old_vsn, state, extra)


BehaviourT = TypeVar("BehaviourT", bound=Behaviour[Any])


def has_code_change(behaviour: type[Behaviour[Any]]) -> bool:
    """Whether *behaviour* has a `code_change` of its own."""
    return behaviour._has_code_change()  # noqa: SLF001 - the hook of its own behaviour


def put_aside(process: Process) -> Iterable[Aside]:
    """What *process* keeps besides its state and its mailbox."""
    actor = process.actor
    return actor._aside() if isinstance(actor, Behaviour) else ()  # noqa: SLF001 - the hook of its own behaviour


def indexed(process: Process) -> Iterable[tuple[object, str, object]]:
    """The attributes to be set, and to what, when keys of what *process* has put aside have been exchanged."""
    actor = process.actor
    return actor._indexed() if isinstance(actor, Behaviour) else ()  # noqa: SLF001 - the hook of its own behaviour


def seen(process: Process, state: Any) -> Any:
    """What `sys.get_state` would give if *state* were that of *process*."""
    actor = process.actor
    return actor._seen(state) if isinstance(actor, Behaviour) else state  # noqa: SLF001 - the hook of its own behaviour


def attach(behaviour: type[BehaviourT], process: Process) -> BehaviourT:
    """Return an object of *behaviour* whose process is *process*: what callbacks run on."""
    actor = behaviour()
    set_inbox(actor, process)
    return actor
