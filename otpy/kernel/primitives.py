"""The verbs of a process: spawn, send, receive, link, monitor, exit, register, timers.

They act for the running process, or for the running thread where no process of otpy runs: every thread is a process,
made at its first use of otpy.

Source: Erlang's BIFs of the same names; Elixir's Process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, final

import msgspec

from otpy.errors import NoProcess, ReceiveTimeout
from otpy.kernel import signals
from otpy.kernel.calls import pause, wait_for_answer
from otpy.kernel.clock import FOREVER, check_seconds, moment_in
from otpy.kernel.here import current, here, leave, waiting
from otpy.kernel.messages import Down
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.process import AWAITED, Process, checked_pid, deliver
from otpy.kernel.reasons import NoProc, Reason, check_reason
from otpy.kernel.runtime import current_runtime, spawn_process
from otpy.kernel.timers import TimerRef
from otpy.kernel.via import Via

if TYPE_CHECKING:
    from otpy.kernel.runtime import Runtime
    from otpy.kernel.suspension import Suspension

T = TypeVar("T")


Dest: TypeAlias = Pid | str | Via


def resolve(dest: Dest) -> Process:
    """Return the process that *dest* names: a Pid, a registered name, or a Via. An unknown name raises NoProcess."""
    if isinstance(dest, Process):
        return dest
    found = current_runtime().names.get(dest) if isinstance(dest, str) else _lookup(dest)
    if found is None:
        raise NoProcess(dest)
    return found


def _lookup(name: object) -> Process | None:
    if type(name) is Via:
        return name.whereis()
    msg = f"{name!r} is no process: give a Pid, a registered name (str) or a Via"
    raise TypeError(msg)


# -- the own process -------------------------------------------------------------------------------


def self_pid() -> Pid:
    """Return the pid of the running process."""
    return current()


def trap_exit(flag: bool) -> bool:
    """Say whether exit signals arrive as `Exit(pid, reason)` messages instead of ending this process; the old value."""
    me = current()
    old, me.trapping = me.trapping, bool(flag)
    return old


def set_label(text: str) -> None:
    """Give the running process a label: its repr, `tree` and reports show it unless it has a registered name.

    Source: Elixir's Process.set_label/1; OTP proc_lib.erl: set_label/1.
    """
    if not isinstance(text, str) or not text:
        msg = f"a label is a non-empty str, not {text!r}"
        raise TypeError(msg)
    current().label = text


# -- starting --------------------------------------------------------------------------------------


def spawn(fn: Callable[..., Any], *args: Any) -> Pid:
    """Start a process that runs `fn(*args)` and ends when it returns."""
    return spawn_process(fn, *args, starter=current())


def spawn_link(fn: Callable[..., Any], *args: Any) -> Pid:
    """As `spawn`, linked with this process before it runs."""
    return spawn_process(fn, *args, starter=current(), link=True)


def spawn_monitor(fn: Callable[..., Any], *args: Any) -> tuple[Pid, Ref]:
    """As `spawn`, monitored by this process before it runs."""
    me = current()
    ref = Ref()
    process = spawn_process(fn, *args, starter=me, before=lambda made: signals.watch(me, made, ref))
    return process, ref


# -- messages --------------------------------------------------------------------------------------


def send(dest: Dest, msg: T) -> T:
    """Send *msg* to *dest* and return it. A dead process swallows it; an unknown name raises NoProcess.

    Messages are passed by reference: sender and receiver see the same object, so send what nobody changes.
    """
    me = here.process
    if me is None or me.fenced:
        current()
    if type(dest) is Process:
        deliver(dest, msg)
    elif type(dest) is Via:
        dest.send(msg)
    else:
        deliver(resolve(dest), msg)
    return msg


def receive(  # noqa: C901 - one loop, whose branches stand in the order of what can happen
    select: Callable[[Any], bool] | None = None, *, timeout: float | None = None
) -> Any:
    """Take the first message for which `select(msg)` is true (any message without it), in mailbox order.

    *timeout* in seconds; None waits for ever, 0 only looks. Raises ReceiveTimeout. Other messages stay as they are.
    """
    me = waiting()
    runner = me.runner
    assert runner is not None
    box = me.mailbox if me.mailbox is not None else me.open_mailbox()
    passed: deque[Any] = deque()
    outer = me.held  # not None where `otpy.sys` runs something in a suspended process
    deadline = FOREVER if timeout is None else moment_in(me.runtime.clock, timeout)
    try:
        while True:
            while box:
                message = box.popleft()
                if select is None:
                    return taken(me, message)
                passed.append(message)
                if select(message):
                    return taken(me, passed.pop())
            if me.fenced:
                leave(me)
            if passed:
                me.held = passed  # still in the mailbox for whoever looks from outside, and for a death
            if deadline != FOREVER:
                if deadline <= me.runtime.clock.now():
                    raise ReceiveTimeout(timeout)
                me.runtime.timers.arm(me, deadline)
            me.parked = runner.stand()
            me.scheduled = False
            if box or me.fenced:  # it came before anybody could know that we wait
                me.parked = None
                me.scheduled = True
                continue
            runner.park(me)
    finally:
        me.parked = None  # it still is something when Ctrl-C comes just before the thread parks
        me.deadline = FOREVER
        if passed:
            box.extendleft(reversed(passed))  # before they leave `held`: at every moment they are in one of the two
        me.held = outer


def taken(me: Process, message: Any) -> Any:
    """A request that a plain process has taken fails if the process ends without having answered it."""
    if type(message) in AWAITED:
        me.owe(message)
    return message


def take(select: Callable[[Any], bool]) -> Any:
    """Take the first message for which `select(msg)` is true, if it is there; else None. It never waits."""
    me = current()
    box = me.mailbox
    if not box:
        return None
    passed: deque[Any] = deque()
    try:
        while box:
            passed.append(box.popleft())
            if select(passed[-1]):
                return taken(me, passed.pop())
    finally:
        box.extendleft(reversed(passed))
    return None


def flush() -> list[Any]:
    """Take everything out of the own mailbox and return it."""
    me = current()
    box = me.mailbox
    emptied: list[Any] = []
    while box:
        emptied.append(taken(me, box.popleft()))
    return emptied


# -- links, monitors, exits ------------------------------------------------------------------------


def link(pid: Pid) -> None:
    """Link this process with *pid*: if one ends, the other gets its exit signal."""
    me = current()
    signals.link(me, checked_pid(pid))
    if me.fenced:  # the other was dead, and the signal has ended this process
        leave(me)


def unlink(pid: Pid) -> None:
    """Undo the link with *pid*, if there is one."""
    signals.unlink(current(), checked_pid(pid))


def monitor(server: Dest) -> Ref:
    """Have `Down(ref, pid, reason)` sent to this process when *server* ends; the dead give NoProc() at once."""
    me = current()
    try:
        target = resolve(server)
    except NoProcess:
        ref = Ref()
        deliver(me, Down(ref, server, NoProc()))  # type: ignore[arg-type]  # a name that nobody has, as in OTP
        return ref
    return signals.monitor(me, target)


def demonitor(ref: Ref, *, flush: bool = False) -> None:
    """Undo a monitor. *flush* also takes its Down message out of the mailbox, should it have come."""
    signals.demonitor(current(), ref)
    if flush:
        take(lambda message: type(message) is Down and message.ref is ref)


def exit(pid: Pid, reason: Reason) -> None:  # noqa: A001 - OTP's name
    """Send *pid* an exit signal.

    `Kill()` ends it whatever it does, `Normal()` is ignored unless trapped, any other reason ends a process that does
    not trap exits. `raise ExitProcess(reason)` ends the own process.
    """
    me = current()
    target = checked_pid(pid)
    signals.signal(me, target, check_reason(reason))
    if target is me and me.fenced:
        leave(me)


# -- looking ---------------------------------------------------------------------------------------


class ProcessInfo(msgspec.Struct, frozen=True):
    """What is known of one process at one moment."""

    pid: Pid
    status: str
    message_queue_len: int
    links: tuple[Pid, ...]
    monitors: tuple[Pid, ...]
    registered_name: str | None
    current_behaviour: type | None
    vsn: Any
    reductions: int
    ancestors: tuple[Pid, ...]
    label: str | None
    trap_exit: bool


def is_alive(pid: Pid) -> bool:
    """Whether *pid* has not ended."""
    return checked_pid(pid).exit_reason is None


def processes() -> list[Pid]:
    """Return the living processes of this runtime, oldest first, without those of foreign threads."""
    return list(current_runtime().processes())


def process_info(pid: Pid) -> ProcessInfo | None:
    """Return what is known of *pid*, without asking it; None if it has ended."""
    process = checked_pid(pid)
    actor = process.actor
    if process.exit_reason is not None:
        return None
    return ProcessInfo(
        pid=process,
        status=status_of(process),
        message_queue_len=len(process.mailbox or ()) + len(process.held or ()),
        links=tuple(process.links or ()),
        monitors=tuple((process.monitors or {}).values()),
        registered_name=process.names[0] if process.names else None,
        current_behaviour=type(actor) if actor is not None else None,
        vsn=process.vsn,
        reductions=process.reductions,
        ancestors=process.ancestors,
        label=process.label,
        trap_exit=process.trapping,
    )


def status_of(process: Process) -> str:
    """Return what *process*, which lives, does: suspended, waiting (inside its code), running, runnable or idle."""
    suspension = process.runtime.suspension
    if process.suspended or (suspension is not None and suspension.holds(process)):
        return "suspended"
    if process.parked is not None or process.wait_on is not None:
        return "waiting"
    if (process.bar is not None and process.bar is not process.gate) or _runs_outside(process):
        return "running"
    return "runnable" if process.mailbox or process.boot is not None else "idle"


def _runs_outside(process: Process) -> bool:
    """Whether it is the process of a thread that otpy did not make: that runs whenever it does not wait."""
    return process.runner is not None and process.runner.current is process


# -- names -----------------------------------------------------------------------------------------


def register(name: str, pid: Pid) -> None:
    """Give *pid* the name *name*. Raises AlreadyRegistered if a living process has it."""
    if not isinstance(name, str) or not name:
        msg = f"a name is a non-empty str, not {name!r}; in a Registry, the process registers itself"
        raise TypeError(msg)
    current()
    process = checked_pid(pid)
    signals.register(process, name)
    if process.exit_reason is not None:
        raise NoProcess(pid)


def unregister(name: str) -> None:
    """Take the name away from its owner. Raises NoProcess if nobody has it."""
    current()
    signals.unregister(resolve(name), name)


def whereis(name: str | Via) -> Pid | None:
    """Return who has *name*, or None."""
    return current_runtime().names.get(name) if isinstance(name, str) else _lookup(name)


def registered() -> list[str]:
    """Return all names in use."""
    return list(current_runtime().names)


# -- time ------------------------------------------------------------------------------------------


def send_after(dest: Dest, msg: Any, seconds: float) -> TimerRef:
    """Send *msg* to *dest* in *seconds*; a name is looked up then, and a missing one swallows the message."""
    if not isinstance(dest, Process | str | Via):
        resolve(dest)
    check_seconds(seconds)
    me = current()
    made = me.runtime
    suspension = made.suspension
    if suspension is None or not suspension.is_insider(me):
        return made.timers.after(seconds, Sending(made, dest, msg))
    timer = made.timers.after(seconds, Sending(made, dest, msg, suspension))
    suspension.has_set(timer)
    return timer


@final
class Sending:
    """A message that a timer sends. An upgrade may put another message in its place until then.

    *upgrade*: the suspension of the upgrade that the timer is part of.
    """

    __slots__ = ("_runtime", "_upgrade", "dest", "message")

    def __init__(self, runtime: Runtime, dest: Dest, message: Any, upgrade: Suspension | None = None) -> None:
        self._runtime = runtime
        self._upgrade = upgrade
        self.dest = dest
        self.message = message

    def __call__(self) -> None:
        """Send it."""
        target = self.target()
        if target is not None and (self._upgrade is None or not self._upgrade.keeps_back(target, self.message)):
            deliver(target, self.message)

    def target(self) -> Process | None:
        """Return who would get it now; None if the name belongs to nobody."""
        dest = self.dest
        if isinstance(dest, str):
            return self._runtime.names.get(dest)
        return dest.whereis() if isinstance(dest, Via) else dest  # type: ignore[return-value]  # every Pid is a Process


def cancel_timer(ref: TimerRef) -> float | None:
    """Stop a timer. Returns the seconds it had left, or None if it had fired or was cancelled."""
    return current().runtime.timers.cancel(ref)


def sleep(seconds: float) -> None:
    """Park this process for *seconds*; everybody else runs on."""
    me = waiting()
    try:
        wait_for_answer(pause(me), seconds)
    except TimeoutError:
        return


def blocking(fn: Callable[..., T], *args: Any) -> T:
    """Run `fn(*args)`, which blocks, on a helper thread while only this process waits; its result or exception."""
    me = waiting()
    if not hasattr(me.runner, "pool"):
        return fn(*args)  # a thread of its own may block
    call = pause(me)
    me.runtime.pool.run(call, lambda: fn(*args))
    return wait_for_answer(call, None)  # type: ignore[no-any-return]


__all__ = [
    "Dest",
    "ProcessInfo",
    "blocking",
    "cancel_timer",
    "demonitor",
    "exit",
    "flush",
    "is_alive",
    "link",
    "monitor",
    "process_info",
    "processes",
    "receive",
    "register",
    "registered",
    "resolve",
    "self_pid",
    "send",
    "send_after",
    "set_label",
    "sleep",
    "spawn",
    "spawn_link",
    "spawn_monitor",
    "take",
    "trap_exit",
    "unlink",
    "unregister",
    "whereis",
]
