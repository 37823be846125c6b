"""The record of one process, and how a message reaches it.

A `Process` is what stands behind a pid (it *is* the pid) and at the same time the inbox of its pykka actor. The actor
is the other half: it carries the behaviour and goes away at death, while the record stays as long as somebody holds
the pid.

Who may write what: the mailbox and `scheduled` are written by every sender; `parked`, `deadline` and what a behaviour
keeps here only by the process itself; `bar` only by whoever runs it; links, watchers, belongings and `exit_reason` only
under the signal plane's lock (see signals.py).

Two invariants keep wake-ups from being lost:

- A sender appends, then tests `scheduled`. A runner that leaves clears `scheduled`, then tests the mailbox again.
- A process that is about to wait sets `parked`, then tests what it waits for. Whoever brings that sets it, then tests
  `parked`.

So nothing is lost, but a process may be submitted twice, or when there is nothing left to do. What is found when it is
taken from the queue decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from otpy.kernel.clock import FOREVER
from otpy.kernel.pid import Pid, Ref, next_number
from otpy.kernel.reasons import Reason

if TYPE_CHECKING:
    import contextvars

    from pykka import Actor, ActorRef

    from otpy.kernel.runner import Runner
    from otpy.kernel.runtime import Runtime

Handle: TypeAlias = "Callable[[Process, Any], Any]"


class Gate(Protocol):
    """What stands between a process that has work and the thread that would run it."""

    one_at_a_time: bool
    """Whether a slice ends after the boot, or after each message, so that the gate is asked again."""

    def admit(self, runner: Runner, process: Process) -> None:
        """Decide what becomes of *process*, taken from the queue by *runner*."""
        ...

    def buried(self, process: Process) -> None:
        """Give up what was planned for *process*, which has died."""
        ...

    def keeps_exit(self, dead: Process, process: Process, reason: Any) -> bool:
        """Whether *process*, linked with *dead*, shall not hear of that end yet. Called inside the plane."""
        ...


class Belonging(Protocol):
    """What a process owns, and what ends or changes hands with it."""

    def released(self, owner: Process) -> object:
        """Leave *owner*, which has ended; return what shall be let go of outside the plane.

        Called inside the plane, before anybody is told of the death: it must not run code of a user.
        """
        ...


class Waiter(Protocol):
    """Who waits for an answer: a process, an event loop's future, a pykka future."""

    parked: Any
    executor: Executor


class Executor(Protocol):
    """Where processes run."""

    def submit(self, process: Any) -> None:
        """See to it that *process* is run, or resumed, soon. Called from any thread; must not block."""
        ...

    def buried(self, process: Any) -> None:
        """Give back what was kept for *process*, which has died while its code did not run."""
        ...


class Unwound(BaseException):
    """Raised inside a process that has already died, to leave its code. Never caught by `except Exception`."""


class Running:
    """The bar of a process that somebody runs: an entry in the queue is stale, whoever runs it will look again."""

    one_at_a_time = False

    def admit(self, runner: Runner, process: Process) -> None:
        """Leave it alone."""

    def buried(self, process: Process) -> None:
        """Nothing was planned."""

    def keeps_exit(self, dead: Process, process: Process, reason: Any) -> bool:
        """No."""
        return False


RUNNING = Running()


AWAITED: set[type] = set()
"""The types of messages whose sender waits for an answer: `fail(reason)`, `refuse()` and `hand_back(error)` answer."""


CARRIED: dict[type, str] = {}
"""The types of messages that others know, so that they stay the same objects when an upgrade converts what they carry:
the attribute that has it."""


class Sink:
    """The mailbox of a dead process: swallows messages, and answers requests with NoProcess."""

    def append(self, message: Any) -> None:
        """Refuse *message*."""
        if type(message) in AWAITED:
            message.refuse()

    def __len__(self) -> int:
        return 0


SINK: Any = Sink()


