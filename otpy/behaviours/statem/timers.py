"""The timeouts of one state machine.

At most one of each key runs. What is due at once never becomes a timer: it waits in `due`, behind the events that wait
in the machine and before any other message. A timer that has fired is a message, and is an event only if it still is
the one that runs under its key: so one that is cancelled, or replaced, after it has fired is none.

Source: OTP gen_statem.erl, loop_timeouts and the t0q.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, final

from otpy.behaviours.statem.results import CANCEL, UPDATE, Event, Timeout
from otpy.kernel.ets_sweep import KeysCollide
from otpy.kernel.plane import plane
from otpy.kernel.process import CARRIED, Process, deliver
from otpy.kernel.signals import own
from otpy.kernel.timers import TimerRef

KeptT = TypeVar("KeptT")


@final
class Running:
    """A timeout that runs. When its time has come it is the message that says so."""

    __slots__ = ("content", "key", "timer")

    def __init__(self, key: Any, content: Any) -> None:
        self.key = key
        self.content = content
        self.timer: TimerRef | None = None
        """None: it does not run any more."""

    def __repr__(self) -> str:
        return f"{self.key!r} with {self.content!r}"


CARRIED[Running] = "content"


@final
class Timeouts:
    """What runs, and what is due. It belongs to the process from its first timer on: when that ends, none runs on."""

    __slots__ = ("_owned", "due", "running")

    def __init__(self) -> None:
        self._owned = False
        self.running: dict[Any, Running] = {}
        self.due: dict[Any, Event] = {}
        """By key, in the order in which they are handled."""

    def take_due(self) -> Event | None:
        """Take out the first that is due, as an event."""
        for key in self.due:
            return self.due.pop(key)
        return None

    def take_fired(self, fired: Running) -> Event | None:
        """Take out *fired*, as an event; None if it was cancelled, whatever became of its key."""
        if fired.timer is None:
            return None
        del self.running[fired.key]
        return Event(fired.key, fired.content)

    def cancel(self, key: Any, process: Process) -> None:
        """End what runs or is due under *key*."""
        self.due.pop(key, None)
        running = self.running.pop(key, None)
        if running is not None and running.timer is not None:
            process.runtime.timers.cancel(running.timer)
            running.timer = None

    def cancel_all(self, process: Process) -> None:
        """End all of them."""
        for key in [*self.due, *self.running]:
            self.cancel(key, process)

    def set(self, timeouts: Iterable[Timeout], process: Process) -> None:
        """Begin, change and end timeouts, in this order. Of several with the same key the last counts, as in OTP."""
        for timeout in _last_of_each(timeouts):
            if timeout.seconds is UPDATE:
                self._update(timeout)
                continue
            self.cancel(timeout.key, process)
            if timeout.seconds is None or timeout.seconds is CANCEL:
                continue
            if timeout.seconds == 0 and not timeout.absolute:
                self.due[timeout.key] = Event(timeout.key, timeout.content)
            else:
                self._begin(timeout, process)

    def _update(self, timeout: Timeout) -> None:
        running = self.running.get(timeout.key)
        if running is not None:
            running.content = timeout.content
        else:
            self.due[timeout.key] = Event(timeout.key, timeout.content)  # one that is due keeps its place

    def _begin(self, timeout: Timeout, process: Process) -> None:
        assert isinstance(timeout.seconds, int | float)
        timers = process.runtime.timers
        seconds = timeout.seconds - timers.clock.now() if timeout.absolute else timeout.seconds
        if not self._owned:
            self._owned = True
            with plane:
                own(process, self)
        running = self.running[timeout.key] = Running(timeout.key, timeout.content)
        running.timer = timers.after(max(seconds, 0.0), lambda: deliver(process, running))
        if process.exit_reason is not None:  # killed meanwhile, and `released` may not have seen this one
            timers.cancel(running.timer)

    def indexed(self) -> Iterable[tuple[Timeouts, str, dict[Any, Any]]]:
        """Yield `running` and `due` as they have to be, if names are other objects now. Raises KeysCollide."""
        yield from self._by_key("running", self.running, lambda running: running.key)
        yield from self._by_key("due", self.due, lambda event: event.kind)

    def _by_key(
        self, name: str, known: dict[Any, KeptT], key_of: Callable[[KeptT], Any]
    ) -> Iterable[tuple[Timeouts, str, dict[Any, KeptT]]]:
        if all(key_of(each) is key for key, each in known.items()):
            return
        found: dict[Any, KeptT] = {}
        for each in known.values():
            if found.setdefault(key_of(each), each) is not each:
                raise KeysCollide(key_of(each))
        yield self, name, found

    def released(self, owner: Process) -> object:
        """See otpy.kernel.process.Belonging."""
        for running in tuple(self.running.values()):
            if running.timer is not None:
                owner.runtime.timers.cancel(running.timer)
        return None


def _last_of_each(timeouts: Iterable[Timeout]) -> Iterable[Timeout]:
    last: dict[Any, Timeout] = {}
    for timeout in timeouts:
        last.pop(timeout.key, None)
        last[timeout.key] = timeout
    return last.values()
