"""The loop of a state machine: one event after the other, those that wait inside before any other message.

A machine handles all that one message leads to in one go: what its callbacks insert, what was postponed when the state
changes, and timeouts that are due at once. Only then is the next message taken.

Source: OTP gen_statem.erl, loop_event to loop_done.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterator
from typing import Any, final

from otpy.behaviours.behaviour import Aside
from otpy.behaviours.loop import (
    NOT_SPECIAL,
    Ending,
    Step,
    carry_out,
    carry_out_async,
    crashed,
    defer,
    serve_system_async,
    special,
)
from otpy.behaviours.progress import Progress, Progressing
from otpy.behaviours.statem.results import Event, EventType
from otpy.behaviours.statem.timers import Running, Timeouts
from otpy.behaviours.statem.transitions import Leaving, Transition, transition_of
from otpy.kernel import calls
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import PENDING, Call, Cast, SystemCall
from otpy.kernel.here import leave
from otpy.kernel.process import Process


@final
class Machine:
    """What a machine has besides its state and its data."""

    __slots__ = ("postponed", "timeouts")

    def __init__(self) -> None:
        self.postponed: list[Event] = []
        """The latest last."""
        self.timeouts = Timeouts()

    def kept(self) -> Iterator[Aside]:
        """Yield what the machine was given of the events that wait, and of the timeouts: contents, and names."""
        for event in (*self.postponed, *self.timeouts.due.values()):
            yield event, "content"
            if type(event.kind) is tuple and event.kind[0] == "timeout":
                yield event, "kind"
        for running in self.timeouts.running.values():
            yield running, "content"
            yield running, "key"


# -- messages --------------------------------------------------------------------------------------


@runs_callbacks
def handle(process: Process, message: Any) -> None:
    """Handle one message, and all that it leads to."""
    carry_out(process, _step_of(process, message))


async def handle_async(process: Process, message: Any) -> None:
    """As `handle`, for a machine whose callbacks may be coroutines."""
    if type(message) is SystemCall:
        step = await serve_system_async(process, message)
    else:
        step = _step_of(process, message)
    await carry_out_async(process, step)


def _step_of(process: Process, message: Any) -> Step:
    """What is to be done about *message*."""
    kind = type(message)
    if kind is Call:
        event = Event(("call", message), message.request, message)
    elif kind is Cast:
        event = Event("cast", message.request)
    elif kind is Running:
        fired = machine_of(process).timeouts.take_fired(message)
        if fired is None:
            return None
        event = fired
    else:
        step = special(process, message, kind)
        if step is not NOT_SPECIAL:
            return step
        event = Event("info", message)
    return Events(deque((event,)))


# -- events ----------------------------------------------------------------------------------------


@final
class Events(Progressing):
    """Handles events until none is left; before them, goes into the first state, if a *beginning* is given."""

    __slots__ = ("_beginning", "_queue")

    def __init__(self, queue: deque[Event], beginning: Transition | None = None) -> None:
        self._queue = queue
        self._beginning = beginning

    @runs_callbacks
    def _progress(self, process: Process) -> Progress[Ending | None]:
        machine = begin(process) if self._beginning is not None else machine_of(process)
        event = None
        # The user's code also compares states and finds timeouts by their names. It is caught here, not nearer to it:
        # of generators that are passed GeneratorExit, only the outermost can go on.
        try:
            ending = None
            if self._beginning is not None:
                ending = yield from self._go(process, machine, None, self._beginning)
            while ending is None:
                event = self._queue.popleft() if self._queue else machine.timeouts.take_due()
                if event is None:
                    return None
                ending = yield from self._handle(process, machine, event)
        except BaseException as error:  # noqa: BLE001 - whatever leaves it ends the machine, through terminate
            return crashed(process, error, _message(event))
        return ending

    @runs_callbacks
    def _handle(self, process: Process, machine: Machine, event: Event) -> Progress[Ending | None]:
        process.serving = call = event.call
        outcome = yield from _ask(process, event.kind, event.content, event)
        if isinstance(outcome, Ending):
            return outcome
        process.serving = None
        if call is not None and call.answer is PENDING:
            defer(process, call)  # until a later callback answers it, it fails if the machine ends
        machine.timeouts.cancel("timeout", process)
        return (yield from self._go(process, machine, event, outcome))

    @runs_callbacks
    def _go(self, process: Process, machine: Machine, event: Event | None, to: Transition) -> Progress[Ending | None]:
        """Go where *to* says; *event* led to it, None at the beginning."""
        old = process.state[0]
        _arrive(process, to.state, to)
        if event is not None and to.postpone:
            machine.postponed.append(event)
        if to.changed:
            machine.timeouts.cancel("state_timeout", process)
            self._queue.extendleft(reversed(machine.postponed))
            machine.postponed = []
        timeouts = to.timeouts
        entered = to
        while entered.entered and type(process.actor).state_enter:
            outcome = yield from _ask(process, "enter", old, event, entering=True)
            if isinstance(outcome, Ending):
                return outcome
            entered = outcome
            _arrive(process, entered.state, entered)
            timeouts = [*timeouts, *entered.timeouts]
        self._queue.extendleft(reversed(to.inserted))
        machine.timeouts.set(timeouts, process)
        return None


def _arrive(process: Process, state: Any, to: Transition | Leaving) -> None:
    """Be in *state* with the data of *to*, and send its replies."""
    process.state = (state, to.data)
    for reply in to.replies:
        calls.answer(reply.from_, reply.value)


@runs_callbacks
def _ask(
    process: Process, kind: EventType, content: Any, event: Event | None, *, entering: bool = False
) -> Progress[Transition | Ending]:
    """Have the callback of the state handle an event, and return what follows."""
    actor, (state, data) = process.actor, process.state
    result = actor._event(kind, content, state, data)  # noqa: SLF001 - the hook of its own behaviour
    if inspect.isawaitable(result) and actor.runs_on == "asyncio":
        result = yield result
    elif inspect.iscoroutine(result):
        result.close()  # it is no result, and would complain that nobody has awaited it
    if process.fenced:
        leave(process)
    outcome = transition_of(actor._callback(state), result, state, data, entering=entering)  # noqa: SLF001
    if isinstance(outcome, Transition):
        return outcome
    _arrive(process, state, outcome)
    return Ending(outcome.reason, _message(event))


def _message(event: Event | None) -> Any:
    """What reports show as the last message: the event that was handled."""
    return None if event is None else event.call or event.content


# -- where it is kept ------------------------------------------------------------------------------


def machine_of(process: Process) -> Machine:
    """Return the machine of *process*."""
    return process.actor.machine  # type: ignore[no-any-return]


def begin(process: Process) -> Machine:
    """Give *process* a new machine; of an earlier one, only the events that it had postponed stay: they still wait."""
    earlier: Machine | None = getattr(process.actor, "machine", None)
    machine = Machine()
    if earlier is not None:
        earlier.timeouts.cancel_all(process)
        machine.postponed = earlier.postponed
    process.actor.keep(machine)
    return machine