class Process(Pid):
    """Everything the runtime knows of one process."""

    __slots__ = (
        "actor",
        "actor_ref",
        "argument",
        "bar",
        "began",
        "belongings",
        "boot",
        "context",
        "deadline",
        "debug",
        "deferred",
        "dying",
        "executor",
        "exit_reason",
        "fenced",
        "gate",
        "handle",
        "held",
        "idle_after",
        "label",
        "leader",
        "links",
        "mailbox",
        "monitors",
        "names",
        "parent",
        "parked",
        "reductions",
        "runner",
        "runtime",
        "scheduled",
        "serving",
        "starter",
        "state",
        "suspended",
        "timer_at",
        "trapping",
        "vsn",
        "wait_on",
        "watchers",
    )

    def __init__(self, runtime: Runtime, executor: Executor, handle: Handle, actor: Actor | None = None) -> None:
        self.id = next_number()
        self.runtime = runtime
        self.executor = executor
        self.handle = handle
        self.actor: Any = actor
        self.actor_ref: ActorRef[Any] | None = None
        self.state: Any = None
        self.began: Any = None  # its initial call, if it has become something else since (proc_lib)
        self.argument: Any = None  # what its `init` was given, for an upgrade that makes states anew
        self.mailbox: deque[Any] | None = None  # made at the first message: most processes are idle
        self.scheduled = False
        self.boot: Callable[[Process], None] | None = None  # runs before the first message
        self.bar: Gate | None = None  # None: whoever takes it from the queue may run it
        self.gate: Gate | None = None  # what `bar` goes back to when a slice ends
        self.parked: Any = None  # a greenlet or a lock while the process waits inside its code
        self.runner: Runner | None = None  # who runs it, or ran it last
        self.deadline = FOREVER
        self.timer_at = FOREVER  # its earliest entry among the timers
        self.exit_reason: Reason = None  # None while alive
        self.dying: Reason = None  # an exit signal that its own thread has yet to obey
        self.fenced = False  # dead or dying: its code may not do anything any more
        self.trapping = False
        self.links: set[Process] | None = None
        self.monitors: dict[Ref, Process] | None = None  # whom it watches
        self.watchers: dict[Ref, Process] | None = None  # who watches it
        self.names: list[str] | None = None
        self.belongings: dict[Belonging, None] | None = None  # in the order in which it got them
        self.parent: Process | None = None  # who started it, with a link
        self.starter: Process | None = None  # who started it
        self.leader: Process | None = None  # the master of the application that it belongs to, as its starter does
        self.label: str | None = None
        self.wait_on: Process | None = None
        self.serving: Any = None  # the request being handled
        self.deferred: set[Any] | None = None  # requests whose reply comes later
        self.idle_after: float | None = None
        self.suspended = False  # by otpy.sys
        self.held: deque[Any] | None = None  # what it has put aside: passed over by `receive`, or come while suspended
        self.debug: Any = None
        self.vsn: Any = None
        self.reductions = 0
        self.context: contextvars.Context | None = None

    @property
    def pid(self) -> Process:
        """The process itself: a record is its own pid."""
        return self

    @property
    def ref(self) -> ActorRef[Any]:
        """See Pid.ref."""
        if self.actor_ref is None:
            self.actor_ref = self.runtime.actor_ref(self)
        return self.actor_ref

    @property
    def ancestors(self) -> tuple[Process, ...]:
        """Who started it, who started that, and so on, as far as they live."""
        found: list[Process] = []
        starter = self.starter
        while starter is not None and starter not in found:
            found.append(starter)
            starter = starter.starter
        return tuple(found)

    @property
    def display_name(self) -> str:
        """Its registered name, its label, or what it runs."""
        if self.names:
            return self.names[0]
        return self.label or (type(self.actor).__name__ if self.actor is not None else "dead")

    def __repr__(self) -> str:
        return f"Pid<{self.id} {self.display_name}>"

    def open_mailbox(self) -> deque[Any]:
        """Return the mailbox, made now if there is none.

        Two threads may come here at once, and one must not replace what the other made. The test and the store below
        hold no call and no jump back, so no other thread and no collector runs between them.
        """
        made: deque[Any] = deque()
        self.mailbox = made if self.mailbox is None else self.mailbox
        return self.mailbox

    def owe(self, request: Any) -> None:
        """Have *request* (a Call) failed when the process ends before it is answered. Made as in `open_mailbox`."""
        made: set[Any] = set()
        self.deferred = made if self.deferred is None else self.deferred
        self.deferred.add(request)

    # pykka's ActorInbox: its ActorRef puts envelopes here

    def put(self, envelope: Any) -> None:
        """Take an envelope from pykka's ActorRef."""
        self.runtime.take_envelope(self, envelope)

    def get(self) -> Any:
        """Return the next message (used by nobody: the scheduler takes messages itself)."""
        return (self.mailbox or self.open_mailbox()).popleft()

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self.mailbox


def checked_pid(pid: object) -> Process:
    """Return *pid*; TypeError if it is none."""
    if isinstance(pid, Process):
        return pid
    msg = f"{pid!r} is no Pid; names are looked up with otpy.whereis(name)"
    raise TypeError(msg)


def deliver(process: Process, message: Any) -> None:
    """Put *message* into the mailbox of *process* and have it run. Never blocks; the dead swallow it."""
    box = process.mailbox
    if box is None:
        box = process.open_mailbox()
    box.append(message)
    if not process.scheduled:
        process.scheduled = True
        process.executor.submit(process)
