"""GenStatem: a state machine. What an event does depends on the state that the machine is in.

Source: OTP gen_statem.erl and its user's guide, "gen_statem Behaviour".
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from otpy.behaviours.behaviour import Aside, Behaviour
from otpy.behaviours.results import Awaited, Ignore, Ok, Stop
from otpy.behaviours.statem.machine import Events, Machine, handle, handle_async
from otpy.behaviours.statem.results import EventType, NextState, Result
from otpy.behaviours.statem.transitions import Transition, transition_of
from otpy.behaviours.vsn import takes_extra
from otpy.errors import BadReturn, UndefinedCallback
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.process import Handle
from otpy.kernel.reasons import Reason

StateT = TypeVar("StateT")
DataT = TypeVar("DataT")

_NOWHERE: Any = object()
PAIR = 2
MODES = ("handle_event_function", "state_functions")


class GenStatem(Behaviour[tuple[StateT, DataT]], Generic[StateT, DataT]):
    """A state machine. Its state says what events do; its data is what else it remembers.

    | callback | returns |
    | --- | --- |
    | `init(self, arg)` | `NextState(state, data, actions)`, `Ignore()`, `Stop(reason)` |
    | `handle_event(self, kind, content, state, data)` | a result, see below |
    | `<state>(self, kind, content, data)` | the same, with `callback_mode = "state_functions"` |
    | `terminate(self, reason, state, data)` | anything |
    | `code_change(self, old_vsn, state, data, extra)` | `NextState(state, data)`; raising refuses |
    | `format_status(self, status)` | the dict to show |

    `callback_mode = "handle_event_function"` (the default) has one callback for all events, and states of any type;
    with `"state_functions"` a state is a `str`, the name of the method that handles its events. With
    `state_enter = True` that callback is first called with kind `"enter"` and the state before as content, each time
    that a state is entered.

    *kind* is `("call", from_)`, `"cast"`, `"info"`, `"internal"`, `"timeout"`, `"state_timeout"`, `("timeout", name)`
    or `"enter"`. Results: `NextState(state, data, actions)`, `KeepState(data, actions)`, `RepeatState(data, actions)`,
    `Stop(reason, data)`, `StopAndReply(reason, replies, data)`. Actions: `ReplyTo(from_, value)`, `Postpone()`,
    `NextEvent(kind, content)`, `StateTimeout`, `EventTimeout`, `GenericTimeout`, `Hibernate()`; in an enter call
    neither Postpone nor NextEvent. `sys.get_state` returns `(state, data)`.

    Source: OTP gen_statem.erl.
    """

    __slots__ = ("machine",)

    callback_mode: ClassVar[Literal["handle_event_function", "state_functions"]] = "handle_event_function"
    state_enter: ClassVar[bool] = False
    kind_of_server: ClassVar[str] = "GenStatem"
    machine: Machine

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuse a class that could not run as it says."""
        super().__init_subclass__(**arguments)
        if cls.callback_mode not in MODES:
            msg = f"{cls.__qualname__}.callback_mode is {cls.callback_mode!r}; give {' or '.join(map(repr, MODES))}"
            raise TypeError(msg)
        if not isinstance(cls.state_enter, bool):
            msg = f"{cls.__qualname__}.state_enter is {cls.state_enter!r}; give True or False"
            raise TypeError(msg)

    # -- callbacks

    def init(self, arg: Any) -> Awaited[NextState[StateT, DataT] | Ignore | Stop[DataT]]:
        """Return the first state, `NextState(state, data, actions)`; or `Ignore()` or `Stop(reason)`."""
        raise UndefinedCallback(type(self), "init", arg)

    def handle_event(self, kind: EventType, content: Any, state: StateT, data: DataT) -> Awaited[Result[StateT, DataT]]:
        """Handle an event in *state*, with `callback_mode = "handle_event_function"`."""
        raise UndefinedCallback(type(self), "handle_event", content)

    def terminate(self, reason: Reason, state: StateT, data: DataT) -> Any:
        """Clean up before the process ends. What it returns is ignored; what it raises becomes the exit reason."""

    def code_change(
        self, old_vsn: Any, state: StateT, data: DataT, extra: Any = None
    ) -> Awaited[NextState[StateT, DataT]]:
        """Convert state and data that version *old_vsn* left. The default keeps them."""
        return NextState(state, data)

    # -- the hooks of Behaviour

    @classmethod
    def _callbacks(cls) -> Iterable[str]:
        by_state = cls.callback_mode == "state_functions"
        events = [name for name in dir(cls) if _is_state_of(cls, name)] if by_state else ["handle_event"]
        return ["init", "terminate", "code_change", *events]

    @classmethod
    def _handle_of(cls) -> Handle:
        return handle_async if cls.runs_on == "asyncio" else handle

    @classmethod
    def _has_code_change(cls) -> bool:
        return cls.code_change is not GenStatem.code_change

    @runs_callbacks
    def _init(self, arg: Any) -> Any:
        return self._taken(self.init(arg), _first)

    def _begun(self, result: Any) -> Any:
        return _first(result)

    @runs_callbacks
    def _terminate(self, reason: Reason, state: tuple[StateT, DataT]) -> Any:
        return self.terminate(reason, *state)

    def _code_change(self, old_vsn: Any, state: tuple[StateT, DataT], extra: Any) -> Any:
        convert = self.code_change
        result = convert(old_vsn, *state, extra) if takes_extra(convert, given=3) else convert(old_vsn, *state)
        return self._taken(result, _changed)

    def _taken(self, result: Any, take: Callable[[Any], Any]) -> Any:
        """Return what *take* makes of *result*, or an awaitable of it where callbacks may be coroutines."""
        return _later(result, take) if inspect.isawaitable(result) and self.runs_on == "asyncio" else take(result)

    def _aside(self) -> Iterable[Aside]:
        machine: Machine | None = getattr(self, "machine", None)  # there is none before `init` has returned
        return () if machine is None else machine.kept()

    def _indexed(self) -> Iterable[tuple[object, str, object]]:
        machine: Machine | None = getattr(self, "machine", None)
        return () if machine is None else machine.timeouts.indexed()

    @classmethod
    def _check_state(cls, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != PAIR:
            msg = f"{cls.__qualname__} is a state machine: give (state, data), not {state!r}"
            raise TypeError(msg)

    def _shown(self, state: tuple[StateT, DataT]) -> dict[str, Any]:
        return {"state": state[0], "data": state[1]}

    # -- for the loop

    def keep(self, machine: Machine) -> None:
        """Keep what the loop needs between messages."""
        _set_machine(self, machine)

    def _callback(self, state: Any) -> str:
        """The name of the callback that handles events in *state*."""
        return str(state) if self.callback_mode == "state_functions" else "handle_event"

    @runs_callbacks
    def _event(self, kind: EventType, content: Any, state: Any, data: Any) -> Any:
        """Have the callback of *state* handle an event."""
        if self.callback_mode == "handle_event_function":
            return self.handle_event(kind, content, state, data)
        function = getattr(self, state, None) if _may_name_a_state(state) else None
        if function is None:
            own = "" if _may_name_a_state(state) else ", which no state can be called,"
            raise UndefinedCallback(type(self), f"method for the state {state!r}{own}", content)
        return function(kind, content, data)


_set_machine = GenStatem.machine.__set__  # type: ignore[attr-defined]


def _may_name_a_state(state: Any) -> bool:
    """Whether a method of this name can be a state: those of the behaviour itself are none."""
    return isinstance(state, str) and not state.startswith("_") and not hasattr(GenStatem, state)


def _is_state_of(cls: type, name: str) -> bool:
    """Whether *name* is a method that could handle the events of a state: OTP's StateName/3."""
    if not _may_name_a_state(name):
        return False
    code = getattr(getattr(cls, name), "__code__", None)
    return code is not None and code.co_argcount == len(("self", "kind", "content", "data"))


# -- results of init and code_change ---------------------------------------------------------------


def _first(result: Any) -> Any:
    """What `init` has returned, as the loop of all servers takes it. Raises BadReturn."""
    if isinstance(result, Ignore | Stop):
        return result
    if not isinstance(result, NextState):
        raise BadReturn("init", result)
    first = transition_of("init", result, _NOWHERE, None)
    if not isinstance(first, Transition):
        raise first.reason
    if first.postpone:  # there is no event that could be
        raise BadReturn("init", result)
    return Ok((first.state, first.data), cast("Any", Events(deque(), first)))


def _changed(result: Any) -> Ok[Any]:
    """What `code_change` has returned, as upgrades take it. Raises BadReturn."""
    if isinstance(result, NextState) and result.actions == ():
        return Ok((result.state, result.data))
    raise BadReturn("code_change", result)


async def _later(result: Awaitable[Any], take: Callable[[Any], Any]) -> Any:
    return take(await result)
